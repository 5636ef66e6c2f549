#!/usr/bin/env -S python3 -B
"""Compares what two builds of the services cost: CPU microseconds per request, in paired rounds of one run.

Usage: scripts/checks/compare-builds.py [OPTION...] BEFORE AFTER

BEFORE and AFTER are directories with a backend-service and a client-service each, such as target/release of two
commits. Each client calls a backend of its own build, without faults, for GET /api/call-backend. Rounds alternate
between the two builds, and each pair of rounds gives one ratio; the table has the median ratio and its 95 % confidence
interval (bootstrap), for the client and for the backend. CPU time is the system's own account of all threads of
a process (user and system, /proc/PID/task/*/schedstat), so that it does not depend on what else the machine does, as
much as latency would.

  --pairs N        pairs of rounds (default 20)
  --seconds N      length of a round (default 6)
  --connections N  connections of the load generator (default 32)
  --workers N      workers of each service (default: as many as there are cores)
  --limit RATIO    fails if the lower end of an interval is above it (default 1.05)

Needs wrk and Linux. All traffic is on 127.0.0.1. scripts/bench.sh measures one build against other programs.
"""

import argparse
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "chaos-experiments"))

from bench import load, rounds, services, stats
from bench.arguments import Parser, whole
from bench.contenders import CONTENDERS
from harness.processes import Failure, Process, Processes

CALL = CONTENDERS["call-backend"]
SERVICES = ("client", "backend")


@dataclass(frozen=True)
class Build:
    """Both services of one build, running."""

    client: Process
    backend: Process

    def round(self, plan: rounds.Plan) -> rounds.Sample:
        return rounds.measure(plan, CALL, self.client, self.backend)


def start(processes: Processes, name: str, directory: Path, workers: int) -> Build:
    backend = services.start_backend(processes, directory, workers, f"backend-{name}")
    return Build(services.start_client(processes, directory, workers, backend, f"client-{name}"), backend)


def play(given: argparse.Namespace) -> dict[str, list[rounds.Sample]]:
    load.need_wrk()
    samples: dict[str, list[rounds.Sample]] = {"before": [], "after": []}
    plan = rounds.Plan(given.pairs, given.seconds, 1, given.connections, 0)
    with tempfile.TemporaryDirectory(prefix="compare-builds.") as logs, Processes(Path(logs)) as processes:
        builds = {name: start(processes, name, getattr(given, name), given.workers) for name in samples}
        for number in range(given.pairs):
            for name in ("before", "after") if number % 2 == 0 else ("after", "before"):
                samples[name].append(builds[name].round(plan))
    return samples


def judge(samples: dict[str, list[rounds.Sample]], limit: float) -> int:
    costs = {
        name: {"client": [one.cpu_us for one in taken], "backend": [one.backend_cpu_us for one in taken]}
        for name, taken in samples.items()
    }
    status = 0
    print(f"{'CPU us/request':<16}{'before':>9}{'after':>9}{'ratio':>9}   95 % interval")
    for service in SERVICES:
        before, after = costs["before"][service], costs["after"][service]
        ratio = stats.paired(after, before)
        verdict = "" if ratio.low <= limit else f"   above {limit}"
        status |= ratio.low > limit
        print(
            f"{service:<16}{median(before):>9.1f}{median(after):>9.1f}"
            f"{ratio.value:>9.3f}   {ratio.low:.3f} to {ratio.high:.3f}{verdict}"
        )
    rates = [median(one.requests_per_second for one in samples[name]) for name in ("before", "after")]
    print(f"{'requests/s':<16}{rates[0]:>9.0f}{rates[1]:>9.0f}{rates[1] / rates[0]:>9.3f}")
    return status


def main() -> int:
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = Parser()
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--pairs", type=whole(1, 10_000), default=20)
    parser.add_argument("--seconds", type=whole(1, 10_000), default=6)
    parser.add_argument("--connections", type=whole(1, 10_000), default=32)
    parser.add_argument("--workers", type=whole(1, 64), default=os.cpu_count())
    parser.add_argument("--limit", type=float, default=1.05)
    try:
        given = parser.parse_args()
        return judge(play(given), given.limit)
    except Failure as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Compares what two builds of the services cost: CPU microseconds per request, in paired rounds of one run.

Usage: scripts/compare-builds.py [OPTION...] BEFORE AFTER

BEFORE and AFTER are directories with a backend-service and a client-service each, such as target/release of two
commits. Each client calls a backend of its own build, without faults, for GET /api/call-backend. Rounds alternate
between the two builds, and each pair of rounds gives one ratio; the table has the median ratio and its 95 % confidence
interval (order statistics), for the client and for the backend. CPU time is the system's own account of all threads of
a process (user and system, /proc/PID/task/*/schedstat), so that it does not depend on what else the machine does, as
much as latency would.

  --pairs N        pairs of rounds (default 20)
  --seconds N      length of a round (default 6)
  --connections N  connections of the load generator (default 32)
  --limit RATIO    fails if the lower end of an interval is above it (default 1.05)

Needs wrk and Linux. All traffic is on 127.0.0.1.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from math import comb
from pathlib import Path

SERVICES = ("client", "backend")


class Build:
    """Both services of one build, running."""

    def __init__(self, directory: str) -> None:
        self.processes: dict[str, subprocess.Popen] = {}
        ports = {service: free_port() for service in SERVICES}
        faults = {"FAILURE_RATE": "0", "SLOW_RESPONSE_RATE": "0"}
        self._start(directory, "backend", ports["backend"], faults)
        self._start(directory, "client", ports["client"], {"BACKEND_URL": f"http://127.0.0.1:{ports['backend']}"})
        self.url = f"http://127.0.0.1:{ports['client']}/api/call-backend"

    def _start(self, directory: str, service: str, port: int, settings: dict[str, str]) -> None:
        binary = Path(directory) / f"{service}-service"
        if not os.access(binary, os.X_OK):
            sys.exit(f"error: {binary} is missing, or not executable")
        environment = {"HOST": "127.0.0.1", "PORT": str(port), **settings}
        self.processes[service] = subprocess.Popen([binary], env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                    return
            except OSError:
                if time.monotonic() > deadline or self.processes[service].poll() is not None:
                    sys.exit(f"error: {binary} does not answer")
                time.sleep(0.05)

    def cpu(self) -> dict[str, float]:
        """Seconds of CPU that each service has used."""
        return {service: cpu_seconds(process.pid) for service, process in self.processes.items()}

    def round(self, seconds: int, connections: int) -> tuple[dict[str, float], float]:
        """CPU microseconds per request of each service, and requests per second."""
        before = self.cpu()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", self.url]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        after = self.cpu()
        if "Non-2xx" in output:
            sys.exit(f"error: not all requests succeeded:\n{output}")
        requests = int(re.search(r"(\d+) requests in", output)[1])
        return {
            service: (after[service] - before[service]) / requests * 1e6 for service in SERVICES
        }, requests / seconds

    def stop(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGKILL)
            process.wait()


def cpu_seconds(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def interval(values: list[float]) -> tuple[float, float]:
    """At least 95 % confidence for the median, by order statistics; all of the range if there are too few values."""
    ordered, count = sorted(values), len(values)
    tail, cut = 0.0, 0
    while cut < count // 2 and tail + comb(count, cut) / 2**count <= 0.025:
        tail += comb(count, cut) / 2**count
        cut += 1
    cut = max(cut - 1, 0)
    return ordered[cut], ordered[count - 1 - cut]


def positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 10000")
    return int(text)


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("Usage: "), add_help=False)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--pairs", type=positive, default=20)
    parser.add_argument("--seconds", type=positive, default=6)
    parser.add_argument("--connections", type=positive, default=32)
    parser.add_argument("--limit", type=float, default=1.05)
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        return 0
    given = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("error: wrk not found: install it with your system's package manager")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    builds: dict[str, Build] = {}
    try:
        for name in ("before", "after"):
            builds[name] = Build(getattr(given, name))
            builds[name].round(1, given.connections)
        costs = {name: {service: [] for service in SERVICES} for name in builds}
        rates = {name: [] for name in builds}
        for number in range(given.pairs):
            for name in ("before", "after") if number % 2 == 0 else ("after", "before"):
                cost, rate = builds[name].round(given.seconds, given.connections)
                rates[name].append(rate)
                for service in SERVICES:
                    costs[name][service].append(cost[service])
    except KeyboardInterrupt:
        return 130
    finally:
        for build in builds.values():
            build.stop()
    return judge(costs, rates, given.limit)


def judge(costs: dict, rates: dict, limit: float) -> int:
    status = 0
    print(f"{'CPU us/request':<16}{'before':>9}{'after':>9}{'ratio':>9}   95 % interval")
    for service in SERVICES:
        before, after = costs["before"][service], costs["after"][service]
        ratios = [new / old for new, old in zip(after, before, strict=True)]
        low, high = interval(ratios)
        verdict = "" if low <= limit else f"   above {limit}"
        status |= low > limit
        print(
            f"{service:<16}{statistics.median(before):>9.1f}{statistics.median(after):>9.1f}"
            f"{statistics.median(ratios):>9.3f}   {low:.3f} to {high:.3f}{verdict}"
        )
    medians = [statistics.median(rates[name]) for name in ("before", "after")]
    print(f"{'requests/s':<16}{medians[0]:>9.0f}{medians[1]:>9.0f}{medians[1] / medians[0]:>9.3f}")
    return status


if __name__ == "__main__":
    sys.exit(main())

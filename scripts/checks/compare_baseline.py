"""Started by compare-baseline.sh, which has the help text."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from harness import http
from harness.processes import Processes
from harness.services import start_backend, start_client
from resilience_lab.report.collect.baseline import BASELINE, RESILIENT, play
from resilience_lab.report.findings.baseline import side
from resilience_lab.report.formatting import percent, seconds

FAULTS = {"FAILURE_RATE": "0.3", "SLOW_RESPONSE_RATE": "0.2", "SLOW_RESPONSE_DELAY": "0.5"}
TIMES = {
    "ATTEMPT_TIMEOUT": "0.3",
    "CONNECT_TIMEOUT": "0.3",
    "CALL_DEADLINE": "3",
    "RETRY_BASE_DELAY": "0.1",
    "RETRY_MAX_DELAY": "1",
    "BREAKER_TRIAL_LEASE": "1",
    "BREAKER_RESET_TIMEOUT": "3",
}
# The least and the greatest share of the calls that succeed.
EXPECTED = {RESILIENT: (0.9, 1.0), BASELINE: (0.4, 0.6)}
ROW = "{:<37} {:>6} {:>8} {:>8} {:>8}  {}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--logs", type=Path, required=True)
    parser.add_argument("--url")
    given = parser.parse_args()
    with Processes(given.logs) as processes:
        return compare((given.url or start(processes, given.bin_dir)).rstrip("/"), given.calls, given.rate)


def start(processes: Processes, bin_dir: Path) -> str:
    """Starts both services; the client's URL. The client's settings in the environment take precedence."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("HOST", "PORT", "BACKEND_URL")}
    backend = start_backend(processes, bin_dir, inherited | FAULTS)
    return start_client(processes, bin_dir, backend, TIMES | inherited).url("")


def compare(url: str, calls: int, rate: float) -> int:
    """Makes the calls and prints their results. Exit status 1 if a share of successes is not as expected."""
    # A circuit that is open at the start would distort the comparison.
    if http.get(f"{url}/health")["circuit_breaker_state"] != "closed":
        sys.exit(f"error: the circuit is not closed at {url}; POST /api/circuit-breaker/reset closes it")
    print(f"{calls} calls of each kind to {url}, {rate:g} of each start every second ...\n")
    records = asyncio.run(play(url, calls, rate))
    sides = {path: side(record.as_json()["calls"][:calls]) for path, record in zip(EXPECTED, records, strict=True)}
    print(ROW.format("endpoint", "calls", "success", "p50", "p99", "answers"))
    for path, seen in sides.items():
        answers = ", ".join(f"{part.status or 'no answer'} x {part.share.count}" for part in seen.parts)
        times = [seconds(seen.percentile(p)) for p in (50, 99)]
        print(ROW.format(path, calls, percent(seen.success), *times, answers))
    print()
    failed = 0
    for path, (least, most) in EXPECTED.items():
        share = sides[path].success
        holds = least <= share.value <= most
        failed |= not holds
        verdict = f"{path}: {percent(share)} succeed, expected {percent(least, 0)} to {percent(most, 0)}"
        print(f"{'ok' if holds else 'error'}: {verdict}")
    return failed


if __name__ == "__main__":
    sys.exit(main())

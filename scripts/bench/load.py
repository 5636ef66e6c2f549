"""Runs the load generator wrk."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.processes import Failure, Process

HERE = Path(__file__).parent
MARK = "measured: "


@dataclass(frozen=True)
class Seen:
    """The results of one run of wrk."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def need_wrk() -> None:
    if not shutil.which("wrk"):
        raise Failure("wrk not found: install it with your system's package manager")


def run(process: Process, path: str, status: int, seconds: int, connections: int, every_status: bool = False) -> Seen:
    """Requests `path` on one thread for `seconds`. Fails unless all answers have this status.

    wrk itself counts statuses above 399 at no cost. `every_status` checks each answer, which is too slow for a
    measurement.
    """
    script = HERE / ("every-status.lua" if every_status else "summary.lua")
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-s",
        str(script),
        process.url(path),
        "--",
        str(status),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    marked = [line.removeprefix(MARK) for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode != 0 or len(marked) != 1:
        raise Failure(f"wrk failed at {process.name} (exit status {done.returncode}):\n{done.stdout}{done.stderr}")
    seen = json.loads(marked[0])
    judge(seen, status, f"{process.name}, GET {path}", every_status)
    return Seen(seen["requests"], seen["microseconds"] / 1e6, seen["p50"] / 1e3, seen["p99"] / 1e3)


def judge(seen: dict, status: int, what: str, every_status: bool) -> None:
    broken = {kind: seen[kind] for kind in ("connect", "read", "write", "timeout") if seen[kind]}
    if broken:
        raise Failure(f"{what}: {', '.join(f'{count} {kind} errors' for kind, count in broken.items())}")
    if not seen["requests"]:
        raise Failure(f"{what}: no request was answered")
    failed = seen["requests"] if status > 399 else 0
    if seen["above_399"] != failed:
        raise Failure(f"{what}: {seen['above_399']} of {seen['requests']} answers above 399, expected {failed}")
    if every_status and seen["unexpected"]:
        raise Failure(f"{what}: {seen['unexpected']} of {seen['requests']} answers were not {status}")

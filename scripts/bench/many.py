"""What the number of upstreams costs the gateway: time to its first answer, and memory."""

import time
from collections.abc import Mapping
from pathlib import Path

from harness import http
from harness.processes import Processes

from . import services, stats
from .origins import HTTP, LAB, Origin
from .servers import MANY, upstreams

STARTS = 5
FIGURES = ("start_ms", "idle_mib", "called_mib")


def measure(bin_dir: Path, work_dir: Path, workers: int, origins: Mapping[str, Origin]) -> dict[str, dict]:
    """The figures with one upstream and with many. Starts them in turns."""
    seen = {str(number): {figure: [] for figure in FIGURES} for number in (1, MANY)}
    for _ in range(STARTS):
        for number, figures in seen.items():
            for figure, value in start(int(number), bin_dir, work_dir, workers, origins).items():
                figures[figure].append(value)
    return {
        number: {figure: stats.estimate(values).record() for figure, values in figures.items()}
        for number, figures in seen.items()
    }


def start(number: int, bin_dir: Path, work_dir: Path, workers: int, origins: Mapping[str, Origin]) -> dict[str, float]:
    file = work_dir / f"many-{number}.toml"
    file.write_text(upstreams(origins[HTTP], number), encoding="utf-8")
    with Processes(work_dir) as processes:
        begin = time.monotonic()
        process = services.start_client(processes, bin_dir, workers, origins[LAB].process, "many", config=file)
        process.await_answer("/health")
        seconds, idle = time.monotonic() - begin, process.memory()
        for upstream in http.get(process.url("/api/upstreams"))["upstreams"]:
            if upstream["name"] != "backend (lab)":
                http.succeed(process.url(f"/upstreams/{upstream['name']}/small"), seconds=5)
        return {"start_ms": seconds * 1e3, "idle_mib": idle / 2**20, "called_mib": process.memory() / 2**20}

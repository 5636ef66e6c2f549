"""The lab's two services, with the settings of the measurement."""

from pathlib import Path

from harness import http, services
from harness.processes import Failure, Process, Processes


def settings(workers: int) -> dict[str, str]:
    return {"RUST_LOG": "warn", "WORKERS": str(workers)}


def start_backend(processes: Processes, bin_dir: Path, workers: int, name: str = "backend") -> Process:
    return services.start_backend(processes, bin_dir, settings(workers), name)


def start_client(
    processes: Processes,
    bin_dir: Path,
    workers: int,
    backend: Process,
    name: str,
    force_open: bool = False,
    config: Path | None = None,
) -> Process:
    """`config` is its file of upstreams."""
    file = {} if config is None else {"CONFIG": str(config)}
    process = services.start_client(processes, bin_dir, backend, settings(workers) | file, name)
    if force_open:
        state = http.call("POST", process.url("/api/circuit-breaker/force-open"), seconds=5)[1]["state"]
        if state != "open":
            raise Failure(f"{name}: the circuit is {state}, and was forced open")
    return process

"""Our two services, as they are measured: healthy, and quiet."""

import json
import os
import urllib.request
from pathlib import Path

from .processes import OPENER, Failure, Process, Processes

QUIET = {"HOST": "127.0.0.1", "RUST_LOG": "warn"}
HEALTHY = {"FAILURE_RATE": "0", "SLOW_RESPONSE_RATE": "0", "TRANSIENT_FAILURE_RATE": "0"}


def start_backend(processes: Processes, bin_dir: Path, workers: int, name: str = "backend") -> Process:
    return _start(processes, bin_dir, name, "backend-service", workers, HEALTHY)


def start_client(
    processes: Processes, bin_dir: Path, workers: int, backend: Process, name: str, force_open: bool = False
) -> Process:
    process = _start(processes, bin_dir, name, "client-service", workers, {"BACKEND_URL": backend.url("")})
    if force_open:
        request = urllib.request.Request(process.url("/api/circuit-breaker/force-open"), method="POST", data=b"")
        with OPENER.open(request, timeout=5) as answer:
            state = json.load(answer)["state"]
        if state != "open":
            raise Failure(f"{name}: the circuit is {state}, and was forced open")
    return process


def executable(path: Path) -> Path:
    if not os.access(path, os.X_OK) or path.is_dir():
        raise Failure(f"{path} is missing, or not executable")
    return path


def answered_by(backend: Process) -> int:
    """How many requests the backend has answered on /api/data."""
    with OPENER.open(backend.url("/api/metrics"), timeout=5) as answer:
        return json.load(answer)["successful_responses"]


def _start(
    processes: Processes, bin_dir: Path, name: str, service: str, workers: int, settings: dict[str, str]
) -> Process:
    port = processes.free_port()
    environment = QUIET | {"PORT": str(port), "WORKERS": str(workers)} | settings
    process = processes.start(name, [executable(bin_dir / service)], port, environment)
    process.await_answer("/health")
    return process

"""Starts the lab's two services."""

import os
from pathlib import Path

from .processes import Failure, Process, Processes

LOCAL = {"HOST": "127.0.0.1"}
NO_FAULTS = {"FAILURE_RATE": "0", "SLOW_RESPONSE_RATE": "0", "TRANSIENT_FAILURE_RATE": "0"}


def executable(path: Path) -> Path:
    if not os.access(path, os.X_OK) or path.is_dir():
        raise Failure(f"{path} is missing, or not executable")
    return path


def start_backend(processes: Processes, bin_dir: Path, settings: dict[str, str], name: str = "backend") -> Process:
    """Without random faults."""
    return _start(processes, bin_dir / "backend-service", name, NO_FAULTS | settings)


def start_client(
    processes: Processes, bin_dir: Path, backend: Process, settings: dict[str, str], name: str = "client"
) -> Process:
    return _start(processes, bin_dir / "client-service", name, {"BACKEND_URL": backend.url("")} | settings)


def _start(processes: Processes, program: Path, name: str, settings: dict[str, str]) -> Process:
    port = processes.free_port()
    process = processes.start(name, [executable(program)], port, LOCAL | {"PORT": str(port)} | settings)
    process.await_port()
    return process

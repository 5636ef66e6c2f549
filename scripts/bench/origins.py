"""What contenders call: the lab's backend, or nginx, which has answers of two sizes over http and https."""

import itertools
import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import http
from harness.processes import Failure, Process, Processes

from . import services
from .configs import write

LAB, HTTP, HTTPS = "lab", "http", "https"
# Of the certificate.
NAME = "origin.test"
SIZES = {"small": 100, "large": 1 << 20}


@dataclass(frozen=True)
class Origin:
    process: Process
    port: int
    # Number of its answers to contenders so far.
    answered: Callable[[], int]
    # The certificates that sign its own. None: it speaks plain HTTP.
    ca: Path | None = None

    def url(self) -> str:
        return f"{'http' if self.ca is None else 'https'}://127.0.0.1:{self.port}"


def start(names: set[str], processes: Processes, bin_dir: Path, work_dir: Path, workers: int) -> dict[str, Origin]:
    """Those of these names, and always the lab's backend."""
    backend = services.start_backend(processes, bin_dir, workers)
    url = backend.url("/api/metrics")
    origins = {LAB: Origin(backend, backend.port, lambda: http.get(url, seconds=5)["successful_responses"])}
    return origins | (nginx(processes, work_dir, workers) if names & {HTTP, HTTPS} else {})


def nginx(processes: Processes, work_dir: Path, workers: int) -> dict[str, Origin]:
    directory = work_dir / "origin"
    directory.mkdir()
    for name, size in SIZES.items():
        (directory / name).write_bytes(os.urandom(size))
    health = directory / "health.log"
    health.touch()
    ca = certificate(directory)
    ports = {"port": processes.free_port(), "tls_port": processes.free_port(), "status_port": processes.free_port()}
    config = write("origin.conf", directory / "origin.conf", directory=directory, workers=workers, **ports)
    process = processes.start("origin", ["nginx", "-e", "stderr", "-p", directory, "-c", config], ports["port"])
    process.await_port()
    status, asked = f"http://127.0.0.1:{ports['status_port']}/", itertools.count(1)

    def answered() -> int:
        found = re.search(r"^ \d+ \d+ (\d+) $", http.content(status, seconds=5).decode(), re.MULTILINE)
        if not found:
            raise Failure(f"nginx counts no requests at {status}")
        # Without the requests for this count and haproxy's health checks.
        return int(found[1]) - next(asked) - len(health.read_bytes().splitlines())

    return {
        HTTP: Origin(process, ports["port"], answered),
        HTTPS: Origin(process, ports["tls_port"], answered, ca),
    }


def certificate(directory: Path) -> Path:
    """Writes a key, and a certificate for `NAME` that signs itself. Returns the certificate."""
    path = directory / "origin.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(directory / "origin.key"), "-out", str(path), "-days", "2", "-subj", f"/CN={NAME}"]
    command += ["-addext", f"subjectAltName=DNS:{NAME}", "-addext", "basicConstraints=critical,CA:FALSE"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Failure(f"openssl cannot make a certificate: {made.stderr.strip()}")
    return path

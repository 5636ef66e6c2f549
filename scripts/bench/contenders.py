"""The programs that are measured, each with the same number of workers and the same backend."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template

from harness.processes import Failure, Process, Processes
from harness.services import executable

from . import services

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Bench:
    """The arguments of every start."""

    processes: Processes
    bin_dir: Path
    work_dir: Path
    workers: int
    backend: Process


@dataclass(frozen=True)
class Contender:
    """A path of a server, and the expected answers."""

    title: str
    # Contenders with the same server share one process.
    server: str
    path: str
    status: int = 200
    # True if each answer comes from the backend.
    calls_backend: bool = True


CONTENDERS = {
    "call-backend": Contender("ours, `/api/call-backend`", "client", "/api/call-backend"),
    "baseline": Contender("ours, without resilience", "client", "/api/call-backend-without-resilience"),
    "bare-awc": Contender("bare awc call in a handler", "bare-awc", "/api/call-backend"),
    "haproxy": Contender("haproxy", "haproxy", "/api/data"),
    "nginx": Contender("nginx", "nginx", "/api/data"),
    "envoy": Contender("Envoy", "envoy", "/api/data"),
    "lab": Contender("Flask, pybreaker, tenacity, requests", "lab", "/api/call-backend"),
    "health": Contender("ours, `/health`", "client-open", "/health", calls_backend=False),
    "open": Contender("ours, circuit open", "client-open", "/api/call-backend", 503, calls_backend=False),
    "lab-open": Contender("Flask, pybreaker: circuit open", "lab-open", "/api/call-backend", 503, calls_backend=False),
}


def start(server: str, bench: Bench) -> Process:
    process = SERVERS[server].start(bench, server)
    # The readiness path may need the backend, too.
    process.await_answer(SERVERS[server].ready)
    return process


def missing(server: str, bin_dir: Path) -> str | None:
    """Why a server cannot be started here; None if it can."""
    needed = SERVERS[server].needs(bin_dir)
    return None if shutil.which(needed) else f"{Path(needed).name} is missing"


def versions(servers: set[str], bin_dir: Path) -> dict[str, str]:
    """The versions of other programs, from their own output."""
    found = {}
    for server in sorted(servers):
        program, version = SERVERS[server].needs(bin_dir), SERVERS[server].version
        if version:
            said = subprocess.run([program, *version], capture_output=True, text=True, check=False)
            found[program] = SERVERS[server].read_version(said.stdout + said.stderr)
    return found


@dataclass(frozen=True)
class Server:
    start: Callable[[Bench, str], Process]
    needs: Callable[[Path], str]
    ready: str = "/health"
    version: tuple[str, ...] = ()
    read_version: Callable[[str], str] = str.strip


def ours(bench: Bench, name: str) -> Process:
    force_open = name.endswith("-open")
    return services.start_client(bench.processes, bench.bin_dir, bench.workers, bench.backend, name, force_open)


def bare_awc(bench: Bench, name: str) -> Process:
    port = bench.processes.free_port()
    settings = {"BACKEND_URL": bench.backend.url(""), "PORT": str(port), "WORKERS": str(bench.workers)}
    return bench.processes.start(name, [executable(bench.bin_dir / "examples/bare_awc")], port, settings)


def haproxy(bench: Bench, name: str) -> Process:
    port, config = written(bench, "haproxy.cfg", name)
    # If it is unpacked and not installed, its libraries are in another folder.
    settings = {"LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
    return bench.processes.start(name, ["haproxy", "-db", "-f", config], port, settings)


def nginx(bench: Bench, name: str) -> Process:
    port, config = written(bench, "nginx.conf", name)
    return bench.processes.start(name, ["nginx", "-e", "stderr", "-p", bench.work_dir, "-c", config], port)


def envoy(bench: Bench, name: str) -> Process:
    port, config = written(bench, "envoy.yaml", name)
    options = ["--concurrency", str(bench.workers), "--disable-hot-restart", "--log-level", "warn"]
    return bench.processes.start(name, ["envoy", "-c", config, *options], port)


def lab(bench: Bench, name: str) -> Process:
    port = bench.processes.free_port()
    # More threads are slower: they only add switches between threads.
    command = ["gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"]
    command += ["--workers", str(bench.workers), "--threads", "4", "--keep-alive", "30"]
    command += ["--chdir", str(HERE / "lab"), "--worker-tmp-dir", str(bench.work_dir)]
    command += ["--no-control-socket", "--log-level", "warning", "app:app"]
    settings = {"BACKEND_URL": bench.backend.url(""), "PYTHONPYCACHEPREFIX": str(bench.work_dir / "pycache")}
    if name.endswith("-open"):
        settings["CIRCUIT"] = "open"
    return bench.processes.start(name, command, port, settings)


def written(bench: Bench, template: str, name: str) -> tuple[int, Path]:
    """Writes the configuration of a proxy. Returns its port and the file."""
    port, config = bench.processes.free_port(), bench.work_dir / template
    values = {"port": port, "backend": bench.backend.port, "workers": bench.workers, "directory": bench.work_dir}
    # substitute: an unknown placeholder is an error.
    config.write_text(Template((HERE / "configs" / template).read_text(encoding="utf-8")).substitute(values))
    return port, config


def first_number(said: str) -> str:
    """The first word with a dot and digits: 1.22.1 of "nginx version: nginx/1.22.1"."""
    words = said.replace("/", " ").split()
    return next((word.strip("()") for word in words if "." in word and word[0].isdigit()), "unknown")


def program(name: str) -> Callable[[Path], str]:
    return lambda _: name


def built(name: str) -> Callable[[Path], str]:
    return lambda bin_dir: str(bin_dir / name)


SERVERS = {
    "client": Server(ours, built("client-service")),
    "client-open": Server(ours, built("client-service")),
    "bare-awc": Server(bare_awc, built("examples/bare_awc"), ready="/api/call-backend"),
    "haproxy": Server(haproxy, program("haproxy"), version=("-v",), read_version=first_number),
    "nginx": Server(nginx, program("nginx"), version=("-v",), read_version=first_number),
    "envoy": Server(
        envoy, program("envoy"), version=("--version",), read_version=lambda said: said.partition("/")[2].split("/")[0]
    ),
    "lab": Server(lab, program("gunicorn"), version=("--version",), read_version=first_number),
    "lab-open": Server(lab, program("gunicorn")),
}


def chosen(names: str | None) -> list[str]:
    """The contenders that the user names, in the order of the table; all by default."""
    if names is None:
        return list(CONTENDERS)
    asked = names.split(",")
    for name in asked:
        if name not in CONTENDERS:
            raise Failure(f'there is no contender "{name}"; contenders: {", ".join(CONTENDERS)}')
    return [name for name in CONTENDERS if name in asked]

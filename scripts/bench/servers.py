"""The programs that are measured, each with the same number of workers."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.processes import Failure, Process, Processes
from harness.services import executable

from . import configs, origins, services
from .origins import Origin

HERE = Path(__file__).parent
MANY = 1000


@dataclass(frozen=True)
class Bench:
    """The arguments of every start."""

    processes: Processes
    bin_dir: Path
    work_dir: Path
    workers: int
    origins: Mapping[str, Origin]
    # Where the binaries of another build of ours are.
    before: Path | None = None


@dataclass(frozen=True)
class Server:
    start: Callable[[Bench, str, Origin], Process]
    needs: Callable[[Path], str]
    ready: str = "/health"
    version: tuple[str, ...] = ()
    read_version: Callable[[str], str] = str.strip
    origin: str = origins.LAB


def start(server: str, bench: Bench) -> Process:
    process = SERVERS[server].start(bench, server, bench.origins[SERVERS[server].origin])
    # The readiness path may need the origin, too.
    process.await_answer(SERVERS[server].ready)
    return process


def missing(server: str, bin_dir: Path) -> str | None:
    """Why a server cannot be started here; None if it can."""
    needed = [SERVERS[server].needs(bin_dir)]
    if SERVERS[server].origin != origins.LAB:
        needed += ["nginx", "openssl"]
    return next((f"{Path(program).name} is missing" for program in needed if not shutil.which(program)), None)


def versions(servers: set[str], bin_dir: Path) -> dict[str, str]:
    """The versions of other programs, from their own output."""
    found = {}
    for server in sorted(servers):
        program, version = SERVERS[server].needs(bin_dir), SERVERS[server].version
        if version:
            said = subprocess.run([program, *version], capture_output=True, text=True, check=False)
            found[program] = SERVERS[server].read_version(said.stdout + said.stderr)
    return found


def ours(bench: Bench, name: str, origin: Origin) -> Process:
    force_open = name.endswith("-open")
    return services.start_client(bench.processes, bench.bin_dir, bench.workers, origin.process, name, force_open)


def before(bench: Bench, name: str, origin: Origin) -> Process:
    if bench.before is None:
        raise Failure('contender "before" needs --before DIRECTORY')
    return services.start_client(bench.processes, bench.before, bench.workers, origin.process, name)


def bare_awc(bench: Bench, name: str, origin: Origin) -> Process:
    port = bench.processes.free_port()
    settings = {"BACKEND_URL": origin.url(), "PORT": str(port), "WORKERS": str(bench.workers)}
    return bench.processes.start(name, [executable(bench.bin_dir / "examples/bare_awc")], port, settings)


def gateway(bench: Bench, name: str, origin: Origin) -> Process:
    lab = bench.origins[origins.LAB].process
    file = bench.work_dir / f"{name}.toml"
    file.write_text(upstreams(origin, MANY if name.endswith("-many") else 1), encoding="utf-8")
    return services.start_client(bench.processes, bench.bin_dir, bench.workers, lab, name, config=file)


def upstreams(origin: Origin, number: int) -> str:
    """A file with this number of upstreams, all at the origin: `origin`, and others around it."""
    names = [f"a{index}" for index in range(number // 2)] + ["origin"]
    names += [f"z{index}" for index in range(number - len(names))]
    tls = "" if origin.ca is None else f'tls = {{ ca_file = "{origin.ca}", server_name = "{origins.NAME}" }}\n'
    return "".join(f'[upstreams.{name}]\nurl = "{origin.url()}"\n{tls}' for name in names)


def haproxy(bench: Bench, name: str, origin: Origin) -> Process:
    tls = f" ssl verify required ca-file {origin.ca} sni str({origins.NAME}) verifyhost {origins.NAME}"
    port, config = written(bench, "haproxy.cfg", name, origin, tls)
    # If it is unpacked and not installed, its libraries are in another folder.
    settings = {"LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
    return bench.processes.start(name, ["haproxy", "-db", "-f", config], port, settings)


def nginx(bench: Bench, name: str, origin: Origin) -> Process:
    tls = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {origin.ca}; proxy_ssl_name {origins.NAME};"
    port, config = written(bench, "nginx.conf", name, origin, tls)
    return bench.processes.start(name, ["nginx", "-e", "stderr", "-p", bench.work_dir / name, "-c", config], port)


def envoy(bench: Bench, name: str, origin: Origin) -> Process:
    context = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": origins.NAME,
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": {"filename": str(origin.ca)},
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": origins.NAME}}],
            }
        },
    }
    # JSON is YAML.
    tls = f"transport_socket: {json.dumps({'name': 'tls', 'typed_config': context})}"
    port, config = written(bench, "envoy.yaml", name, origin, tls)
    options = ["--concurrency", str(bench.workers), "--disable-hot-restart", "--log-level", "warn"]
    return bench.processes.start(name, ["envoy", "-c", config, *options], port)


def lab(bench: Bench, name: str, origin: Origin) -> Process:
    port = bench.processes.free_port()
    # More threads are slower: they only add switches between threads.
    command = ["gunicorn", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"]
    command += ["--workers", str(bench.workers), "--threads", "4", "--keep-alive", "30"]
    command += ["--chdir", str(HERE / "lab"), "--worker-tmp-dir", str(bench.work_dir)]
    command += ["--no-control-socket", "--log-level", "warning", "app:app"]
    settings = {"BACKEND_URL": origin.url(), "PYTHONPYCACHEPREFIX": str(bench.work_dir / "pycache")}
    if name.endswith("-open"):
        settings["CIRCUIT"] = "open"
    return bench.processes.start(name, command, port, settings)


def written(bench: Bench, template: str, name: str, origin: Origin, tls: str) -> tuple[int, Path]:
    """Writes the configuration of a proxy, with `tls` if its origin speaks it. Returns its port and the file."""
    port, directory = bench.processes.free_port(), bench.work_dir / name
    directory.mkdir()
    values = {"port": port, "origin": origin.port, "workers": bench.workers, "directory": directory}
    secured = {"tls": tls, "scheme": "https"} if origin.ca else {"tls": "", "scheme": "http"}
    return port, configs.write(template, directory / template, **values, **secured)


def first_number(said: str) -> str:
    """The first word with a dot and digits: 1.22.1 of "nginx version: nginx/1.22.1"."""
    words = said.replace("/", " ").split()
    return next((word.strip("()") for word in words if "." in word and word[0].isdigit()), "unknown")


def program(name: str) -> Callable[[Path], str]:
    return lambda _: name


def built(name: str) -> Callable[[Path], str]:
    return lambda bin_dir: str(bin_dir / name)


HAPROXY = Server(haproxy, program("haproxy"), version=("-v",), read_version=first_number)
NGINX = Server(nginx, program("nginx"), version=("-v",), read_version=first_number)
ENVOY = Server(
    envoy, program("envoy"), version=("--version",), read_version=lambda said: said.partition("/")[2].split("/")[0]
)
GATEWAY = Server(gateway, built("client-service"))
SERVERS = (
    {
        "client": Server(ours, built("client-service")),
        "before": Server(before, built("client-service")),
        "client-open": Server(ours, built("client-service")),
        "bare-awc": Server(bare_awc, built("examples/bare_awc"), ready="/api/call-backend"),
        "haproxy": HAPROXY,
        "nginx": NGINX,
        "envoy": ENVOY,
        "lab": Server(lab, program("gunicorn"), version=("--version",), read_version=first_number),
        "lab-open": Server(lab, program("gunicorn")),
    }
    | {
        f"{name}-{origin}": replace(server, origin=origin)
        for name, server in (("gateway", GATEWAY), ("haproxy", HAPROXY), ("nginx", NGINX), ("envoy", ENVOY))
        for origin in (origins.HTTP, origins.HTTPS)
    }
    | {"gateway-many": replace(GATEWAY, origin=origins.HTTP)}
)

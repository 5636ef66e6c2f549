"""What an upload costs: read by a bare actix, and passed on by our gateway and by a bare awc.

The CPU time is that of the process under test alone. A proxy reads what actix reads, and also writes it. A caller that
sends without a pause fills the buffers of the kernel: reading alone then costs least, a few large reads.
"""

import itertools
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.processes import Failure, Process, Processes, cpu_seconds
from harness.services import executable

from . import limits, services, stats

SIZE = 256 << 20
# Bytes of a body in a smoke test.
SMALL = 8 << 20
CHUNK = 64 << 10
# Bytes that are sent again and again.
PART = 1 << 20
# Bytes of a write of a caller that sends at a steady rate.
WRITE = 16 << 10
# Maximum ratio of the gateway's CPU time to that of the bare actix, at the steady rate.
MUST = 2.0
# Seconds without progress until an upload fails.
PATIENCE = 30
# Seconds of a round.
SECONDS = 9

SERVERS = {
    "ours": ("ours, which passes it on", "/upstreams/sink/sink"),
    "awc": ("bare awc in actix, which passes it on", "/pass-on"),
    "actix": ("bare actix, which discards it", "/sink"),
}


@dataclass(frozen=True)
class Body:
    """How a body is framed, and the bytes of it that are sent in a second; None: without a pause."""

    title: str
    is_chunked: bool
    rate: float | None

    def framing(self, size: int) -> str:
        return "transfer-encoding: chunked" if self.is_chunked else f"content-length: {size}"

    def part(self) -> bytes:
        """The bytes of it that are sent again and again."""
        if not self.is_chunked:
            return os.urandom(PART)
        return b"".join(b"%x\r\n%b\r\n" % (CHUNK, os.urandom(CHUNK)) for _ in range(PART // CHUNK))


BODIES = {
    "sized": Body("with a `Content-Length`, 400 MB/s", False, 400e6),
    "chunked": Body("in chunks of 64 KiB, 400 MB/s", True, 400e6),
    "sized-flood": Body("with a `Content-Length`, without a pause", False, None),
    "chunked-flood": Body("in chunks of 64 KiB, without a pause", True, None),
}


def measure(
    rounds: int, size: int, seed: int, bin_dir: Path, work_dir: Path, tell: Callable[[str], None]
) -> dict[str, dict[str, list[float]]]:
    """CPU milliseconds of each upload of this size to each server, by round."""
    chance, kinds = random.Random(seed), list(itertools.product(BODIES, SERVERS))
    seen = {body: {name: [] for name in SERVERS} for body in BODIES}
    with Processes(work_dir) as processes:
        sink = bare(processes, bin_dir, "sink", "http://127.0.0.1:9")
        at_sink = bare(processes, bin_dir, "bare", sink.url(""))
        file = work_dir / "sink.toml"
        file.write_text(f'[upstreams.sink]\nurl = "{sink.url("")}"\n', encoding="utf-8")
        ours = services.start_client(processes, bin_dir, 1, sink, "ours", config=file)
        running = {"ours": ours, "awc": at_sink, "actix": at_sink}
        for number in range(rounds + 1):
            for body, name in chance.sample(kinds, len(kinds)):
                before = running[name].cpu()
                upload(running[name], SERVERS[name][1], BODIES[body], size)
                cost = cpu_seconds(before, running[name].cpu()) * 1e3
                # The first round is the warm-up.
                if number > 0:
                    seen[body][name].append(cost)
                    tell(f"round {number}/{rounds}  {body:<14}{name:<6}{cost:>9.1f} ms CPU")
    return seen


def bare(processes: Processes, bin_dir: Path, name: str, url: str) -> Process:
    port = processes.free_port()
    settings = {"BACKEND_URL": url, "PORT": str(port), "WORKERS": "1"}
    process = processes.start(name, [executable(bin_dir / "examples/bare_awc")], port, settings)
    process.await_port()
    return process


def upload(server: Process, path: str, body: Body, size: int) -> None:
    """Sends a body. Fails unless the answer is its size, which the sink counts."""
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n{body.framing(size)}\r\n\r\n"
    part = memoryview(body.part())
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(head.encode())
        begin = time.monotonic()
        for number in range(size // PART):
            if body.rate is None:
                connection.sendall(part)
                continue
            for at in range(0, len(part), WRITE):
                connection.sendall(part[at : at + WRITE])
                time.sleep(max(begin + (number * PART + at) / body.rate - time.monotonic(), 0))
        connection.sendall(b"0\r\n\r\n" if body.is_chunked else b"")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(b"\r\n\r\n%d" % size):
        raise Failure(f"{server.name}, POST {path}, {body.title}: {answer[-500:]!r}")


def summary(seen: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, dict]]:
    """The medians, and their ratios to the bare actix; with a limit for ours at the steady rate."""
    return {
        body: {
            name: {
                "cpu_ms": stats.estimate(costs).record(),
                "ratio": limits.row(
                    f"CPU of an upload {BODIES[body].title}, {name} / actix",
                    stats.paired(costs, servers["actix"]),
                    MUST if name == "ours" and BODIES[body].rate else None,
                    None,
                ),
            }
            for name, costs in servers.items()
        }
        for body, servers in seen.items()
    }

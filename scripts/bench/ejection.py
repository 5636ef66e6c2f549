"""What one sick endpoint of three costs, behind our gateway and behind Envoy.

Both run at the same time, each in front of three endpoints of its own, with the same rate of calls, retries, timeouts
and ejection. After a while one endpoint of each falls sick, and later it recovers. bench.sh starts this in a network
namespace, where nftables drops the packets of a silent endpoint.
"""

import asyncio
import contextlib
import itertools
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.processes import Failure, Process, Processes
from resilience_lab.traffic import Record, call_steadily, new_session, percentile

from . import configs, services, stats
from .tables import EJECTION, FAULTS

ENDPOINTS = 3
CALLS_PER_SECOND = 100.0
# Seconds of a run before the fault, with it, and after it.
HEALTHY, SICK, RECOVERED = 4.0, 12.0, 14.0
# Of a round, with the start of the programs.
SECONDS = len(FAULTS) * (HEALTHY + SICK + RECOVERED + 2.0)
# Seconds of an answer.
USUAL, SLOW = 0.01, 0.1
# An endpoint without a request for this many seconds is ejected: otherwise it has one each 30 ms.
PAUSE = 1.0
# A call that took this many seconds has waited for a timeout, which is a second.
WAITED = 0.5


@dataclass
class Endpoint:
    """A server whose answers a fault changes."""

    port: int
    fault: str | None = None
    # When its requests came.
    requests: list[float] = field(default_factory=list)

    async def serve(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        async with server:
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled: the run has ended.
        ended = (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError)
        with contextlib.suppress(*ended), contextlib.closing(writer):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.requests.append(time.monotonic())
                if self.fault == "hangs":
                    await reader.read()
                    return
                await asyncio.sleep(SLOW if self.fault == "slow" else USUAL)
                status = "500 Internal Server Error" if self.fault == "errors" else "200 OK"
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode()
                )
                await writer.drain()

    def fall_sick(self, fault: str) -> None:
        self.fault = fault
        if fault == "silent":
            drop = [f"add rule inet sick in tcp {side} {self.port} drop" for side in ("dport", "sport")]
            packets("add table inet sick", "add chain inet sick in { type filter hook input priority 0 ; }", *drop)

    def recover(self) -> None:
        if self.fault == "silent":
            # Of both sides, at the same time.
            packets("add table inet sick", "delete table inet sick")
        self.fault = None


def packets(*rules: str) -> None:
    made = subprocess.run(["nft", "-f", "-"], input="\n".join(rules), capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise Failure(f"nft: {made.stderr.strip()}")


@dataclass
class Side:
    """One of the two proxies, with its endpoints and its callers."""

    endpoints: list[Endpoint]
    process: Process
    path: str
    record: Record = field(default_factory=Record)


def ours(processes: Processes, bin_dir: Path, work_dir: Path, endpoints: Sequence[Endpoint]) -> Process:
    urls = ", ".join(f'"http://127.0.0.1:{endpoint.port}"' for endpoint in endpoints)
    file = configs.write("sick-endpoint.toml", work_dir / "sick-endpoint.toml", urls=urls)
    # The lab's own backend is not there, and not called.
    nowhere = Process("nowhere", [], 9, {}, work_dir / "nowhere.log")
    return services.start_client(processes, bin_dir, 1, nowhere, "ours", config=file)


def envoy(processes: Processes, _: Path, work_dir: Path, endpoints: Sequence[Endpoint]) -> Process:
    port = processes.free_port()
    ports = {f"endpoint_{number}": endpoint.port for number, endpoint in enumerate(endpoints)}
    config = configs.write("sick-endpoint.yaml", work_dir / "sick-endpoint.yaml", port=port, **ports)
    command = ["envoy", "-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"]
    process = processes.start("envoy", command, port)
    process.await_port()
    return process


SIDES: Mapping[str, tuple[Callable[..., Process], str]] = {
    "ours": (ours, "/upstreams/endpoints/"),
    "Envoy": (envoy, "/"),
}


def measure(
    rounds: int, bin_dir: Path, work_dir: Path, tell: Callable[[str], None]
) -> dict[str, dict[str, dict[str, dict | None]]]:
    """The figures of each fault behind each proxy, as medians of the rounds."""
    seen = {fault: {name: {figure: [] for figure in EJECTION} for name in SIDES} for fault in FAULTS}
    for number in range(1, rounds + 1):
        for fault, sides in seen.items():
            directory = work_dir / f"{fault}-{number}"
            directory.mkdir()
            for name, figures in asyncio.run(run(fault, bin_dir, directory)).items():
                shown = "".join(f"  {key} {value and round(value, 2)}" for key, value in figures.items())
                tell(f"round {number}/{rounds}  {fault:<8}{name:<6}{shown}")
                for figure, value in figures.items():
                    sides[name][figure].append(value)
    return {fault: {name: summary(figures) for name, figures in sides.items()} for fault, sides in seen.items()}


def summary(figures: Mapping[str, list[float | None]]) -> dict[str, dict | None]:
    """The median of each figure; None if a round has none."""
    return {figure: None if None in values else stats.estimate(values).record() for figure, values in figures.items()}


async def run(fault: str, bin_dir: Path, work_dir: Path) -> dict[str, dict[str, float | None]]:
    """One run of both sides; the figures of each."""
    with Processes(work_dir) as processes:
        sides = {}
        for name, (start, path) in SIDES.items():
            endpoints = [Endpoint(processes.free_port()) for _ in range(ENDPOINTS)]
            sides[name] = Side(endpoints, start(processes, bin_dir, work_dir, endpoints), path)
        serving = [asyncio.create_task(endpoint.serve()) for side in sides.values() for endpoint in side.endpoints]
        begin, heal = await play(fault, list(sides.values()))
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
    return {name: figures(fault, side, begin, heal) for name, side in sides.items()}


async def play(fault: str, sides: Sequence[Side]) -> tuple[float, float]:
    """Calls both sides at the same time, through the fault. Returns its begin and its end, on the monotonic clock."""
    end = time.monotonic() + HEALTHY + SICK + RECOVERED
    async with new_session() as session, asyncio.TaskGroup() as callers:
        for side in sides:
            side.record = Record()
            url = side.process.url(side.path)
            callers.create_task(
                call_steadily(session, side.record, url, CALLS_PER_SECOND, lambda: time.monotonic() > end)
            )
        await asyncio.sleep(HEALTHY)
        begin = time.monotonic()
        for side in sides:
            side.endpoints[0].fall_sick(fault)
        await asyncio.sleep(SICK)
        heal = time.monotonic()
        for side in sides:
            side.endpoints[0].recover()
    return begin, heal


def figures(fault: str, side: Side, begin: float, heal: float) -> dict[str, float | None]:
    record, requests = side.record, side.endpoints[0].requests
    start = begin - record.begin
    during = [call for call in record.calls if start <= call.at < start + heal - begin]
    met = [at for at in requests if begin <= at < heal]
    if fault == "silent":
        # No request reaches the endpoint. A call that met it has waited for a timeout.
        met = sorted(record.begin + call.at for call in during if call.seconds > WAITED)
    back = next((at for at in requests if at >= heal), None)
    return {
        "lost": sum(call.status != 200 for call in record.calls),
        "p99_ms": percentile([call.seconds for call in during], 99) * 1e3,
        "requests": len(met),
        "ejected_s": ejection(met, begin, heal),
        "returned_s": None if back is None else back - heal,
    }


def ejection(requests: Sequence[float], begin: float, heal: float) -> float | None:
    """Seconds from the fault to the last request before the first pause; None if there is no pause before `heal`."""
    times = [begin, *requests, heal]
    return next((at - begin for at, later in itertools.pairwise(times) if later - at >= PAUSE), None)

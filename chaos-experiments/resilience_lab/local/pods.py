"""One pod: its process, its place in the network, its probe and its end."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import aiohttp

from . import wiring
from .logs import PodLog
from .objects import PodState
from .process import PodProcess

# Until a pod is ready for the first time it is asked this often, in seconds: as with a startup probe, but less patient.
FIRST_PROBES_PERIOD = 0.1
LINES_SHOWN = 20


class Pod:
    """The calls come in this order: start, connect, serve; delete at any time."""

    def __init__(
        self,
        state: PodState,
        command: Sequence[str],
        environment: Mapping[str, str],
        log_path: Path,
        on_change: Callable[[], None],
    ) -> None:
        self.state = state
        self.log = PodLog(log_path)
        self.process: PodProcess | None = None
        self.task: asyncio.Task[None] | None = None
        self._command = command
        self._environment = environment
        self._on_change = on_change
        self._timers: list[asyncio.TimerHandle] = []
        self._killed_at: float | None = None

    async def start(self, ip: str) -> None:
        self.state.ip = ip
        self.process = await PodProcess.start(self._command, self._environment, self.log)

    async def connect(self, interface: str, rules: str) -> None:
        assert self.process is not None and self.state.ip is not None
        await wiring.make_pod(self.process.pid, interface, self.state.ip, rules)

    async def serve(self) -> None:
        """Returns when the process has ended."""
        assert self.process is not None
        self.process.release()
        self.state.started = time.time()
        self._on_change()
        probing = asyncio.ensure_future(self._probe())
        try:
            await asyncio.wait([probing, self.process.exited], return_when=asyncio.FIRST_COMPLETED)
            if probing.done():
                probing.result()
        finally:
            probing.cancel()

    async def _probe(self) -> None:
        probe = self.state.deployment.probe
        url = f"http://{self.state.ip}:{probe.port}{probe.path}"
        timeout = aiohttp.ClientTimeout(total=probe.timeout)
        failures = 0
        # A connection for each probe, as the kubelet does it.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            while True:
                try:
                    async with session.get(url, allow_redirects=False) as answer:
                        passed = 200 <= answer.status < 400
                except (aiohttp.ClientError, TimeoutError):
                    passed = False
                failures = 0 if passed else failures + 1
                if passed or failures >= probe.failure_threshold:
                    self._set_ready(passed)
                first = self.state.ready_changed is None
                await asyncio.sleep(FIRST_PROBES_PERIOD if first else probe.period)

    def _set_ready(self, ready: bool) -> None:
        if ready != self.state.ready:
            self.state.ready = ready
            self.state.ready_changed = time.time()
            self._on_change()

    # ---- the end -----------------------------------------------------------------------------------------------------

    def terminate(self, grace: int) -> None:
        """preStop, SIGTERM, and SIGKILL when the grace period is over; a second call can only shorten that."""
        deadline = time.time() + grace
        if self.state.deletion is not None and self.state.deletion[0] <= deadline:
            return
        again = self.state.deletion is not None
        self.state.deletion = (deadline, grace)
        loop = asyncio.get_running_loop()
        if not again:
            sleep = min(self.state.deployment.pre_stop_sleep, grace)
            self._timers.append(loop.call_later(sleep, self._signal, signal.SIGTERM))
        self._timers.append(loop.call_later(grace, self._signal, signal.SIGKILL))

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.signal(number)

    async def kill(self) -> None:
        """SIGKILL, and waits for the end."""
        for timer in self._timers:
            timer.cancel()
        if self.process is not None:
            self._signal(signal.SIGKILL)
            await asyncio.shield(self.process.exited)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def has_ended(self) -> bool:
        return self.process is not None and self.process.exited.done()

    async def ends_within(self, seconds: float) -> bool:
        assert self.process is not None
        await asyncio.wait([self.process.exited], timeout=seconds)
        return self.has_ended

    @property
    def exit_status(self) -> int:
        assert self.process is not None
        return self.process.exited.result()

    def end_of_log(self) -> str:
        lines = [line.text.decode(errors="replace") for line in self.log.lines(tail=LINES_SHOWN)]
        return "\n".join(f"  | {line}" for line in lines or [f"{self.state.name} has written nothing"])

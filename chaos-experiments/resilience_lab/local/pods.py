"""One pod: its process, network, probes and end."""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import aiohttp

from . import wiring
from .lab import Probe
from .logs import PodLog
from .objects import PodState
from .process import PodProcess

# The kubelet's minimum, in seconds: for a preStop hook, and from SIGTERM to SIGKILL.
MIN_GRACE, MIN_TIME_TO_STOP = 1, 2
LINES_SHOWN = 20


class Pod:
    """Call start, connect and serve, in this order; terminate and kill at any time."""

    def __init__(
        self,
        state: PodState,
        command: Sequence[str],
        log_path: Path,
        on_change: Callable[[], None],
        startup_period: float | None = None,
    ) -> None:
        """`startup_period` replaces the period of the startup probe, in seconds."""
        self.state = state
        self.log = PodLog(log_path)
        self.process: PodProcess | None = None
        self.task: asyncio.Task[None] | None = None
        self._command = command
        self._on_change = on_change
        self._startup_period = startup_period
        self._timers: list[asyncio.TimerHandle] = []

    async def start(self, ip: str, environment: Mapping[str, str]) -> None:
        self.state.ip = ip
        self.process = await PodProcess.start(self._command, environment, self.log)

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
        """Runs the startup probe until it passes once, then the readiness probe.

        The first probe runs a period after the start, as with a kubelet.
        """
        readiness, startup = self.state.deployment.readiness, self.state.deployment.startup
        failures = 0
        # A new connection for each probe, as with a kubelet.
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            started = startup is None
            while startup and not started:
                await asyncio.sleep(self._startup_period or startup.period)
                started = await self._passes(session, startup)
            while True:
                passed = await self._passes(session, readiness)
                failures = 0 if passed else failures + 1
                if passed or failures >= readiness.failure_threshold:
                    self._set_ready(passed)
                await asyncio.sleep(readiness.period)

    async def _passes(self, session: aiohttp.ClientSession, probe: Probe) -> bool:
        url, timeout = f"http://{self.state.ip}:{probe.port}{probe.path}", aiohttp.ClientTimeout(total=probe.timeout)
        try:
            async with session.get(url, allow_redirects=False, timeout=timeout) as answer:
                return 200 <= answer.status < 400
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _set_ready(self, ready: bool) -> None:
        if ready != self.state.ready:
            self.state.ready = ready
            self.state.ready_changed = time.time()
            self._on_change()

    # ---- the end -----------------------------------------------------------------------------------------------------

    def terminate(self, grace: int) -> None:
        """As a kubelet: preStop, SIGTERM, SIGKILL. A second call restarts this if its deadline is earlier."""
        deadline = time.time() + grace
        if self.state.deletion is not None and self.state.deletion[0] <= deadline:
            return
        self.state.deletion = (deadline, grace)
        for timer in self._timers:
            timer.cancel()
        granted = max(grace, MIN_GRACE)
        pre_stop = min(self.state.deployment.pre_stop_sleep, granted)
        loop = asyncio.get_running_loop()
        self._timers = [
            loop.call_later(pre_stop, self._signal, signal.SIGTERM),
            loop.call_later(max(granted, pre_stop + MIN_TIME_TO_STOP), self._signal, signal.SIGKILL),
        ]

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

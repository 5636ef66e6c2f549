"""A pod's process, in a network namespace of its own that ends with it."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence

from .logs import PodLog

# Prints a line when the namespace exists, and waits until it is connected.
GATE = 'echo; read -r _; exec "$@" </dev/null'


class PodProcess(asyncio.SubprocessProtocol):
    """Starts behind a gate; `release` opens it."""

    def __init__(self, log: PodLog) -> None:
        self._log = log
        self._transport: asyncio.SubprocessTransport | None = None
        loop = asyncio.get_running_loop()
        self._at_gate: asyncio.Future[None] = loop.create_future()
        self.exited: asyncio.Future[int] = loop.create_future()

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], log: PodLog) -> "PodProcess":
        """Returns when the process waits at the gate, in its own namespace."""
        loop = asyncio.get_running_loop()
        _, process = await loop.subprocess_exec(
            lambda: cls(log),
            *("unshare", "--net", "sh", "-c", GATE, "pod", *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], **environment},
            # Signals from a terminal go to COMMAND.
            start_new_session=True,
        )
        try:
            await process._at_gate
        except asyncio.CancelledError:
            process.signal(signal.SIGKILL)
            raise
        return process

    @property
    def pid(self) -> int:
        assert self._transport is not None
        return self._transport.get_pid()

    def release(self) -> None:
        """Opens the gate: the service starts."""
        assert self._transport is not None
        gate = self._transport.get_pipe_transport(0)
        assert isinstance(gate, asyncio.WriteTransport)
        gate.write(b"\n")

    def signal(self, number: signal.Signals) -> None:
        """Does nothing if the process has ended."""
        if self._transport is not None and not self.exited.done():
            # Not through the transport: it would reap the process, and asyncio would lose the exit status.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if not self._at_gate.done():
            said, newline, data = data.partition(b"\n")
            if said or not newline:
                # An error of unshare or the shell.
                self._log.feed(said + newline, time.time())
            self._at_gate.set_result(None)
        if data:
            self._log.feed(data, time.time())

    def process_exited(self) -> None:
        if not self._at_gate.done():
            self._at_gate.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called after the exit and the end of the output."""
        self._log.close(time.time())
        assert self._transport is not None
        status = self._transport.get_returncode()
        if not self.exited.done():
            self.exited.set_result(0 if status is None else status)


def ending(status: int) -> str:
    """An exit status as text."""
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"exit status {status}"

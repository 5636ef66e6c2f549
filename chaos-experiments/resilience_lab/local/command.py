"""COMMAND: the program that runs inside the cluster."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence


class Command:
    """Runs in its own process group, which has the terminal, if there is one: Ctrl-C reaches only this group."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], has_terminal: bool) -> None:
        self._process = subprocess.Popen(
            arguments,
            env=environment,
            process_group=0,
            preexec_fn=_take_terminal if has_terminal else _restore_signals,
        )

    async def wait(self) -> int:
        """Its exit status, as in a shell."""
        status = await asyncio.to_thread(self._process.wait)
        return status if status >= 0 else 128 - status

    async def terminate(self, timeout: float) -> None:
        """SIGTERM to the group, and SIGKILL after `timeout`. Returns when all processes have ended."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        self._signal_group(signal.SIGTERM)
        while self._signal_group(0) and loop.time() < deadline:
            await asyncio.sleep(0.05)
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: int) -> bool:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True


def _restore_signals() -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def _take_terminal() -> None:
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    # Nothing would continue it after Ctrl-Z.
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    _restore_signals()

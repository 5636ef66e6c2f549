"""The two processes, and how they are."""

import asyncio
import os
import re
import signal
import time
from dataclasses import dataclass

# All of the client's times are short, so that the circuit opens and closes many times a minute.
CLIENT = {
    "WORKERS": "2",
    "BREAKER_RESET_TIMEOUT": "0.5",
    "RETRY_BASE_DELAY": "0.1",
    "RETRY_MAX_DELAY": "0.5",
    "ATTEMPT_TIMEOUT": "0.5",
    "CONNECT_TIMEOUT": "0.3",
    "BREAKER_TRIAL_LEASE": "1",
    "CALL_DEADLINE": "3",
}
BACKEND = {"WORKERS": "2", "FAILURE_RATE": "0", "SLOW_RESPONSE_RATE": "0", "TRANSIENT_FAILURE_RATE": "0"}
SHUTDOWN_TIMEOUT = 35.0
START = 30.0


class Broken(Exception):
    """The lab itself does not do what the soak needs."""


@dataclass
class Sample:
    """What the operating system says of a process, so many seconds after the begin."""

    at: float
    memory: int
    files: int


class Service:
    """One process on a port of 127.0.0.1, its log in a file."""

    def __init__(self, program, port, settings, log):
        self.name = os.path.basename(program)
        self.port = port
        self.log = log
        self._program = program
        inherited = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        self._environment = inherited | settings | {"HOST": "127.0.0.1", "PORT": str(port)}
        self._process = None
        self._logged = 0

    async def start(self):
        """Returns when it listens; asks it nothing, for each request is counted."""
        with open(self.log, "ab") as log:
            self._logged = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                self._program, env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        end = time.monotonic() + START
        while " listening on " not in self.log_since_start():
            if self._process.returncode is not None:
                raise Broken(f"{self.name} ended at its start: {self.log_since_start()[-500:].strip()}")
            if time.monotonic() > end:
                raise Broken(f"{self.name} does not listen after {START:g} s")
            await asyncio.sleep(0.02)

    def log_since_start(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            log.seek(self._logged)
            return log.read()

    def is_running(self):
        return self._process is not None and self._process.returncode is None

    async def kill(self):
        """Without a chance to say goodbye."""
        if self.is_running():
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def terminate(self):
        """Asks it to end; returns its exit status and the seconds that it took, or None and the limit."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(SHUTDOWN_TIMEOUT + 5):
                status = await self._process.wait()
        except TimeoutError:
            status = None
        return status, time.monotonic() - began

    def sample(self, at):
        process = f"/proc/{self._process.pid}"
        with open(f"{process}/status", encoding="ascii", errors="replace") as status:
            memory = re.search(r"^VmRSS:\s+(\d+) kB$", status.read(), re.MULTILINE)
        return Sample(at, int(memory.group(1)) * 1024, len(os.listdir(f"{process}/fd")))

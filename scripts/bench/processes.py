"""Starts processes, ends them with all that they started, and reads the CPU time that they have used."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STARTUP_SECONDS = 20.0
STOP_SECONDS = 5.0
# Nothing between us and loopback, whatever the environment says about proxies.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failure(Exception):
    """Ends the run; its text is what the user should read."""


@dataclass
class Process:
    """A process that listens on a port of 127.0.0.1, with all its children."""

    name: str
    port: int
    popen: subprocess.Popen
    log: Path

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def cpu(self) -> dict[tuple[int, int], int]:
        """Nanoseconds on a CPU, user and system, of each thread of it and its children; by process and thread."""
        if self.popen.poll() is not None:
            raise Failure(f"{self.name} ended by itself (exit status {self.popen.returncode}){self.last_words()}")
        return {thread: used for pid in family(self.popen.pid) for thread, used in threads(pid)}

    def await_answer(self, path: str) -> None:
        """Returns when it answers a GET with any 2xx."""
        deadline = time.monotonic() + STARTUP_SECONDS
        while True:
            with contextlib.suppress(OSError), OPENER.open(self.url(path), timeout=1):
                # Somebody else may have taken the port in between.
                if self.popen.poll() is None:
                    return
            if self.popen.poll() is not None:
                raise Failure(f"{self.name} ended at its start{self.last_words()}")
            if time.monotonic() > deadline:
                raise Failure(f"{self.name} does not answer at {path} after {STARTUP_SECONDS:.0f} s{self.last_words()}")
            time.sleep(0.05)

    def last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
        return "".join(f"\n  | {line}" for line in lines)


def cpu_seconds(before: Mapping, after: Mapping) -> float:
    """What was used between two accounts. A process that ended in between has taken its own with it."""
    vanished = {pid for pid, _ in before} - {pid for pid, _ in after}
    if vanished:
        raise Failure(
            f"{len(vanished)} child process(es) ended during a round: the account of CPU time is not complete"
        )
    return sum(used - before.get(thread, 0) for thread, used in after.items()) / 1e9


def threads(pid: int) -> Iterator[tuple[tuple[int, int], int]]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            # A thread may end while we look.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                yield (pid, int(task.name)), int((task / "schedstat").read_text().split()[0])


def family(pid: int) -> list[int]:
    """A process, its children, and theirs."""
    pids = [pid]
    for parent in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


class Processes:
    """All that was started; ends it when left."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: list[Process] = []
        self._ports: set[int] = set()

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        # Whoever asks again to end gets no more than this, and what is left running would be worse.
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        self.stop()

    def start(
        self, name: str, command: Sequence[str | Path], port: int, environment: Mapping[str, str] | None = None
    ) -> Process:
        """Starts a process with no other environment than this, and PATH."""
        log = self.logs / f"{name}.log"
        settings = {"PATH": os.environ["PATH"], "TMPDIR": str(self.logs), "HOME": str(self.logs)}
        with log.open("wb") as output:
            try:
                # In our process group, so that whoever kills us kills it.
                popen = subprocess.Popen(
                    [str(part) for part in command],
                    env=settings | dict(environment or {}),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
            except OSError as error:
                raise Failure(f"cannot start {name}: {error}") from error
        process = Process(name, port, popen, log)
        self._running.append(process)
        return process

    def free_port(self) -> int:
        """A port that nobody listens on, and that was not given out before."""
        while True:
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                port = listener.getsockname()[1]
            if port not in self._ports:
                self._ports.add(port)
                return port

    def stop(self) -> None:
        families = [
            pid for process in self._running if process.popen.poll() is None for pid in family(process.popen.pid)
        ]
        for process in self._running:
            process.popen.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.popen.wait(max(0.0, deadline - time.monotonic()))
        stubborn = [process for process in self._running if process.popen.poll() is None]
        if stubborn:
            for pid in families:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in stubborn:
                process.popen.wait()
        self._running.clear()

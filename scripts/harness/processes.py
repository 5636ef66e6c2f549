"""Starts processes, ends them with their children, and reads what they use."""

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from resilience_lab.waiting import wait_for

from .http import succeed

STARTUP_SECONDS = 30.0
STOP_SECONDS = 5.0
# A process or thread may end while /proc is read.
ENDED = (FileNotFoundError, ProcessLookupError)


class Failure(Exception):
    """Ends the run. Its text is what the user reads."""


class Process:
    """A program that listens on a port of 127.0.0.1, and its children. It can be started again after its end."""

    def __init__(self, name: str, command: Sequence[str | Path], port: int, settings: Mapping[str, str], log: Path):
        """`settings` are its environment, with PATH, and the log's folder as TMPDIR and HOME."""
        self.name = name
        self.port = port
        self.log = log
        self._command = [str(part) for part in command]
        self._environment = {"PATH": os.environ["PATH"], "TMPDIR": str(log.parent), "HOME": str(log.parent), **settings}
        self._log_start = 0
        self.popen: subprocess.Popen | None = None

    def start(self) -> None:
        """Returns at once; `await_port` returns when it listens."""
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            try:
                # In our process group: a signal to the group ends it too.
                self.popen = subprocess.Popen(
                    self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                )
            except OSError as error:
                raise Failure(f"cannot start {self.name}: {error}") from error

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def is_running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    def await_port(self) -> None:
        """Returns when it accepts connections. Sends no request."""
        self._await(lambda: socket.create_connection(("127.0.0.1", self.port), timeout=1).close(), "listen")

    def await_answer(self, path: str) -> None:
        """Returns when it answers a GET with any 2xx."""
        self._await(lambda: succeed(self.url(path)), f"answer at {path}")

    def _await(self, attempt: Callable[[], object], what: str) -> None:
        def succeeds() -> bool:
            if not self.is_running():
                raise Failure(f"{self.name} ended at its start{self.end_of_log()}")
            with contextlib.suppress(OSError):
                attempt()
                # Another process may have taken the port in between.
                return self.is_running()
            return False

        if not wait_for(succeeds, STARTUP_SECONDS, every=0.02):
            raise Failure(f"{self.name} does not {what} within {STARTUP_SECONDS:.0f} s{self.end_of_log()}")

    def output(self) -> str:
        """What it has written since it was last started."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._log_start)
            return log.read()

    def end_of_log(self) -> str:
        return "".join(f"\n  | {line}" for line in self.output().splitlines()[-20:])

    def kill(self) -> None:
        """SIGKILL; returns when it has ended."""
        if self.popen is not None:
            self.popen.kill()
            self.popen.wait()

    def terminate(self, seconds: float) -> int | None:
        """SIGTERM; its exit status, or None if it has not ended after `seconds`."""
        self.popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.popen.wait(seconds)
        return None

    def cpu(self) -> dict[tuple[int, int], int]:
        """CPU nanoseconds, user and system, of each thread of it and its children; by process and thread."""
        if not self.is_running():
            raise Failure(f"{self.name} ended by itself (exit status {self.popen.returncode}){self.end_of_log()}")
        return {thread: used for pid in family(self.popen.pid) for thread, used in threads(pid)}

    def memory(self) -> int:
        """Resident bytes."""
        status = Path(f"/proc/{self.popen.pid}/status").read_text(encoding="ascii", errors="replace")
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.popen.pid}/fd"))

    def thread_count(self) -> int:
        return len(os.listdir(f"/proc/{self.popen.pid}/task"))


def cpu_seconds(before: Mapping, after: Mapping) -> float:
    """CPU time between two results of `Process.cpu`. Fails if a process ended in between: its time is lost."""
    vanished = {pid for pid, _ in before} - {pid for pid, _ in after}
    if vanished:
        raise Failure(f"{len(vanished)} child process(es) ended during a round: the CPU time is not complete")
    return sum(used - before.get(thread, 0) for thread, used in after.items()) / 1e9


def threads(pid: int) -> Iterator[tuple[tuple[int, int], int]]:
    with contextlib.suppress(*ENDED):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(*ENDED):
                yield (pid, int(task.name)), int((task / "schedstat").read_text().split()[0])


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    pids = [pid]
    for parent in pids:
        with contextlib.suppress(*ENDED):
            for task in Path(f"/proc/{parent}/task").iterdir():
                with contextlib.suppress(*ENDED):
                    pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


class Processes:
    """Starts processes, and ends them all when the context is left."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._started: list[Process] = []
        self._ports: set[int] = set()

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        # A second signal must not interrupt this: it would leave processes behind.
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        self.stop()

    def start(
        self, name: str, command: Sequence[str | Path], port: int, settings: Mapping[str, str] | None = None
    ) -> Process:
        process = Process(name, command, port, settings or {}, self.logs / f"{name}.log")
        process.start()
        self._started.append(process)
        return process

    def free_port(self) -> int:
        """A port that is not in use, and was not returned before."""
        while True:
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                port = listener.getsockname()[1]
            if port not in self._ports:
                self._ports.add(port)
                return port

    def stop(self) -> None:
        """SIGTERM to all; after 5 s, SIGKILL to those that are left and their children."""
        running = [process for process in self._started if process.is_running()]
        families = {process: family(process.popen.pid) for process in running}
        for process in running:
            process.popen.terminate()
        wait_for(lambda: not any(process.is_running() for process in running), STOP_SECONDS, every=0.02)
        for process in running:
            if process.is_running():
                for pid in families[process]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.popen.wait()
        self._started.clear()

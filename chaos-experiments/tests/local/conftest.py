"""Starts the local cluster for tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from resilience_lab.local import isolation
from resilience_lab.waiting import wait_for

EXPERIMENTS = Path(__file__).resolve().parents[2]
BIN_DIR = Path(os.environ.get("BIN_DIR") or EXPERIMENTS.parent / "target" / "release")
APPS = ("backend-service", "client-service")


@pytest.fixture(scope="session")
def possible():
    """Skips the test if the cluster cannot run here."""
    isolation.extend_path()
    if missing := [app for app in APPS if not os.access(BIN_DIR / app, os.X_OK)]:
        pytest.skip(f"{', '.join(missing)} not in {BIN_DIR}: cargo build --release, or set BIN_DIR")
    try:
        isolation.flags()
    except isolation.NotPossible as reason:
        pytest.skip(str(reason))


def reset_signals():
    """Runs in the new process: a child inherits ignored signals, and the tests may run under nohup."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


class Lab:
    """Starts clusters. The binaries have a path of their own, so that a process that is left can be found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self._processes: list[subprocess.Popen] = []
        (folder / "bin").mkdir()
        for app in APPS:
            (folder / "bin" / app).symlink_to(BIN_DIR / app)

    def start(self, *arguments, env=None):
        """The cluster with these options and this COMMAND."""
        own = ["--bin-dir", str(self.folder / "bin"), "--logs", str(self.logs)]
        path = os.pathsep.join(filter(None, (str(EXPERIMENTS), os.environ.get("PYTHONPATH"))))
        process = subprocess.Popen(
            [sys.executable, "-m", "resilience_lab.local", *own, *map(str, arguments)],
            cwd=EXPERIMENTS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, **(env or {})},
            preexec_fn=reset_signals,
        )
        self._processes.append(process)
        return process

    def run(self, *arguments, timeout=60, env=None):
        """Exit status, standard output and standard error."""
        process = self.start(*arguments, env=env)
        output, errors = process.communicate(timeout=timeout)
        return process.returncode, output, errors

    def await_file(self, name):
        assert wait_for((self.folder / name).exists, 20, every=0.02), f"{name} does not appear"

    def processes_left(self):
        """The command lines that name the folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.folder) in line:
                found.append(line)
        return found

    def assert_nothing_is_left(self):
        """Except for the logs. After a SIGKILL, the kernel needs a moment."""
        wait_for(lambda: not self.processes_left(), 5, every=0.02)
        assert self.processes_left() == []
        assert "resilience-lab" not in Path("/proc/self/mountinfo").read_text()
        assert not Path("/sys/class/net/lab0").exists()
        assert not Path("/dev/shm/kubeconfig").exists()
        assert {path.name for path in self.folder.iterdir()} <= {"bin", "logs", "started", "rolled-back"}
        if self.logs.exists():
            assert {path.suffix for path in self.logs.iterdir()} <= {".log"}

    def close(self):
        for process in self._processes:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()


@pytest.fixture
def lab(possible, tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.close()

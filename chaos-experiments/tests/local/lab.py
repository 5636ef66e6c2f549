"""Starts the local cluster for tests, with binaries at a path that nobody else uses: so it can be seen what is left."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from resilience_lab.local import isolation

ROOT = Path(__file__).resolve().parents[3]
BIN_DIR = Path(os.environ.get("BIN_DIR") or ROOT / "target" / "release")
APPS = ("backend-service", "client-service")


def why_not() -> str:
    """What keeps the cluster from running here; empty if nothing does."""
    isolation.extend_path()
    if missing := [app for app in APPS if not os.access(BIN_DIR / app, os.X_OK)]:
        return f"{', '.join(missing)} not in {BIN_DIR}: cargo build --release, or set BIN_DIR"
    try:
        isolation.flags()
    except isolation.NotPossible as reason:
        return str(reason)
    return ""


def heed_signals():
    """In the new process: whoever runs the tests may ignore signals (nohup does), and a child would inherit that."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


class LabTest(unittest.TestCase):
    """Each test has a folder of its own; skipped where the cluster cannot run."""

    @classmethod
    def setUpClass(cls):
        if reason := why_not():
            raise unittest.SkipTest(reason)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="local-cluster-test."))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "bin").mkdir()
        for app in APPS:
            (self.folder / "bin" / app).symlink_to(BIN_DIR / app)
        self.logs = self.folder / "logs"

    def start(self, *arguments, **more):
        """The cluster with these options and this COMMAND."""
        own = ["--bin-dir", str(self.folder / "bin"), "--logs", str(self.logs)]
        path = os.pathsep.join(filter(None, (str(ROOT / "chaos-experiments"), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path, **more.pop("env", {})}
        process = subprocess.Popen(
            [sys.executable, "-m", "resilience_lab.local", *own, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=heed_signals,
            **more,
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def run_to_end(self, *arguments, timeout=60, **more):
        process = self.start(*arguments, **more)
        output, errors = process.communicate(timeout=timeout)
        return process.returncode, output, errors

    def processes_left(self):
        """The command lines that name our folder."""
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
        """But for the logs; after a SIGKILL, the kernel takes a moment."""
        deadline = time.monotonic() + 5
        while (left := self.processes_left()) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(left, [])
        mounts = Path("/proc/self/mountinfo").read_text()
        self.assertNotIn("resilience-lab", mounts)
        self.assertFalse(Path("/sys/class/net/lab0").exists())
        self.assertFalse(Path("/dev/shm/kubeconfig").exists())
        self.assertLessEqual({path.name for path in self.folder.iterdir()}, {"bin", "logs", "started", "rolled-back"})
        if self.logs.exists():
            self.assertEqual({path.suffix for path in self.logs.iterdir()} - {".log"}, set())

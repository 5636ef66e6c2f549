"""The users' own end, with an upstream that never answers."""

import subprocess
import sys
from pathlib import Path

# Warnings about tasks that were never awaited come at the end of the process.
STOP = """
import logging, socket, time
from resilience_lab.traffic import Users
# A step of the loop that takes long on a busy machine is a warning of asyncio; a lost task is an error.
logging.getLogger("asyncio").setLevel(logging.ERROR)
with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
    users = Users(f"http://127.0.0.1:{silent.getsockname()[1]}", 100)
    while len(users.record.pending) < 20:
        time.sleep(0.01)
    users.stop(wait=False)
    assert users.record.calls == [], users.record.calls
    users.stop(wait=False)
"""


def test_users_that_stop_at_once_leave_no_pending_task():
    folder = Path(__file__).parents[1]
    command = [sys.executable, "-X", "dev", "-c", STOP]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")

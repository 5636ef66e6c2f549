"""One cycle of the circuit: a stress test opens it, and a trial closes it, while users call."""

import json
import subprocess
import sys
import time

import requests
from chaoslib.exceptions import ActivityFailed

from ... import backend, cluster, quiet, users
from ...traffic import CLOSED, OPEN, Record, Users
from ...waiting import wait_for
from . import log


def collect(url: str, rate: float = 10.0, calls: int = 20, settle: float = 4.0) -> dict:
    """`settle` seconds without faults, a stress test of `calls`, and `settle` seconds after the circuit has closed."""
    backend.calm()
    quiet.close_circuit(url)
    settings = users.ask(url)["circuit_breaker"]
    traffic = Users(url, rate)
    record = traffic.record
    try:
        time.sleep(settle)
        record.mark("fault", f"stress test: {calls} calls that fail")
        stress = requests.post(f"{url}/api/stress-test", json={"num_requests": calls}, timeout=60).json()
        fast_fail = measure_fast_fail(url)
        wait_until_closed(record, settings["reset_timeout"] + 15)
        time.sleep(settle)
    finally:
        traffic.stop()
    return {
        "breaker": settings,
        **record.as_json(),
        "stress_test": stress,
        "fast_fail": fast_fail,
        "log": log.transitions(cluster.log_lines(cluster.CLIENT, since=record.now() + 2), record.started),
    }


def measure_fast_fail(url: str) -> dict:
    """In its own process, so that the users do not hold the interpreter lock."""
    command = [sys.executable, "-m", "resilience_lab.report.collect.fast_fail", url]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def wait_until_closed(record: Record, seconds: float) -> None:
    opened = wait_for(lambda: record.last_state(OPEN), 5)
    if not opened:
        raise ActivityFailed("the stress test did not open the circuit")
    if not wait_for(lambda: record.first_state_after(opened, CLOSED), seconds):
        raise ActivityFailed(f"the circuit has not closed {seconds} s after the stress test")

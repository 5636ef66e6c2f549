"""The checks of a round, and that processes end."""

import os
import signal
import subprocess
import sys

import pytest

from bench import load, rounds
from bench.contenders import CONTENDERS, GATEWAY, chosen
from harness.processes import Failure, Processes, cpu_seconds, family
from resilience_lab.waiting import wait_for

SEEN = {"requests": 10, "above_399": 0, "unexpected": 0, "connect": 0, "read": 0, "write": 0, "timeout": 0}
# Has a child and ignores SIGTERM. Prints a line when both are set up.
STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
signal.pause()
"""
BUSY = (
    "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nprint('done', flush=True)\n"
)


def test_expected_answers_pass():
    load.judge(SEEN, 200, "it", True)
    load.judge(SEEN | {"above_399": 10}, 503, "it", True)


def test_one_failure_among_successes_fails():
    with pytest.raises(Failure, match="1 of 10 answers above 399, expected 0"):
        load.judge(SEEN | {"above_399": 1}, 200, "it", False)


def test_one_success_from_an_open_circuit_fails():
    with pytest.raises(Failure, match="9 of 10 answers above 399, expected 10"):
        load.judge(SEEN | {"above_399": 9}, 503, "it", False)


def test_another_status_of_the_same_kind_fails():
    with pytest.raises(Failure, match="2 of 10 answers were not 200"):
        load.judge(SEEN | {"unexpected": 2}, 200, "it", True)


def test_zero_answers_fail():
    with pytest.raises(Failure, match="no request was answered"):
        load.judge(SEEN | {"requests": 0}, 200, "it", False)


def test_a_broken_connection_fails():
    with pytest.raises(Failure, match="3 read errors"):
        load.judge(SEEN | {"read": 3}, 200, "it", False)


def test_answers_not_from_the_origin_fail():
    with pytest.raises(Failure, match="10 answers, of which the origin gave 9"):
        rounds.check_origin(9, 10, CONTENDERS["haproxy"], 32)


def test_more_calls_than_answers_fail():
    rounds.check_origin(42, 10, CONTENDERS["haproxy"], 32)
    with pytest.raises(Failure):
        rounds.check_origin(43, 10, CONTENDERS["haproxy"], 32)


def test_an_open_circuit_that_calls_the_origin_fails():
    rounds.check_origin(0, 10, CONTENDERS["open"], 32)
    with pytest.raises(Failure):
        rounds.check_origin(1, 10, CONTENDERS["open"], 32)


def test_another_build_is_measured_only_if_asked():
    assert "before" not in chosen(None)
    assert chosen("call-backend", with_before=True) == ["call-backend", "before"]


def test_the_gateway_is_measured_only_if_asked():
    assert not [name for name in chosen(None) if CONTENDERS[name].group == GATEWAY]
    asked = chosen("gateway,health")
    assert asked[0] == "health"
    assert {CONTENDERS[name].group for name in asked[1:]} == {GATEWAY}
    assert len(asked) == 18
    with pytest.raises(Failure, match='no contender "gate"; contenders: gateway'):
        chosen("gateway,gate")


@pytest.fixture
def processes(tmp_path):
    processes = Processes(tmp_path)
    yield processes
    processes.stop()


def start(processes, program):
    process = processes.start("it", [sys.executable, "-c", program], 0)
    wait_for(process.log.read_text, 20, every=0.01)
    return process


def test_cpu_time_includes_children(processes):
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {BUSY + 'time.sleep(600)'!r}])"
    process = start(processes, parent + "; time.sleep(600)")
    assert cpu_seconds({}, process.cpu()) > 0.2
    for pid in family(process.popen.pid)[1:]:
        os.kill(pid, signal.SIGKILL)


def test_an_ended_child_invalidates_the_cpu_time():
    with pytest.raises(Failure, match=r"1 child process\(es\) ended"):
        cpu_seconds({(1, 1): 5, (2, 2): 5}, {(1, 1): 9})


def test_an_ended_process_is_reported_with_its_last_output(processes):
    process = start(processes, "print('out of luck')")
    process.popen.wait()
    with pytest.raises(Failure, match=r"it ended by itself.*\n  . out of luck"):
        process.cpu()


def test_a_process_that_ignores_sigterm_is_killed_with_its_children(processes):
    pids = family(start(processes, STUBBORN).popen.pid)
    assert len(pids) == 2
    processes.stop()
    alive = subprocess.run(["ps", "-o", "stat=", "-p", ",".join(map(str, pids))], capture_output=True, text=True)
    # A child that lost its parent may wait for init as a zombie.
    assert [state for state in alive.stdout.split() if not state.startswith("Z")] == []

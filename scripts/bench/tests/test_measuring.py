"""What has to hold in a round, and that processes end. Run by `python3 -m unittest`, from scripts/."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from bench import load, rounds
from bench.contenders import CONTENDERS
from bench.processes import Failure, Processes, cpu_seconds, family

SEEN = {"requests": 10, "above_399": 0, "unexpected": 0, "connect": 0, "read": 0, "write": 0, "timeout": 0}
# Has a child of its own, and heeds no SIGTERM; says when that is so.
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


class Answers(unittest.TestCase):
    def test_all_answers_as_expected_pass(self):
        load.judge(SEEN, 200, "it", True)
        load.judge(SEEN | {"above_399": 10}, 503, "it", True)

    def test_one_failure_among_successes_fails(self):
        with self.assertRaisesRegex(Failure, "1 of 10 answers above 399, expected 0"):
            load.judge(SEEN | {"above_399": 1}, 200, "it", False)

    def test_one_success_from_an_open_circuit_fails(self):
        with self.assertRaisesRegex(Failure, "9 of 10 answers above 399, expected 10"):
            load.judge(SEEN | {"above_399": 9}, 503, "it", False)

    def test_another_status_of_the_same_kind_fails(self):
        with self.assertRaisesRegex(Failure, "2 of 10 answers were not 200"):
            load.judge(SEEN | {"unexpected": 2}, 200, "it", True)

    def test_no_answer_at_all_fails(self):
        with self.assertRaisesRegex(Failure, "no request was answered"):
            load.judge(SEEN | {"requests": 0}, 200, "it", False)

    def test_a_broken_connection_fails(self):
        with self.assertRaisesRegex(Failure, "3 read errors"):
            load.judge(SEEN | {"read": 3}, 200, "it", False)

    def test_answers_that_the_backend_did_not_give_fail(self):
        with self.assertRaisesRegex(Failure, "10 answers, of which the backend gave 9"):
            rounds.check_origin(9, 10, CONTENDERS["haproxy"], 32)

    def test_more_calls_than_answers_fail(self):
        rounds.check_origin(42, 10, CONTENDERS["haproxy"], 32)
        with self.assertRaises(Failure):
            rounds.check_origin(43, 10, CONTENDERS["haproxy"], 32)

    def test_an_open_circuit_that_calls_the_backend_fails(self):
        rounds.check_origin(0, 10, CONTENDERS["open"], 32)
        with self.assertRaises(Failure):
            rounds.check_origin(1, 10, CONTENDERS["open"], 32)


class Started(unittest.TestCase):
    def setUp(self):
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))

    def start(self, processes, program):
        process = processes.start("it", [sys.executable, "-c", program], 0)
        deadline = time.monotonic() + 20
        while not process.log.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        return process

    def test_cpu_time_of_children_counts(self):
        processes = Processes(self.logs)
        self.addCleanup(processes.stop)
        parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {BUSY + 'time.sleep(600)'!r}])"
        process = self.start(processes, parent + "; time.sleep(600)")
        self.assertGreater(cpu_seconds({}, process.cpu()), 0.2)
        for pid in family(process.popen.pid)[1:]:
            os.kill(pid, signal.SIGKILL)

    def test_a_child_that_ended_takes_the_account_with_it(self):
        with self.assertRaisesRegex(Failure, r"1 child process\(es\) ended"):
            cpu_seconds({(1, 1): 5, (2, 2): 5}, {(1, 1): 9})

    def test_a_process_that_ended_is_told_with_its_last_words(self):
        processes = Processes(self.logs)
        process = self.start(processes, "print('out of luck')")
        process.popen.wait()
        with self.assertRaisesRegex(Failure, "it ended by itself.*\n  . out of luck"):
            process.cpu()

    def test_a_stubborn_process_ends_with_its_children(self):
        processes = Processes(self.logs)
        pids = family(self.start(processes, STUBBORN).popen.pid)
        self.assertEqual(len(pids), 2)
        processes.stop()
        alive = subprocess.run(["ps", "-o", "stat=", "-p", ",".join(map(str, pids))], capture_output=True, text=True)
        # A child that lost its parent may wait for init as a zombie.
        self.assertEqual([state for state in alive.stdout.split() if not state.startswith("Z")], [])


if __name__ == "__main__":
    unittest.main()

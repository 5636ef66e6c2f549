"""The whole cluster: its story from inside, and its ends."""

import signal
import sys
import time
from pathlib import Path

from .lab import LabTest

# Says that it has started, and cleans up behind itself on SIGTERM, with the API that it needs for that.
SLOW_TO_GO = """
trap 'curl -s --max-time 5 "$CLIENT_URL/health" >"$0/rolled-back"; exit 0' TERM
touch "$0/started"
while :; do sleep 0.05; done
"""

STATS_AND_PODS = """
curl -s "$CLIENT_URL/api/stats"
sleep 1
echo; curl -s http://192.0.2.1:6443/api/v1/pods | grep -o '"podIP"' | wc -l
"""
DEAF = 'trap "" TERM; touch "$0/started"; while :; do sleep 0.1; done'


class Inside(LabTest):
    def test_what_experiments_do_and_see(self):
        calm = ["--set", "backend-service:FAILURE_RATE=0", "--set", "backend-service:SLOW_RESPONSE_RATE=0"]
        scenario = [sys.executable, "-m", "tests.local.scenario"]
        status, output, errors = self.run_to_end(*calm, "--", *scenario, timeout=120)
        self.assertEqual(status, 0, output + errors)
        self.assert_nothing_is_left()
        ended = [path for path in self.logs.glob("backend-service-*.log") if "got SIGTERM" in path.read_text()]
        self.assertGreaterEqual(len(ended), 4)

    def test_interrupted_experiment_gives_the_backend_back_and_says_little(self):
        signals = ("SIGINT", "SIGTERM")
        started = [self.start("--", sys.executable, "-m", "tests.local.interrupted", name) for name in signals]
        for name, process in zip(signals, started, strict=True):
            output, errors = process.communicate(timeout=120)
            with self.subTest(name):
                *said, left = output.splitlines()
                self.assertEqual(left, "exit status 1 replicas 2 FAILURE_RATE 0.3", output + errors)
                self.assertLess(len(said), 40, output)
                self.assertNotIn("Traceback", output)

    def test_nothing_of_the_outside_reaches_the_command(self):
        env = {"HTTP_PROXY": "http://192.0.2.99:1", "no_proxy": "x", "KUBERNETES_CONTEXT": "other", "KEPT": "yes"}
        status, output, _ = self.run_to_end("--", "env", env=env)
        self.assertEqual(status, 0)
        variables = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        self.assertEqual(variables["KEPT"], "yes")
        self.assertFalse(variables.keys() & {"HTTP_PROXY", "no_proxy", "KUBERNETES_CONTEXT"})

    def test_setting_reaches_the_pods(self):
        command = "curl -s $CLIENT_URL/api/stats"
        _, output, _ = self.run_to_end("--set", "client-service:BREAKER_FAIL_MAX=1000", "--", "sh", "-c", command)
        self.assertIn('"fail_max":1000', output)


class Ends(LabTest):
    def test_exit_status_is_the_commands(self):
        for command, expected in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)):
            self.assertEqual(self.run_to_end("--", "sh", "-c", command)[0], expected, command)
        self.assert_nothing_is_left()

    def test_what_the_command_leaves_behind_ends_too(self):
        status, _, _ = self.run_to_end("--", "sh", "-c", 'sleep 1000 "$0" & exec true', self.folder)
        self.assertEqual(status, 0)
        self.assert_nothing_is_left()

    def test_bad_setting_of_a_service_is_shown(self):
        status, output, errors = self.run_to_end("--set", "client-service:BREAKER_FAIL_MAX=x", "--", "echo", "no")
        self.assertEqual((status, output), (1, ""))
        self.assertIn("ended at its start (exit status 2)", errors)
        self.assertIn('BREAKER_FAIL_MAX="x" is not valid', errors)
        self.assert_nothing_is_left()

    def test_signal_lets_the_command_clean_up(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                process = self.start("--", "bash", "-c", SLOW_TO_GO, self.folder)
                self.wait_for(self.folder / "started")
                process.send_signal(number)
                self.assertEqual(process.wait(10), 128 + number)
                self.assertIn("healthy", (self.folder / "rolled-back").read_text())
                self.assert_nothing_is_left()
                (self.folder / "started").unlink()
                (self.folder / "rolled-back").unlink()

    def test_command_that_does_not_go_has_eight_seconds(self):
        process = self.start("--", "bash", "-c", DEAF, self.folder)
        self.wait_for(self.folder / "started")
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(12), 143)
        self.assertGreater(time.monotonic() - started, 7)
        self.assert_nothing_is_left()

    def test_second_signal_does_not_wait(self):
        process = self.start("--", "bash", "-c", DEAF, self.folder)
        self.wait_for(self.folder / "started")
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(2), 130)
        self.assert_nothing_is_left()

    def test_any_signal_at_any_moment_leaves_nothing(self):
        for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for moment in (0.05, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7):
                with self.subTest(number.name, moment=moment):
                    process = self.start("--", "sleep", "1000")
                    time.sleep(moment)
                    process.send_signal(number)
                    # 1: SIGINT while Python itself starts.
                    self.assertIn(process.wait(10), (128 + number, -number, 1))
                    self.assert_nothing_is_left()

    def test_clusters_side_by_side_do_not_know_each_other(self):
        numbers = (11, 12, 13)
        processes = [
            self.start("--set", f"client-service:BREAKER_FAIL_MAX={number}", "--", "sh", "-c", STATS_AND_PODS)
            for number in numbers
        ]
        for number, process in zip(numbers, processes, strict=True):
            output, errors = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 0, errors)
            self.assertIn(f'"fail_max":{number},', output)
            self.assertEqual(output.splitlines()[-1].strip(), "3")
        self.assert_nothing_is_left()

    def wait_for(self, path: Path) -> None:
        deadline = time.monotonic() + 20
        while not path.exists():
            self.assertLess(time.monotonic(), deadline, f"{path} does not appear")
            time.sleep(0.02)

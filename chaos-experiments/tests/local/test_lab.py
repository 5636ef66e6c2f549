"""The whole cluster: what COMMAND can do inside it, and how it ends."""

import signal
import sys
import time

import pytest

# Creates a file at its start. On SIGTERM it calls the API, as a rollback would, and writes what it gets.
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
IGNORES_SIGTERM = 'trap "" TERM; touch "$0/started"; while :; do sleep 0.1; done'
NO_RANDOM_FAULTS = ("--set", "backend-service:FAILURE_RATE=0", "--set", "backend-service:SLOW_RESPONSE_RATE=0")


def test_scenario_inside_the_cluster(lab):
    scenario = [sys.executable, "-m", "pytest", "tests/local/scenario.py", "tests/local/api_scenario.py"]
    # New pods start late enough for a busy machine to see the backend without pods.
    delay = ("--pod-start-delay", "1.5")
    status, output, errors = lab.run(*NO_RANDOM_FAULTS, *delay, "--", *scenario, timeout=120)
    assert status == 0, output + errors
    lab.assert_nothing_is_left()
    ended = [path for path in lab.logs.glob("backend-service-*.log") if "got SIGTERM" in path.read_text()]
    assert len(ended) >= 4


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupted_experiment_restores_the_backend_and_prints_no_traceback(lab, name):
    _, output, errors = lab.run("--", sys.executable, "-m", "tests.local.interrupted", name, timeout=120)
    *lines, left = output.splitlines()
    assert left == "exit status 1 replicas 2 FAILURE_RATE 0.3", output + errors
    assert len(lines) < 40, output
    assert "Traceback" not in output


def test_command_gets_no_proxy_and_no_other_cluster_from_the_environment(lab):
    env = {"HTTP_PROXY": "http://192.0.2.99:1", "no_proxy": "x", "KUBERNETES_CONTEXT": "other", "KEPT": "yes"}
    status, output, _ = lab.run("--", "env", env=env)
    assert status == 0
    variables = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    assert variables["KEPT"] == "yes"
    assert not variables.keys() & {"HTTP_PROXY", "no_proxy", "KUBERNETES_CONTEXT"}


def test_setting_reaches_the_pods(lab):
    command = "curl -s $CLIENT_URL/api/stats"
    _, output, _ = lab.run("--set", "client-service:BREAKER_FAIL_MAX=1000", "--", "sh", "-c", command)
    assert '"fail_max":1000' in output


@pytest.mark.parametrize(("command", "expected"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
def test_exit_status_is_that_of_the_command(lab, command, expected):
    assert lab.run("--", "sh", "-c", command)[0] == expected
    lab.assert_nothing_is_left()


def test_children_of_the_command_end_with_it(lab):
    status, _, _ = lab.run("--", "sh", "-c", 'sleep 1000 "$0" & exec true', lab.folder)
    assert status == 0
    lab.assert_nothing_is_left()


def test_invalid_setting_of_a_service_is_shown(lab):
    status, output, errors = lab.run("--set", "client-service:BREAKER_FAIL_MAX=x", "--", "echo", "no")
    assert (status, output) == (1, "")
    assert "ended at its start (exit status 2)" in errors
    assert 'BREAKER_FAIL_MAX="x" is not valid' in errors
    lab.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_can_clean_up_after_a_signal(lab, number):
    process = lab.start("--", "bash", "-c", SLOW_TO_GO, lab.folder)
    lab.await_file("started")
    process.send_signal(number)
    assert process.wait(10) == 128 + number
    assert "healthy" in (lab.folder / "rolled-back").read_text()
    lab.assert_nothing_is_left()


def test_command_that_ignores_sigterm_is_killed_after_eight_seconds(lab):
    process = lab.start("--", "bash", "-c", IGNORES_SIGTERM, lab.folder)
    lab.await_file("started")
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(12) == 143
    assert time.monotonic() - started > 7
    lab.assert_nothing_is_left()


def test_a_second_signal_ends_the_lab_at_once(lab):
    process = lab.start("--", "bash", "-c", IGNORES_SIGTERM, lab.folder)
    lab.await_file("started")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(2) == 130
    lab.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", [0.05, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7])
def test_a_signal_at_any_time_leaves_no_process(lab, number, moment):
    process = lab.start("--", "sleep", "1000")
    time.sleep(moment)
    process.send_signal(number)
    # 1: SIGINT while Python itself starts.
    assert process.wait(10) in (128 + number, -number, 1)
    lab.assert_nothing_is_left()


def test_clusters_side_by_side_are_separate(lab):
    limits = (11, 12, 13)
    processes = [
        lab.start("--set", f"client-service:BREAKER_FAIL_MAX={limit}", "--", "sh", "-c", STATS_AND_PODS)
        for limit in limits
    ]
    for limit, process in zip(limits, processes, strict=True):
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert f'"fail_max":{limit},' in output
        assert output.splitlines()[-1].strip() == "3"
    lab.assert_nothing_is_left()

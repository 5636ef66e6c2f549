"""The experiments that ship: what each needs so that it cannot succeed by mistake."""

from pathlib import Path

import pytest
from chaoslib.experiment import ensure_experiment_is_valid
from chaoslib.loader import load_experiment

FILES = sorted(Path(__file__).parents[1].glob("*.yaml"))
STAY_CLOSED = ("partial-failure", "pod-kill")


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def file(request):
    return request.param


@pytest.fixture
def experiment(file):
    return load_experiment(str(file))


@pytest.fixture
def functions(experiment):
    return [activity["provider"].get("func") for activity in experiment["method"]]


def test_there_are_at_least_six_experiments():
    assert len(FILES) >= 6


def test_experiment_is_valid(experiment):
    ensure_experiment_is_valid(experiment)


def test_rollbacks_always_run(experiment):
    assert experiment["runtime"]["rollbacks"]["strategy"] == "always"
    assert experiment["rollbacks"][-1]["provider"]["func"] == "restore"


def test_experiment_has_the_strict_control(experiment):
    modules = [control["provider"]["module"] for control in experiment["controls"]]
    assert modules == [f"resilience_lab.{name}" for name in ("quiet", "users", "strict")]


def test_each_probe_has_a_tolerance(experiment):
    for activity in experiment["method"]:
        assert ("tolerance" in activity) == (activity["type"] == "probe"), activity["name"]


def test_experiments_share_one_hypothesis(experiment):
    assert experiment["steady-state-hypothesis"] == load_experiment(str(FILES[0]))["steady-state-hypothesis"]


def test_a_fault_is_recorded_before_the_first_probe(experiment, functions):
    noted = min(functions.index(name) for name in ("mark", "break_down", "flap") if name in functions)
    assert noted < [activity["type"] for activity in experiment["method"]].index("probe")


def test_the_whole_cycle_is_asserted_if_the_circuit_opens(file, functions):
    if file.stem in STAY_CLOSED:
        assert "circuit_stayed_closed" in functions
        assert "users_were_served" in functions
        return
    order = [functions.index(f) for f in ("circuit_opens", "calls_fail_fast", "circuit_closes", "transitions_logged")]
    assert order == sorted(order)
    assert "every_call_was_answered" in functions


def test_calls_fail_within_200_ms_and_recovery_takes_at_most_2_s_more_than_the_reset_timeout(experiment):
    for activity in experiment["method"]:
        arguments = activity["provider"].get("arguments", {})
        if activity["provider"].get("func") == "calls_fail_fast":
            assert arguments["within"] == 0.2
        if activity["provider"].get("func") == "circuit_closes":
            assert arguments["margin"] == 2

"""Runs of Chaos Toolkit itself, with and without the strict control."""

import logging

from chaoslib.run import Runner
from chaoslib.types import Strategy

from resilience_lab.strict import weaknesses

logging.disable(logging.CRITICAL)


def constant(kind: str, name: str, value: float, **more) -> dict:
    provider = {"type": "python", "module": "tests.constants", "func": "say", "arguments": {"value": value}}
    return {"type": kind, "name": name, "provider": provider, **more}


def failing(kind: str, name: str, **more) -> dict:
    provider = {"type": "python", "module": "tests.constants", "func": "fail"}
    return {"type": kind, "name": name, "provider": provider, **more}


def run(method: list, hypothesis: list | None = None, strict: bool = True) -> dict:
    steady = [constant("probe", "steady", 1, tolerance=1)] if hypothesis is None else hypothesis
    controls = [{"name": "strict", "provider": {"type": "python", "module": "resilience_lab.strict"}}]
    experiment = {
        "title": "t",
        "description": "d",
        "controls": controls if strict else [],
        "steady-state-hypothesis": {"title": "h", "probes": steady},
        "method": method,
        "rollbacks": [constant("action", "roll back", 0)],
    }
    with Runner(Strategy.DEFAULT) as runner:
        return runner.run(experiment, settings={"runtime": {"rollbacks": {"strategy": "always"}}})


def exit_code(journal: dict) -> int:
    """As `chaos run` has it."""
    return int(journal["status"] != "completed" or journal["deviated"])


def assert_unfulfilled(journal: dict, name: str) -> None:
    assert exit_code(journal) == 1
    assert name in weaknesses(journal)[0]
    assert [run["status"] for run in journal["rollbacks"]] == ["succeeded"], "rollbacks run"


def test_a_successful_experiment_ends_with_status_0():
    journal = run([constant("action", "do", 0), constant("probe", "look", 1, tolerance=1)])
    assert exit_code(journal) == 0
    assert weaknesses(journal) == []


def test_a_probe_out_of_tolerance_ends_the_experiment():
    method = [constant("probe", "look", 2, tolerance=1), constant("action", "next", 0)]
    assert exit_code(run(method, strict=False)) == 0, "the trap"
    journal = run(method)
    assert_unfulfilled(journal, '"look" is out of its tolerance: 2')
    assert [run["activity"]["name"] for run in journal["run"]] == ["look"]


def test_a_jsonpath_tolerance_of_the_method_is_checked():
    tolerance = {"type": "jsonpath", "path": "$.holds", "expect": [True]}
    assert exit_code(run([constant("probe", "look", {"holds": True}, tolerance=tolerance)])) == 0
    assert exit_code(run([constant("probe", "look", {"holds": False}, tolerance=tolerance)])) == 1


def test_a_failed_action_ends_the_experiment():
    assert exit_code(run([failing("action", "do")], strict=False)) == 0, "the trap"
    assert_unfulfilled(run([failing("action", "do")]), '"do" failed')


def test_a_hypothesis_not_met_before_the_method_is_a_failure():
    hypothesis = [constant("probe", "steady", 2, tolerance=1)]
    assert exit_code(run([], hypothesis, strict=False)) == 0, "the trap"
    assert_unfulfilled(run([constant("action", "do", 0)], hypothesis), '"steady" is out of its tolerance')


def test_an_interrupted_run_is_a_failure():
    journal = run([constant("action", "do", 0), constant("action", "next", 0)])
    del journal["run"][1]
    assert weaknesses(journal) == ["only 1 of 2 activities of the method ran"]


def test_a_failed_rollback_is_a_failure():
    journal = run([constant("action", "do", 0)])
    journal["rollbacks"][0]["status"] = "failed"
    assert len(weaknesses(journal)) == 1

import pytest

from resilience_lab.report.findings import chaos, claims, detection, herd, retry, timeline
from resilience_lab.report.render import find

from . import synthetic


def verdicts(good: bool) -> dict[str, str]:
    return {key: claim.verdict for key, claim in find(synthetic.lab(good))["claims"].items()}


def test_all_claims_met():
    assert set(verdicts(True).values()) == {claims.MET}


def test_no_claim_met():
    assert set(verdicts(False).values()) == {claims.NOT_MET}


def test_an_interval_that_contains_the_claim_is_uncertain():
    data = synthetic.lab()
    for number, call in enumerate(data["baseline"]["resilient"]):
        call["status"] = 200 if number < 362 else 500
    assert find(data)["claims"]["success"].verdict == claims.UNCERTAIN


def test_a_missing_experiment_is_unmeasured():
    data = synthetic.lab()
    del data["chaos-pod-failure"]
    assert find(data)["claims"]["detection"].verdict == claims.UNMEASURED


def test_without_jitter_all_retries_coincide():
    found = find(synthetic.lab())["herd"]["runs"]["none"]
    assert [wave["peak"] for wave in found["waves"]] == [100, 100, 100, 100]


def test_needed_spread_grows_with_the_number_of_calls():
    assert herd.needed_spread(100) > 100 * herd.WINDOW / herd.CLAIMED
    assert herd.needed_spread(50) < herd.needed_spread(100)


def test_waits_are_compared_with_the_formula():
    rows = retry.find(synthetic.lab()["retry"])["waits"]
    assert [row["planned"] for row in rows] == [1.0, 2.0, 4.0]
    assert all(row["too_short"] == 0 and row["late"] == 0.0 for row in rows)


def test_a_wait_that_is_too_short_is_found():
    data = synthetic.lab()["retry"]
    data["calls"][1]["log"][0]["wait"] = 0.9
    assert retry.find(data)["waits"][0]["too_short"] == 1


def test_times_are_measured_from_the_last_fault_before_the_opening():
    data = synthetic.chaos("flapping-backend", good=True)
    data["events"] = [
        {"at": 1.0, "kind": "fault", "what": "down"},
        {"at": 2.0, "kind": "heal", "what": "up"},
        *data["events"],
        {"at": 20.0, "kind": "fault", "what": "down again"},
        {"at": 30.0, "kind": "heal", "what": "up for good"},
    ]
    found = chaos.experiment(data)
    assert found["opened_after"] == pytest.approx(0.5)
    assert found["recovered_after"] == pytest.approx(5.6)
    assert found["trial"] == pytest.approx(0.1)


def test_a_circuit_that_stays_closed():
    found = chaos.experiment(synthetic.chaos("partial-failure", good=True, opens=False))
    assert (found["opened_after"], found["recovered_after"], found["openings"]) == (None, None, 0)
    assert found["during_share"].value == 1.0


def test_transition_times_come_from_the_log():
    record = synthetic.breaker(good=True)
    states = timeline.exact(record)["states"]
    assert [(seen["at"], seen["state"]) for seen in states] == [
        (0.0, "closed"),
        (4.01, "open"),
        (34.01, "half-open"),
        (34.1, "closed"),
    ]
    assert timeline.total(states, "open", 38.0) == 30.0


def test_the_rules_predict_that_slow_backends_are_detected_last():
    data = synthetic.lab()
    expected = {row["name"]: row["expected"] for row in detection.find(data["machine"], {})["rows"]}
    assert expected["slow-backend"][0] == 19.0
    assert expected["flapping-backend"][1] < expected["slow-backend"][0]

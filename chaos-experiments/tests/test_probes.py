"""The probes, on records that were made up: what they take for fulfilled, and what not."""

from unittest import mock

import pytest

from resilience_lab import backend, cluster, probes, users
from resilience_lab.traffic import Call, Record, percentile


class FakeUsers:
    base_url = "http://127.0.0.1:1"
    reset_timeout, attempt_timeout, call_deadline = 30.0, 3.0, 30.0

    def __init__(self, now: float, events=(), states=(), calls=()):
        self.evidence = []
        self.record = Record()
        self.record.begin -= now
        self.record.events = [{"at": at, "kind": kind, "what": ""} for kind, at in events]
        self.record.states = [{"at": at, "state": state} for at, state in states]
        self.record.calls = list(calls)


@pytest.fixture
def given(monkeypatch):
    """Puts users with this record in place of the experiment's."""

    def users_with(*arguments, **more):
        fake = FakeUsers(*arguments, **more)
        monkeypatch.setattr(users, "_users", fake)
        return fake

    return users_with


def test_an_opening_in_time_holds(given):
    given(20, events=[("fault", 5)], states=[(0, "closed"), (7.5, "open")])
    found = probes.circuit_opens(within=10)
    assert (found["holds"], found["seconds"]) == (True, 2.5)


def test_an_opening_that_comes_late_does_not_hold(given):
    given(20, events=[("fault", 5)], states=[(0, "closed"), (15.1, "open")])
    assert not probes.circuit_opens(within=10)["holds"]


def test_an_opening_before_the_fault_does_not_count(given):
    given(20, events=[("fault", 5)], states=[(0, "closed"), (4, "open")])
    assert not probes.circuit_opens(within=10)["holds"]


def test_closing_time_is_measured_from_the_end_of_the_fault(given):
    states = [(0, "closed"), (6, "open"), (36, "half-open"), (36.1, "closed")]
    given(50, events=[("fault", 5), ("heal", 10)], states=states)
    found = probes.circuit_closes(margin=2)
    assert (found["holds"], found["seconds"], found["limit"]) == (True, 26.1, 32.0)


def test_a_late_closing_does_not_hold(given):
    states = [(0, "closed"), (6, "open"), (42.1, "closed")]
    given(50, events=[("fault", 5), ("heal", 10)], states=states)
    assert not probes.circuit_closes(margin=2)["holds"]


def test_a_circuit_that_never_opened_has_not_closed(given):
    given(50, events=[("fault", 5), ("heal", 10)], states=[(0, "closed")])
    assert not probes.circuit_closes(margin=2)["holds"]


def test_a_circuit_that_opened_in_between_did_not_stay_closed(given):
    given(50, events=[("fault", 5)], states=[(0, "closed"), (6, "open"), (36, "closed")])
    assert not probes.circuit_stayed_closed()["holds"]
    given(50, events=[("fault", 5)], states=[(0, "closed")])
    assert probes.circuit_stayed_closed()["holds"]


def test_one_failure_in_a_hundred_is_more_than_none(given):
    calls = [Call(at=6 + i / 10, seconds=0.01, status=200) for i in range(99)] + [Call(16, 0.01, 502)]
    given(50, events=[("fault", 5)], calls=calls)
    assert not probes.users_were_served(share=1)["holds"]
    assert probes.users_were_served(share=0.99)["holds"]


def test_a_call_without_an_answer_or_past_its_deadline_was_not_answered(given):
    for bad in (Call(7, 1, None), Call(7, 31.5, 200)):
        given(50, events=[("fault", 5)], calls=[Call(6, 0.01, 200), bad])
        assert not probes.every_call_was_answered()["holds"]
    given(50, events=[("fault", 5)], calls=[Call(6, 0.01, 503), Call(7, 30.5, 504)])
    assert probes.every_call_was_answered()["holds"]


def test_a_waiting_call_was_not_answered(given):
    fake = given(50, events=[("fault", 5)], calls=[Call(6, 0.01, 200)])
    fake.record.pending.append(Call(7, 0.0, None))
    with mock.patch.object(probes, "wait_for"):
        assert not probes.every_call_was_answered()["holds"]
        assert not probes.users_were_served(share=1)["holds"]


def test_only_calls_between_the_fault_and_the_probe_are_waited_for(given):
    fake = given(50, events=[("fault", 5)], calls=[Call(6, 0.01, 200)])
    fake.record.pending += [Call(4, 0.0, None), Call(51, 0.0, None)]
    assert probes.every_call_was_answered()["holds"]


def test_zero_calls_do_not_hold(given):
    given(50, events=[("fault", 5)], calls=[Call(4, 0.01, 200)])
    assert not probes.every_call_was_answered()["holds"]


def test_transitions_must_match_the_expected_order(given):
    given(50)
    log = [
        "t INFO x circuit_breaker: closed -> open (5 consecutive failures, last: status 500; half-open in 30.0s)",
        "t INFO x retry: call 1 attempt 1/4: status 500; next attempt in 1.030s",
        "t INFO x circuit_breaker: open -> half-open (reset timeout of 30.0s elapsed)",
    ]
    with mock.patch.object(cluster, "log_lines", return_value=log):
        assert probes.transitions_logged(["closed -> open", "open -> half-open"])["holds"]
        assert not probes.transitions_logged(["open -> half-open", "closed -> open"])["holds"]
        assert not probes.transitions_logged(["closed -> open"])["holds"]
        assert not probes.transitions_logged([])["holds"]


def test_transitions_are_found_in_json_too(given):
    given(50)
    log = ['t {"level":"INFO","message":"circuit_breaker: closed -> open (5 consecutive failures)","target":"x"}']
    with mock.patch.object(cluster, "log_lines", return_value=log):
        found = probes.transitions_logged(["closed -> open"])
    assert (found["holds"], found["reasons"]) == (True, ["5 consecutive failures"])


def test_failed_trials_are_allowed_if_configured(given):
    given(50)
    log = [
        f"t circuit_breaker: {each} (x)"
        for each in ["closed -> open", *["open -> half-open", "half-open -> open"] * 2, "open -> half-open"]
    ]
    expected = ["closed -> open", "open -> half-open"]
    with mock.patch.object(cluster, "log_lines", return_value=log):
        assert probes.transitions_logged(expected, trials_may_fail=True)["holds"]
        assert not probes.transitions_logged(expected)["holds"]
        assert not probes.transitions_logged(["closed -> open"], trials_may_fail=True)["holds"]


@pytest.fixture
def answers(given, monkeypatch):
    """Runs the probe on answers of this kind; `counts` are the backend's requests before and after."""

    def run(status=503, fallback=True, counts=({}, {})):
        given(20, events=[("fault", 5)], states=[(0, "closed"), (6, "open")])
        answer = mock.Mock(status_code=status)
        answer.json.return_value = {"backend_response": {"fallback": fallback}}
        monkeypatch.setattr(backend, "requests", mock.Mock(side_effect=counts))
        monkeypatch.setattr(probes, "ask", lambda *_: answer)
        return probes.calls_fail_fast(calls=3)

    return run


def test_rejected_calls_hold(answers):
    assert answers()["holds"]


def test_one_request_to_an_old_or_a_new_pod_does_not_hold(answers):
    assert answers(counts=({"a": 5}, {"a": 5, "b": 0}))["holds"]
    assert not answers(counts=({"a": 5}, {"a": 6}))["holds"]
    assert not answers(counts=({"a": 5}, {"a": 5, "b": 1}))["holds"]


def test_anything_but_a_503_with_a_fallback_does_not_hold(answers):
    assert not answers(status=200)["holds"]
    assert not answers(fallback=False)["holds"]


def test_slow_rejections_do_not_hold(answers):
    with mock.patch.object(probes, "percentile", return_value=0.201):
        assert not answers()["holds"]


def test_quantiles_use_the_nearest_rank():
    assert [percentile([3, 1, 2, 4], rank) for rank in (0, 50, 75, 76, 100)] == [1, 2, 3, 4, 4]

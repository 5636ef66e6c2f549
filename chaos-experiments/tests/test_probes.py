"""The probes, on records that were made up: what they take for fulfilled, and what not."""

import unittest
from unittest import mock

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


class OnRecords(unittest.TestCase):
    def given(self, *arguments, **more) -> FakeUsers:
        fake = FakeUsers(*arguments, **more)
        patch = mock.patch.object(users, "_users", fake)
        patch.start()
        self.addCleanup(patch.stop)
        return fake


class Probes(OnRecords):
    def test_an_opening_in_time_holds(self):
        self.given(20, events=[("fault", 5)], states=[(0, "closed"), (7.5, "open")])
        found = probes.circuit_opens(within=10)
        self.assertEqual((found["holds"], found["seconds"]), (True, 2.5))

    def test_an_opening_that_comes_late_does_not_hold(self):
        self.given(20, events=[("fault", 5)], states=[(0, "closed"), (15.1, "open")])
        self.assertFalse(probes.circuit_opens(within=10)["holds"])

    def test_an_opening_before_the_fault_is_none(self):
        self.given(20, events=[("fault", 5)], states=[(0, "closed"), (4, "open")])
        self.assertFalse(probes.circuit_opens(within=10)["holds"])

    def test_closing_counts_from_the_healing(self):
        states = [(0, "closed"), (6, "open"), (36, "half-open"), (36.1, "closed")]
        self.given(50, events=[("fault", 5), ("heal", 10)], states=states)
        found = probes.circuit_closes(margin=2)
        self.assertEqual((found["holds"], found["seconds"], found["limit"]), (True, 26.1, 32.0))

    def test_closing_late_does_not_hold(self):
        states = [(0, "closed"), (6, "open"), (42.1, "closed")]
        self.given(50, events=[("fault", 5), ("heal", 10)], states=states)
        self.assertFalse(probes.circuit_closes(margin=2)["holds"])

    def test_a_circuit_that_never_opened_has_not_closed(self):
        self.given(50, events=[("fault", 5), ("heal", 10)], states=[(0, "closed")])
        self.assertFalse(probes.circuit_closes(margin=2)["holds"])

    def test_a_circuit_that_opened_in_between_did_not_stay_closed(self):
        self.given(50, events=[("fault", 5)], states=[(0, "closed"), (6, "open"), (36, "closed")])
        self.assertFalse(probes.circuit_stayed_closed()["holds"])
        self.given(50, events=[("fault", 5)], states=[(0, "closed")])
        self.assertTrue(probes.circuit_stayed_closed()["holds"])

    def test_one_failure_in_a_hundred_is_more_than_none(self):
        calls = [Call(at=6 + i / 10, seconds=0.01, status=200) for i in range(99)] + [Call(16, 0.01, 502)]
        self.given(50, events=[("fault", 5)], calls=calls)
        self.assertFalse(probes.users_were_served(share=1)["holds"])
        self.assertTrue(probes.users_were_served(share=0.99)["holds"])

    def test_a_call_without_an_answer_or_past_its_deadline_was_not_answered(self):
        for bad in (Call(7, 1, None), Call(7, 31.5, 200)):
            self.given(50, events=[("fault", 5)], calls=[Call(6, 0.01, 200), bad])
            self.assertFalse(probes.everyone_was_answered()["holds"])
        self.given(50, events=[("fault", 5)], calls=[Call(6, 0.01, 503), Call(7, 30.5, 504)])
        self.assertTrue(probes.everyone_was_answered()["holds"])

    def test_a_call_that_still_waits_was_not_answered(self):
        fake = self.given(50, events=[("fault", 5)], calls=[Call(6, 0.01, 200)])
        fake.record.pending.append(Call(7, 0.0, None))
        with mock.patch.object(cluster, "wait_for"):
            self.assertFalse(probes.everyone_was_answered()["holds"])
            self.assertFalse(probes.users_were_served(share=1)["holds"])

    def test_calls_before_the_fault_and_after_the_question_are_not_waited_for(self):
        fake = self.given(50, events=[("fault", 5)], calls=[Call(6, 0.01, 200)])
        fake.record.pending += [Call(4, 0.0, None), Call(51, 0.0, None)]
        self.assertTrue(probes.everyone_was_answered()["holds"])

    def test_nobody_called_is_no_success(self):
        self.given(50, events=[("fault", 5)], calls=[Call(4, 0.01, 200)])
        self.assertFalse(probes.everyone_was_answered()["holds"])

    def test_transitions_have_to_be_the_expected_ones_in_order(self):
        self.given(50)
        log = [
            "t INFO x circuit_breaker: closed -> open (5 consecutive failures, last: status 500; half-open in 30.0s)",
            "t INFO x retry: call 1 attempt 1/4: status 500; next attempt in 1.030s",
            "t INFO x circuit_breaker: open -> half-open (reset timeout of 30.0s elapsed)",
        ]
        with mock.patch.object(cluster, "log_lines", return_value=log):
            self.assertTrue(probes.transitions_logged(["closed -> open", "open -> half-open"])["holds"])
            self.assertFalse(probes.transitions_logged(["open -> half-open", "closed -> open"])["holds"])
            self.assertFalse(probes.transitions_logged(["closed -> open"])["holds"])
            self.assertFalse(probes.transitions_logged([])["holds"])

    def test_transitions_are_found_in_json_too(self):
        self.given(50)
        log = ['t {"level":"INFO","message":"circuit_breaker: closed -> open (5 consecutive failures)","target":"x"}']
        with mock.patch.object(cluster, "log_lines", return_value=log):
            found = probes.transitions_logged(["closed -> open"])
        self.assertEqual((found["holds"], found["reasons"]), (True, ["5 consecutive failures"]))

    def test_trials_may_fail_where_that_is_said(self):
        self.given(50)
        log = [
            f"t circuit_breaker: {each} (x)"
            for each in ["closed -> open", *["open -> half-open", "half-open -> open"] * 2, "open -> half-open"]
        ]
        expected = ["closed -> open", "open -> half-open"]
        with mock.patch.object(cluster, "log_lines", return_value=log):
            self.assertTrue(probes.transitions_logged(expected, trials_may_fail=True)["holds"])
            self.assertFalse(probes.transitions_logged(expected)["holds"])
            self.assertFalse(probes.transitions_logged(["closed -> open"], trials_may_fail=True)["holds"])


class FailFast(OnRecords):
    def answers(self, status: int = 503, fallback: bool = True, counts=({}, {})) -> dict:
        self.given(20, events=[("fault", 5)], states=[(0, "closed"), (6, "open")])
        answer = mock.Mock(status_code=status)
        answer.json.return_value = {"backend_response": {"fallback": fallback}}
        with (
            mock.patch.object(backend, "requests", side_effect=counts),
            mock.patch.object(probes, "ask", return_value=answer),
        ):
            return probes.calls_fail_fast(calls=3)

    def test_refused_calls_hold(self):
        self.assertTrue(self.answers()["holds"])

    def test_one_request_to_an_old_pod_or_a_new_one_is_too_much(self):
        self.assertTrue(self.answers(counts=({"a": 5}, {"a": 5, "b": 0}))["holds"])
        self.assertFalse(self.answers(counts=({"a": 5}, {"a": 6}))["holds"])
        self.assertFalse(self.answers(counts=({"a": 5}, {"a": 5, "b": 1}))["holds"])

    def test_anything_but_a_503_with_a_fallback_does_not_hold(self):
        self.assertFalse(self.answers(status=200)["holds"])
        self.assertFalse(self.answers(fallback=False)["holds"])

    def test_slow_refusals_do_not_hold(self):
        with mock.patch.object(probes, "percentile", return_value=0.051):
            self.assertFalse(self.answers()["holds"])


class Percentiles(unittest.TestCase):
    def test_they_are_nearest_rank(self):
        self.assertEqual([percentile([3, 1, 2, 4], rank) for rank in (0, 50, 75, 76, 100)], [1, 2, 3, 4, 4])

"""The verdict detects each kind of error."""

import random
from collections import Counter

import pytest

from . import counts, verdict
from .load import Book
from .metrics import series

ROUTE = "/api/call-backend"
PLAIN = "/api/call-backend-without-resilience"


def book(left=0):
    made = Book()
    made.answers = Counter({(ROUTE, 200): 90, (ROUTE, 503): 7, (ROUTE, 500): 3, (PLAIN, 200): 5, (PLAIN, 502): 1})
    made.calls = Counter({200: 90, 503: 7, 500: 3})
    made.retries = 4
    made.left[ROUTE] = made.left_calls = left
    return made


def stats(**changed):
    kinds = ["total", "successful", "failed", "rejected", "abandoned"]
    counts = dict(zip((f"{kind}_requests" for kind in kinds), [100, 90, 3, 7, 0], strict=True))
    plain = dict(zip((f"{kind}_requests" for kind in kinds), [6, 5, 1, 0, 0], strict=True))
    others = {"calls_in_flight": 0, "calls_waiting": 0, "circuit_breaker_open_count": 3}
    counts |= {"retry_attempts": 4, "baseline": plain | {"retry_attempts": 0}} | others
    return {"statistics": counts | changed}


def metrics(**changed):
    lines = {
        "call_200": f'http_requests_total{{method="GET",path="{ROUTE}",status="200"}} 90',
        "call_500": f'http_requests_total{{method="GET",path="{ROUTE}",status="500"}} 3',
        "call_503": f'http_requests_total{{method="GET",path="{ROUTE}",status="503"}} 7',
        "plain_200": f'http_requests_total{{method="GET",path="{PLAIN}",status="200"}} 5',
        "plain_502": f'http_requests_total{{method="GET",path="{PLAIN}",status="502"}} 1',
        "open": 'resilience4j_circuitbreaker_transitions_total{name="backend (lab)",from="closed",to="open"} 3',
        "closed": 'resilience4j_circuitbreaker_transitions_total{name="backend (lab)",from="half_open",to="closed"} 3',
        "state": 'resilience4j_circuitbreaker_state{name="backend (lab)",state="closed"} 1',
        "retries": 'client_retry_attempts_total{name="backend (lab)"} 4',
        "rejections": 'resilience4j_circuitbreaker_not_permitted_calls_total{name="backend (lab)"} 7',
        "in_flight": "http_requests_in_flight 1",
        "streams": "client_event_streams 0",
    }
    for name, value in changed.items():
        lines[name] = f"{lines[name].rsplit(' ', 1)[0]} {value}"
    return series("\n".join(["# HELP something", *lines.values()]))


def failed(findings):
    return {finding.claim for finding in findings if not finding.holds}


def test_consistent_counts_are_accepted():
    assert failed(counts.statistics(book(), stats(), metrics())) == set()


def test_an_extra_call_is_found():
    seen = failed(counts.statistics(book(), stats(successful_requests=91), metrics()))
    assert seen == {"stats: total is the sum of its parts", "stats: successful"}


def test_a_call_whose_caller_left_may_have_any_outcome_but_only_one():
    one = stats(total_requests=101, abandoned_requests=1)
    assert failed(counts.statistics(book(left=1), one, metrics(call_200=91))) == set()
    two = stats(total_requests=102, abandoned_requests=2)
    assert "stats: total" in failed(counts.statistics(book(left=1), two, metrics()))
    both = metrics(call_200=91, call_500=4)
    assert "metrics: requests by route and status" in failed(counts.statistics(book(left=1), one, both))


def test_an_answer_without_a_caller_is_found():
    seen = failed(counts.statistics(book(), stats(), metrics(plain_502=2)))
    assert seen == {"metrics: requests by route and status"}


@pytest.mark.parametrize("name", ["in_flight", "streams"])
def test_a_leak_in_flight_is_found(name):
    seen = failed(counts.statistics(book(), stats(), metrics(**{name: 2})))
    assert seen == {"metrics: nothing is left in flight"}


@pytest.mark.parametrize(
    ("name", "claim"),
    [("open", "metrics: openings"), ("retries", "metrics: retries"), ("rejections", "metrics: rejections")],
)
def test_a_difference_between_two_sources_is_found(name, claim):
    assert failed(counts.statistics(book(), stats(), metrics(**{name: 5}))) == {claim}


def reloaded(count=60, ok=60, failed=0, calls=2000, name="a"):
    made = book()
    made.answers[counts.PASSED_ON, 200] = calls
    seen = series(
        f'client_config_reloads_total{{result="ok"}} {ok}\nclient_config_reloads_total{{result="failed"}} {failed}\n'
        f'client_calls_in_flight{{name="{name}"}} 0'
    )
    return [finding.holds for finding in counts.reloads(made, seen, count, 60.0)]


def test_reloads_are_judged():
    assert reloaded() == [True, True, True]
    for changed in ({"count": 50, "ok": 50}, {"ok": 59}, {"failed": 1}):
        assert reloaded(**changed) == [False, True, True]
    assert reloaded(calls=1000) == [True, False, True]
    assert reloaded(name="new-3-0") == [True, True, False]


def noise(count, rise):
    draws = random.Random(1)
    return [44 + draws.expovariate(1 / 10) + rise * place / count for place in range(count)]


def test_noise_is_flat_and_a_slow_leak_is_not():
    for count in (240, 1200):
        assert verdict.flat("files", noise(count, 0), verdict.FILES_SLACK, "files").holds
        assert not verdict.flat("files", noise(count, 30), verdict.FILES_SLACK, "files").holds


def test_too_few_samples_do_not_hold():
    assert not verdict.flat("files", [44.0] * 8, verdict.FILES_SLACK, "files").holds


def test_one_request_without_an_answer_is_found():
    made = book()
    made.unanswered.append("GET /health: nothing within 30 s")
    assert failed(verdict.complete(made)) == {"every request is answered, unless its caller left"}


def test_a_wrong_answer_is_found():
    made = book()
    made.wrong.append("GET /health: 500")
    assert failed(verdict.complete(made)) == {"every answer is documented"}

"""What a sick endpoint's requests and its callers' times say."""

from bench.ejection import Endpoint, Side, ejection, figures
from resilience_lab.traffic import Call, Record


def test_an_endpoint_is_ejected_at_the_last_request_before_a_pause():
    assert ejection([10.1, 10.4, 12.0, 12.1], begin=10.0, heal=20.0) == 10.4 - 10.0


def test_an_endpoint_with_a_request_each_moment_is_never_ejected():
    assert ejection([10 + number / 2 for number in range(20)], begin=10.0, heal=20.0) is None


def side(requests, calls):
    return Side([Endpoint(1, requests=requests)], None, "/", Record(begin=0.0, calls=calls))


def test_only_the_time_of_the_fault_counts():
    calls = [Call(1.0, 0.01, 200), Call(11.0, 0.02, 502), Call(21.0, 9.0, 200)]
    seen = figures("errors", side([9.0, 10.2, 23.0], calls), begin=10.0, heal=20.0)
    assert seen["lost"] == 1
    assert seen["requests"] == 1
    assert round(seen["p99_ms"]) == 20
    assert (round(seen["ejected_s"], 3), seen["returned_s"]) == (0.2, 3.0)


def test_a_call_that_waits_has_met_the_silent_endpoint():
    calls = [Call(10.5, 1.02, 200), Call(10.6, 0.02, 200)]
    seen = figures("silent", side([], calls), begin=10.0, heal=20.0)
    assert (seen["requests"], seen["ejected_s"], seen["returned_s"]) == (1, 0.5, None)

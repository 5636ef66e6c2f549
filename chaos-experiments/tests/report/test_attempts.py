import pytest

from resilience_lab.report.attempts import arrived, planned_wait, timeline

RETRY = {"base_delay": 1.0, "multiplier": 2.0, "max_delay": 10.0}


def test_attempts_start_after_the_wait_of_the_one_before():
    log = [
        {"status": 429, "elapsed": 0.5, "wait": 1.25},
        {"status": None, "elapsed": 3.0, "wait": 2.0},
        {"status": 200, "elapsed": 0.25},
    ]
    first, second, third = timeline(10.0, log)
    assert (first.begin, first.end, first.wait) == (10.0, 10.5, 1.25)
    assert (second.begin, second.end, second.status) == (11.75, 14.75, None)
    assert (third.number, third.begin, third.wait) == (3, 16.75, None)


def test_network_time_is_half_of_the_unaccounted_time():
    assert arrived(sent=5.0, seconds=1.2, elapsed=1.0) == pytest.approx(5.1)


def test_a_call_never_arrives_before_it_was_sent():
    assert arrived(sent=5.0, seconds=1.0, elapsed=1.001) == 5.0


def test_waits_double_up_to_the_cap():
    assert [planned_wait(n, RETRY) for n in range(1, 7)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]

import pytest

from resilience_lab.report.attempts import arrived, planned_wait, timeline

RETRY = {"base_delay": 1.0, "multiplier": 2.0, "max_delay": 10.0}


def test_attempts_follow_each_other_with_their_waits():
    log = [
        {"status": 429, "elapsed": 0.5, "wait": 1.25},
        {"status": None, "elapsed": 3.0, "wait": 2.0},
        {"status": 200, "elapsed": 0.25},
    ]
    first, second, third = timeline(10.0, log)
    assert (first.begin, first.end, first.wait) == (10.0, 10.5, 1.25)
    assert (second.begin, second.end, second.status) == (11.75, 14.75, None)
    assert (third.number, third.begin, third.wait) == (3, 16.75, None)


def test_way_to_the_service_is_half_of_what_it_does_not_account_for():
    assert arrived(sent=5.0, seconds=1.2, elapsed=1.0) == pytest.approx(5.1)


def test_clocks_that_disagree_do_not_move_a_call_before_its_sending():
    assert arrived(sent=5.0, seconds=1.0, elapsed=1.001) == 5.0


def test_waits_double_up_to_the_cap():
    assert [planned_wait(n, RETRY) for n in range(1, 7)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]

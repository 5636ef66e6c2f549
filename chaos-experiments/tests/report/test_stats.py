import random

import pytest

from resilience_lab.report.stats import bins, busiest_window, share


def test_interval_is_the_wilson_interval():
    # R: prop.test(47, 100, correct = FALSE), and binom::binom.wilson(0, 10).
    some = share(47, 100)
    assert some.low == pytest.approx(0.3751, abs=5e-4)
    assert some.high == pytest.approx(0.5671, abs=5e-4)
    assert share(0, 10).low == 0.0
    assert share(0, 10).high == pytest.approx(0.2775, abs=5e-4)


def test_interval_stays_between_zero_and_one():
    for total in (1, 2, 600):
        for count in (0, total):
            found = share(count, total)
            assert found.low >= 0.0
            assert found.low <= found.value
            assert found.value <= found.high
            assert found.high <= 1.0


def test_share_of_zero_is_an_error():
    for count, total in ((0, 0), (2, 1), (-1, 5)):
        with pytest.raises(ValueError):
            share(count, total)


def test_window_slides_across_bin_edges():
    times = [0.05, 0.09, 0.11, 0.14, 0.30]
    assert busiest_window(times, 0.1) == (4, 0.05)
    assert bins(times, 0.1, 0.0, 0.4) == [2, 2, 0, 1]


def test_window_is_open_at_its_end():
    assert busiest_window([0.0, 0.5, 1.0], 1.0) == (2, 0.0)


def test_order_does_not_matter():
    times = [0.3, 0.1, 0.2]
    assert busiest_window(times, 1.0) == (3, 0.1)


def test_empty_input():
    assert busiest_window([], 0.1) == (0, 0.0)
    assert bins([], 0.1, 0.0, 0.3) == [0, 0, 0]


def test_agrees_with_the_definition():
    chance = random.Random(3)
    for _ in range(50):
        times = [chance.random() for _ in range(40)]
        most = max(sum(begin <= at < begin + 0.1 for at in times) for begin in times)
        assert busiest_window(times, 0.1)[0] == most


def test_bins_ignore_values_outside_the_range():
    assert bins([-0.1, 0.0, 0.99, 1.0], 0.5, 0.0, 1.0) == [1, 1]

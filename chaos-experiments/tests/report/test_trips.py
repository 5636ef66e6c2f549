from pathlib import Path

import pytest

from resilience_lab.report import trips

DATA = Path(__file__).parents[3] / "docs/data/trips.csv"


@pytest.fixture(scope="module")
def points():
    return trips.load(DATA)


def test_formula_is_the_expected_length_until_a_streak():
    assert trips.failures_in_a_row(1.0) == 5
    assert trips.failures_in_a_row(0.5) == pytest.approx(62)
    assert trips.failures_in_a_row(0.5, length=1) == pytest.approx(2)


def test_measured_means_are_near_the_formula(points):
    for point in trips.select(points, fault="steady", trip="5 in a row"):
        if point["calls_mean"] is not None:
            expected = trips.failures_in_a_row(point["rate"])
            # Four standard errors of a mean of 100 runs.
            assert abs(point["calls_mean"] - expected) < 0.4 * expected, point


def test_trip_that_did_not_open_says_so():
    assert trips.opening({"seconds_median": None, "calls_median": None}) == "never"


def test_each_table_has_a_place_in_the_document(points):
    empty = "".join(f"<!-- trips: {name} -->\nold\n{trips.END}\n" for name in trips.TABLES)
    made = trips.with_tables(empty, points)
    assert "old" not in made
    assert trips.with_tables(made, points) == made
    with pytest.raises(ValueError):
        trips.with_tables("no place", points)

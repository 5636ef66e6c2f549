from pathlib import Path

import pytest

from resilience_lab.report import trips
from resilience_lab.report.tables import filled, places

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def points():
    return trips.load(DOCS / "data")


def test_formula_is_the_expected_number_of_calls_until_a_streak():
    assert trips.failures_in_a_row(1.0) == 5
    assert trips.failures_in_a_row(0.5) == pytest.approx(62)
    assert trips.failures_in_a_row(0.5, length=1) == pytest.approx(2)


def test_measured_means_are_near_the_formula(points):
    for point in trips.select(points, fault="steady", trip="5 in a row"):
        if point["calls_mean"] is not None:
            expected = trips.failures_in_a_row(point["rate"])
            # Four standard errors of a mean of 100 runs.
            assert abs(point["calls_mean"] - expected) < 0.4 * expected, point


def test_a_trip_that_did_not_open_is_never():
    assert trips.opening({"seconds_median": None, "calls_median": None}) == "never"


def test_each_table_has_a_place_in_the_document(points):
    document = (DOCS / "trips.md").read_text()
    assert places(document, "trips", list(trips.TABLES)) == list(trips.TABLES)
    made = filled(document, "trips", trips.tables(points))
    assert filled(made, "trips", trips.tables(points)) == made

import re
from pathlib import Path

import pytest

from resilience_lab.report import policies
from resilience_lab.report.figures.policies import DRAWN
from resilience_lab.report.tables import places

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def data():
    return policies.load(DOCS / "data")


def second(limit: str, capacity: int, in_flight: int) -> dict[str, str]:
    return {"limit": limit, "capacity": str(capacity), "second": "1", "max_in_flight": str(in_flight)}


def test_each_experiment_has_a_place_for_its_table_and_a_figure_in_the_document():
    document = (DOCS / "experiments.md").read_text()
    assert places(document, "policies", list(policies.COLUMNS)) == list(policies.COLUMNS)
    shown = re.findall(r"figures/policies-([a-z-]+)\.svg", document)
    assert sorted(shown) == sorted(DRAWN) == sorted(policies.COLUMNS)


def test_the_script_measures_each_experiment():
    script = (ROOT / "scripts/curves.sh").read_text()
    measured = re.search(r"^experiments=\((.*)\)$", script, re.MULTILINE)
    assert measured and sorted(measured[1].split()) == sorted(policies.COLUMNS)


def test_means_are_those_of_the_second_half_of_each_stretch():
    rows = [second("fixed", capacity, n) for capacity, n in ((20, 90), (20, 10), (20, 12), (10, 90), (10, 6), (20, 7))]
    rows += [second("adaptive", 20, 8)]
    means = [(row["limit"], row["capacity"], row["max_in_flight"]) for row in policies.settled(rows)]
    assert means == [("fixed", "20", "11"), ("fixed", "10", "6"), ("fixed", "20", "7"), ("adaptive", "20", "8")]


def test_numbers_keep_the_digits_of_the_data():
    assert policies.number("ms", " ms")({"ms": "1028"}) == "1 028 ms"
    assert policies.number("s", " s")({"s": "14.80"}) == "14.80 s"
    assert policies.share("part")({"part": "0.0669"}) == "6.7 %"


# What docs/experiments.md says about the tables.


def test_a_second_hedge_cuts_the_slowest_calls(data):
    p999 = {row["hedge"]: float(row["p999_ms"]) for row in data["hedging"]}
    assert p999["after p90 up to 2"] < p999["after p90"] / 2


def test_a_budget_and_a_breaker_each_end_the_storm(data):
    after = {row["policy"]: float(row["successes_after"]) for row in data["retry-storm"]}
    assert after.pop("4 attempts") < 0.01
    assert set(after.values()) == {1.0}


def test_an_upstream_answers_more_calls_with_throttling(data):
    answered = {row["ratio"]: float(row["answered"]) for row in data["throttle"]}
    alone = answered.pop("none")
    assert all(count > 1.5 * alone for count in answered.values())


def test_the_median_latency_stays_behind_an_adaptive_limit(data):
    p50 = {(row["limit"], row["capacity"]): float(row["p50_ms"]) for row in policies.settled(data["adaptive"])}
    assert p50["fixed", "10"] > 1.5 * p50["fixed", "20"]
    assert p50["adaptive", "10"] <= 1.1 * p50["adaptive", "20"]

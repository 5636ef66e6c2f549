"""Figures, verdicts and tables, computed from measurements."""

import json

import pytest

from bench import limits, runtime, stats, tables
from bench.stats import Estimate
from harness.processes import Failure


def test_the_same_values_give_the_same_interval_with_the_median_in_it():
    values = [1.0, 2.0, 3.0, 4.0, 100.0]
    one = stats.estimate(values)
    assert one == stats.estimate(values)
    assert one.value == 3.0
    assert one.low <= one.value
    assert one.high >= one.value


def test_a_slow_round_does_not_change_the_ratio():
    assert stats.paired([2.0, 20.0, 200.0], [1.0, 10.0, 100.0]) == Estimate(2.0, 2.0, 2.0)


def test_unpaired_rounds_are_refused():
    with pytest.raises(ValueError):
        stats.paired([1.0, 2.0], [1.0])


def test_a_limit_is_missed_only_if_the_whole_interval_is_above_it():
    for low, verdict in ((1.04, "met"), (1.05, "met"), (1.051, "missed")):
        assert limits.row("it", Estimate(1.2, low, 1.3), 1.05, 1.0)["verdict"] == verdict


def test_a_figure_without_a_limit_is_reported():
    row = limits.row("it", Estimate(9.0, 9.0, 9.0), None, 1.0)
    assert (row["verdict"], row["aim_reached"]) == ("reported", "no")


def test_only_measured_figures_are_compared():
    rows = limits.compare({"open": {"cpu_us": [2.0]}, "health": {"cpu_us": [1.0]}})
    assert [(row["name"], row["verdict"]) for row in rows] == [("CPU/request, open / health", "missed")]


def bench(directory, name, nanoseconds, throughput=None):
    place = directory / name / "new"
    place.mkdir(parents=True)
    interval = {"lower_bound": nanoseconds * 0.9, "upper_bound": nanoseconds * 1.1}
    median = {"point_estimate": nanoseconds, "confidence_interval": interval}
    (place / "estimates.json").write_text(json.dumps({"median": median}))
    (place / "benchmark.json").write_text(json.dumps({"throughput": throughput}))


def rows_of(directory, facts=None):
    return {row["name"]: row for row in runtime.limits(runtime.read([directory]), facts or {})}


def test_closed_is_compared_with_the_fastest_other_at_the_same_number_of_threads(tmp_path):
    for name, time in (("ours/1", 9), ("recloser/1", 12), ("failsafe/1", 50), ("ours/2", 99), ("recloser/2", 40)):
        bench(tmp_path, f"closed/{name}", time)
    rows = rows_of(tmp_path)
    assert rows["runtime: closed, 1 thread: ours / fastest other (recloser)"]["verdict"] == "met"
    assert rows["runtime: closed, 2 threads: ours / fastest other (recloser)"]["verdict"] == "missed"
    assert rows["runtime: closed admission and report, 1 thread"]["aim_reached"] == "yes"


def test_a_bench_of_many_elements_counts_per_element(tmp_path):
    bench(tmp_path, "waiting_calls/1000", 1000 * 1000, {"Elements": 1000})
    bench(tmp_path, "waiting_calls/100000", 100_000 * 3000, {"Elements": 100_000})
    row = rows_of(tmp_path)["runtime: cost per call, 100 000 waiting / 1 000"]
    assert (row["value"], row["verdict"]) == (3.0, "missed")


def test_directories_are_rounds_of_the_benches_that_they_share(tmp_path):
    for round, time in (("a", 3), ("b", 1), ("c", 2)):
        bench(tmp_path / round, "rate/ours", time)
    bench(tmp_path / "c", "pipeline/ours", 8)
    times = runtime.read([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    assert times["rate/ours"]["value"] == 2
    assert times["pipeline/ours"]["value"] == 8
    runs = runtime.run([tmp_path / "a"], times)
    assert list(runs) == ["rate", "pipeline"]
    assert runs["rate"]["rounds"] == 1


def test_open_rejection_and_facts_have_their_limits(tmp_path):
    bench(tmp_path, "open_rejection/ours", 60)
    rows = rows_of(tmp_path, {"allocations_per_closed_call": 1, "bytes_per_waiting_call": 600})
    assert rows["runtime: open rejection"]["verdict"] == "missed"
    assert rows["runtime: allocations of a call in closed state"]["verdict"] == "missed"
    memory = rows["runtime: memory per waiting call"]
    assert (memory["verdict"], memory["aim_reached"]) == ("met", "no")


def test_invalid_results_are_refused(tmp_path):
    with pytest.raises(Failure, match="has none of criterion's groups"):
        runtime.read([tmp_path])
    facts = tmp_path / "facts.json"
    facts.write_text('{"bytes": 1}')
    with pytest.raises(Failure, match="bytes: 1 is not known"):
        runtime.facts(facts)


DATA = {"contenders": {}, "limits": [limits.row("it", Estimate(1.0, 0.9, 1.1), 1.05, None)]}


@pytest.fixture
def document(tmp_path):
    return tmp_path / "doc.md"


def test_only_the_text_between_the_marks_changes_and_only_once(document):
    document.write_text("before\n<!-- bench: limits -->\nold\n<!-- /bench -->\nafter\n")
    made = tables.within(document, DATA)
    assert made.startswith("before\n<!-- bench: limits -->\n| figure |"), made
    assert made.endswith("|  |\n<!-- /bench -->\nafter\n"), made
    assert "old" not in made
    document.write_text(made)
    assert tables.within(document, DATA) == made


def test_a_document_without_marks_is_refused(document):
    document.write_text("nothing")
    with pytest.raises(Failure, match="no place for a table"):
        tables.read(document)


def test_what_never_happened_is_never():
    one = {"value": 1.0, "low": 1.0, "high": 1.0}
    measured = {"ejection": {"slow": {"ours": {"lost": one, "p99_ms": one, "requests": one}}}}
    head, rows = tables.ejections(measured)
    assert rows[0][-2:] == ["never", "never"]
    assert len(rows[0]) == len(head)


def test_a_count_of_instructions_is_compared_with_that_of_the_build_before_if_there_is_one():
    counted = {"instructions": {"call-backend": {"now": 990.4, "before": 1000.0}, "health": {"now": 2000.0}}}
    assert tables.instructions(counted)[1] == [
        ["ours, `/api/call-backend`", "990", "1 000", "-1.0 %"],
        ["ours, `/health`", "2 000", "", ""],
    ]


def test_numbers_have_three_significant_digits():
    shown = [tables.number(value) for value in (0.0, 0.0312, 1.234, 12.34, 123.4, 12345.6)]
    assert shown == ["0", "0.031", "1.23", "12.3", "123", "12 346"]

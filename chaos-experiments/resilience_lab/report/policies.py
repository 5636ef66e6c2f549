"""The figures and tables of docs/experiments.md."""

import csv
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from .figures.policies import DRAWN
from .tables import markdown, thousands

Row = dict[str, str]
Column = tuple[str, Callable[[Row], str]]


def text(column: str) -> Callable[[Row], str]:
    return lambda row: row[column]


def number(column: str, unit: str = "") -> Callable[[Row], str]:
    """A number with at most the digits that it has in the data."""
    return lambda row: (row[column] if "." in row[column] else thousands(float(row[column]))) + unit


def share(column: str, digits: int = 1) -> Callable[[Row], str]:
    return lambda row: f"{100 * float(row[column]):.{digits}f} %"


# The head and the cells of each column.
COLUMNS: dict[str, list[Column]] = {
    "hedging": [
        ("hedge", text("hedge")),
        ("p50", number("p50_ms", " ms")),
        ("p90", number("p90_ms", " ms")),
        ("p95", number("p95_ms", " ms")),
        ("p99", number("p99_ms", " ms")),
        ("p99.9", number("p999_ms", " ms")),
        ("more requests", share("extra_requests")),
    ],
    "retry-storm": [
        ("policy", text("policy")),
        ("attempts a call, during", number("attempts_a_call_during")),
        ("successes, during", share("successes_during")),
        ("attempts a call, afterwards", number("attempts_a_call_after")),
        ("successes, afterwards", share("successes_after")),
    ],
    "probes": [
        ("a probe", text("probes")),
        ("median", number("p50_s", " s")),
        ("90 % within", number("p90_s", " s")),
        ("longest", number("max_s", " s")),
        ("failed calls an outage", number("failed_calls_each")),
        ("probes an outage", number("probes_each")),
    ],
    "quiet-period": [
        ("`Retry-After` is for", lambda row: {"call": "its call", "upstream": "all calls"}[row["retry_after_scope"]]),
        ("requests in the first second", number("requests_in_first_s")),
        ("requests in 60 s", number("requests_in_60_s")),
        ("first success after", number("first_success_s", " s")),
    ],
    "throttle": [
        ("ratio", lambda row: row["ratio"].replace("none", "no throttling")),
        ("answered a second", number("answered")),
        ("refused a second", number("refused")),
        ("rejected here a second", number("rejected")),
    ],
    "adaptive": [
        ("limit", text("limit")),
        ("capacity", text("capacity")),
        ("attempts in flight, at most", number("max_in_flight")),
        ("p50", number("p50_ms", " ms")),
        ("p99", number("p99_ms", " ms")),
        ("answered a second", number("answered")),
        ("rejected a second", number("rejected")),
    ],
    "stale": [
        ("greatest age", text("max_age")),
        ("calls", lambda row: f"{row['part']} the outage"),
        ("good", share("good")),
        ("stale", share("stale")),
        ("errors", share("errors")),
    ],
    "coalesce": [
        ("coalescing", text("coalesce")),
        ("calls a second", number("calls_per_second")),
        ("requests a second", number("requests_per_second")),
        ("p50", number("p50_ms", " ms")),
        ("p99", number("p99_ms", " ms")),
    ],
}


def load(directory: Path) -> dict[str, list[Row]]:
    """The rows of each experiment."""
    data = {}
    for name in COLUMNS:
        with (directory / f"policies-{name}.csv").open(encoding="utf-8", newline="") as file:
            data[name] = list(csv.DictReader(file))
    return data


def settled(rows: list[Row]) -> list[Row]:
    """Means over the second half of each stretch of seconds with one limit and one capacity."""
    means = []
    for _, stretch in groupby(rows, itemgetter("limit", "capacity")):
        seconds = list(stretch)
        half = seconds[len(seconds) // 2 :]
        measured = [key for key in half[0] if key not in ("limit", "capacity", "second")]
        mean = {key: f"{sum(float(row[key]) for row in half) / len(half):.0f}" for key in measured}
        means.append(half[0] | mean)
    return means


def tables(data: dict[str, list[Row]]) -> dict[str, str]:
    """The tables of docs/experiments.md, by name."""
    stale = [row for row in data["stale"] if row["part"] != "before"]
    shown = data | {"adaptive": settled(data["adaptive"]), "stale": stale}
    return {
        name: markdown([[head for head, _ in columns], *([cell(row) for _, cell in columns] for row in shown[name])])
        for name, columns in COLUMNS.items()
    }


def figures(directory: Path, data: dict[str, list[Row]]) -> None:
    """A figure for each experiment."""
    for name, draw in DRAWN.items():
        draw(directory / f"policies-{name}.svg", data[name])

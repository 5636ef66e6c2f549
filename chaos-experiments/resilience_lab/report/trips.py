"""The figures and tables of docs/trips.md."""

import csv
from pathlib import Path

from .figures import trips as figure
from .tables import markdown, thousands

TEXTS = {"fault", "trip"}


def load(directory: Path) -> list[dict]:
    """The data points. A quantile that was not reached is None."""
    with (directory / "trips.csv").open(encoding="utf-8", newline="") as file:
        return [
            {key: value if key in TEXTS else float(value) if value else None for key, value in row.items()}
            for row in csv.DictReader(file)
        ]


def select(points: list[dict], **wanted: object) -> list[dict]:
    return [point for point in points if all(point[key] == value for key, value in wanted.items())]


def failures_in_a_row(rate: float, length: int = 5) -> float:
    """Expected number of calls until `length` in a row fail."""
    return (1 - rate**length) / ((1 - rate) * rate**length) if rate < 1 else length


def formula(points: list[dict]) -> list[list[str]]:
    rows = [["failure rate", "formula, calls", "measured mean, calls"]]
    for point in select(points, fault="steady", trip="5 in a row", calls_per_second=10):
        if point["calls_mean"] is not None:
            expected = thousands(failures_in_a_row(point["rate"]))
            rows.append([f"{point['rate']:.0%}".replace("%", " %"), expected, thousands(point["calls_mean"])])
    return rows


def opening(point: dict) -> str:
    """The median time, as text."""
    if point["seconds_median"] is None:
        return "never"
    return f"{point['seconds_median']:.3g} s ({thousands(point['calls_median'])})"


def traffic(points: list[dict]) -> list[list[str]]:
    """All calls fail or hang: the time to open, and the calls until then."""
    rates = (1, 10, 100)
    rows = [["all calls", "trip", *(f"{rate}/s" for rate in rates)]]
    for fault, words in (("steady", "fail"), ("hang", "hang")):
        points_of = select(points, fault=fault, rate=1)
        for trip in dict.fromkeys(point["trip"] for point in points_of):
            cells = []
            for rate in rates:
                [point] = select(points_of, trip=trip, calls_per_second=rate)
                cells.append(opening(point))
            rows.append([words, trip, *cells])
    return rows


def healthy(points: list[dict]) -> list[list[str]]:
    """Openings per million calls."""
    columns = [(fault, rate) for fault in ("steady", "bursts") for rate in (0.001, 0.01, 0.05)]
    rows = [["trip", *(f"{100 * rate:g} % {'in bursts' if fault == 'bursts' else fault}" for fault, rate in columns)]]
    for trip in dict.fromkeys(point["trip"] for point in select(points, fault="steady")):
        cells = []
        for fault, rate in columns:
            [point] = select(points, fault=fault, trip=trip, rate=rate, calls_per_second=10)
            cells.append(thousands(1e6 * point["opened"] / point["calls_watched"]))
        rows.append([trip, *cells])
    return rows


# Name, function, columns that are aligned to the left.
TABLES = {"formula": (formula, 0), "traffic": (traffic, 2), "healthy": (healthy, 1)}


def tables(points: list[dict]) -> dict[str, str]:
    """The tables of docs/trips.md, by name."""
    return {name: markdown(make(points), left) for name, (make, left) in TABLES.items()}


def figures(directory: Path, points: list[dict]) -> None:
    at_ten = select(points, calls_per_second=10)
    lines = (
        "10 calls a second; line: median of 100 runs, until fewer than half of them open within 10 000 calls;\n"
        "band: up to the 90 % quantile; dashed: two trips on one breaker"
    )
    failing = "A streak opens first when all calls fail; a share finds a part that fails"
    figure.draw(directory / "trips-failures.svg", at_ten, ("steady", "bursts"), failing, lines)
    slow = "Only a slow rate opens in front of slow answers"
    figure.draw(directory / "trips-slow.svg", at_ten, ("hang", "slow"), slow, lines)

"""What each policy buys."""

from pathlib import Path

from ..tables import thousands
from . import adaptive, dots, stale, style

Rows = list[dict[str, str]]


def column(rows: Rows, name: str) -> list[float]:
    return [float(row[name]) for row in rows]


def percent(share: str) -> str:
    return f"{100 * float(share):.1f} %"


def hedging(path: Path, rows: Rows) -> None:
    none, hedged = rows[0], next(row for row in rows if row["hedge"] == "after 50 ms")
    found = (
        f"A hedge after 50 ms cuts the p99 from {thousands(float(none['p99_ms']))} to {hedged['p99_ms']} ms,\n"
        f"for {percent(hedged['extra_requests'])} more requests"
    )
    quantiles = (("p50", style.GREEN), ("p90", style.SKY), ("p95", style.BLUE), ("p99", style.ORANGE))
    series = [(name, colour, column(rows, f"{name}_ms")) for name, colour in quantiles]
    series.append(("p99.9", style.VERMILION, column(rows, "p999_ms")))
    names = [f"{row['hedge']}\n+{percent(row['extra_requests'])} requests" for row in rows]
    below = "latency of the calls; 5 % of the answers take 1 s longer"
    dots.draw(path, (found, below), names, series, "ms (logarithmic)", log=True)


def retry_storm(path: Path, rows: Rows) -> None:
    storm = next(row for row in rows if float(row["successes_after"]) < 0.5)
    found = (
        "Without budget and breaker the storm outlives the outage:\n"
        f"{float(storm['attempts_a_call_after']):.1f} attempts a call, "
        f"and {100 * float(storm['successes_after']):.0f} % of the calls succeed"
    )
    series = [
        ("during the outage", style.ORANGE, column(rows, "attempts_a_call_during")),
        ("50 s to 80 s after it", style.BLUE, column(rows, "attempts_a_call_after")),
    ]
    names = [f"{row['policy']}\n{100 * float(row['successes_after']):.0f} % succeed afterwards" for row in rows]
    below = "requests that the upstream gets, for each call; an outage of 10 s"
    dots.draw(path, (found, below), names, series, "attempts a call")


def probes(path: Path, rows: Rows) -> None:
    default = next(row for row in rows if "each 1 s" in row["probes"])
    found = (
        f"With probes the circuit is closed {default['p50_s']} s after the upstream's return,\n"
        f"without them {rows[0]['p50_s']} s after it (medians)"
    )
    series = [
        ("median", style.GREEN, column(rows, "p50_s")),
        ("90 % within", style.BLUE, column(rows, "p90_s")),
        ("longest", style.VERMILION, column(rows, "max_s")),
    ]
    names = [f"{row['probes']}\n{row['probes_each']} probes an outage" for row in rows]
    below = "time from the upstream's return to the closed circuit; 200 outages of 1 to 120 s, an open time of 30 s"
    dots.draw(path, (found, below), names, series, "seconds (logarithmic)", log=True)


def quiet_period(path: Path, rows: Rows) -> None:
    alone, together = rows
    found = (
        f"An upstream that asks for a minute without calls gets {together['requests_in_60_s']} request, "
        f"not {thousands(float(alone['requests_in_60_s']))}"
    )
    series = [
        ("in the first second", style.ORANGE, column(rows, "requests_in_first_s")),
        ("in 60 s", style.BLUE, column(rows, "requests_in_60_s")),
    ]
    names = ["Retry-After is for its call", "Retry-After is for all calls"]
    below = "requests to an upstream that answers 429 with Retry-After for 60 s; 100 calls a second"
    dots.draw(path, (found, below), names, series, "requests (logarithmic)", log=True)


def throttle(path: Path, rows: Rows) -> None:
    alone, default = rows[0], next(row for row in rows if row["ratio"] == "2")
    found = (
        f"An upstream that has to refuse fewer calls answers more of them:\n"
        f"{default['answered']} a second with the default ratio, {alone['answered']} without throttling"
    )
    series = [
        ("answered", style.GREEN, column(rows, "answered")),
        ("refused by the upstream", style.VERMILION, column(rows, "refused")),
        ("rejected before", style.BLUE, column(rows, "rejected")),
    ]
    names = ["no throttling" if row["ratio"] == "none" else f"ratio {row['ratio']}" for row in rows]
    below = "30 calls a second to an upstream that can answer 10; a refusal costs it a fifth of an answer"
    dots.draw(path, (found, below), names, series, "calls a second")


def coalesce(path: Path, rows: Rows) -> None:
    off, on = ([row for row in rows if row["coalesce"] == setting] for setting in ("off", "on"))
    found = (
        f"{on[-1]['calls_per_second']} calls a second that share answers "
        f"need {on[-1]['requests_per_second']} requests, not {off[-1]['requests_per_second']}"
    )
    series = [
        ("without coalescing", style.ORANGE, column(off, "requests_per_second")),
        ("with coalescing", style.BLUE, column(on, "requests_per_second")),
    ]
    names = [f"{row['calls_per_second']} calls a second" for row in off]
    below = "requests that the upstream gets; calls for 20 different requests, each takes 50 ms"
    dots.draw(path, (found, below), names, series, "requests a second")


DRAWN = {
    "hedging": hedging,
    "retry-storm": retry_storm,
    "probes": probes,
    "quiet-period": quiet_period,
    "throttle": throttle,
    "adaptive": adaptive.draw,
    "stale": stale.draw,
    "coalesce": coalesce,
}

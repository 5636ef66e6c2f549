"""The figures of the runtime alone: times from criterion, and other figures from a file.

| criterion's bench | figure |
|---|---|
| `closed/FUNCTION/THREADS` | admission of a call and report of its success |
| `open_rejection/FUNCTION` | rejection of a call |
| `waiting_calls/CALLS` | cost of a call while CALLS calls wait |
| `call/POLICY` | a call of an upstream with one policy, with none, or with all |
| `rate/FUNCTION`, `concurrency/FUNCTION`, `breaker/FUNCTION`, `retry_budget/FUNCTION` | one policy alone |
| `pipeline/FUNCTION` | a limit, a circuit breaker and retries |

If a bench reports its throughput in elements, its time is per element. The file has names and numbers; the known
names are those in `FACTS`.
"""

import datetime
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.processes import Failure
from resilience_lab.report import machine

from .limits import row
from .stats import Estimate, estimate

OURS = "ours"
GROUPS = (
    "closed",
    "open_rejection",
    "waiting_calls",
    "call",
    "rate",
    "concurrency",
    "breaker",
    "retry_budget",
    "pipeline",
)
# Name in the file -> row, must, aim, unit.
FACTS = {
    "allocations_per_closed_call": ("runtime: allocations of a call in closed state", 0.0, 0.0, "allocations"),
    "bytes_per_waiting_call": ("runtime: memory per waiting call", 1024.0, 512.0, "bytes"),
}


def read(directories: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Nanoseconds of each bench of our groups, by name. If a bench is in several directories, each is a round."""
    measured: dict[str, list[dict[str, float]]] = {}
    for directory in directories:
        for name, times in read_round(directory).items():
            measured.setdefault(name, []).append(times)
    return {
        name: rounds[0] if len(rounds) == 1 else estimate([times["value"] for times in rounds]).record()
        for name, rounds in measured.items()
    }


def run(directories: Sequence[Path], times: dict[str, dict[str, float]]) -> dict[str, dict]:
    """When and with how many rounds the groups in `times` were measured: now, as criterion's files do not say it."""
    today, load = datetime.date.today().isoformat(), machine.load()
    groups = dict.fromkeys(name.split("/")[0] for name in times)
    return {group: {"date": today, "load": load, "rounds": len(directories)} for group in groups}


def read_round(directory: Path) -> dict[str, dict[str, float]]:
    """Nanoseconds of each bench of our groups in one directory, by name."""
    if not directory.is_dir():
        raise Failure(f"{directory} is not a directory: cargo bench leaves target/criterion")
    found = {}
    for group in GROUPS:
        for file in sorted((directory / group).glob("**/new/estimates.json")):
            name = "/".join(file.relative_to(directory).parts[:-2])
            found[name] = median(file).record()
    if not found:
        raise Failure(f"{directory} has none of criterion's groups {', '.join(GROUPS)}")
    return found


def median(file: Path) -> Estimate:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))["median"]
        throughput = json.loads(file.with_name("benchmark.json").read_text(encoding="utf-8")).get("throughput") or {}
        interval = known["confidence_interval"]
        # An object, or a list of one, depending on criterion's version.
        elements = (throughput[0] if isinstance(throughput, list) else throughput).get("Elements") or 1
        times = (known["point_estimate"], interval["lower_bound"], interval["upper_bound"])
        return Estimate(*(time / elements for time in times))
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise Failure(f"{file} is not what criterion writes: {error!r}") from error


def facts(file: Path) -> dict[str, float]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{file} cannot be read: {error}") from error
    if not isinstance(known, dict):
        raise Failure(f"{file} is not an object of names and numbers")
    for name, value in known.items():
        if name not in FACTS or isinstance(value, bool) or not isinstance(value, int | float):
            raise Failure(f"{file}: {name}: {value!r} is not known; known are numbers named {', '.join(FACTS)}")
    return known


def limits(times: dict[str, dict[str, float]], known: dict[str, float]) -> list[dict]:
    rows = [*closed(times), *open_rejection(times), *waiting(times), *policies(times)]
    for name, (title, must, aim, unit) in FACTS.items():
        if name in known:
            value = float(known[name])
            rows.append(row(title, Estimate(value, value, value), must, aim, unit))
    return rows


def closed(times: dict[str, dict[str, float]]) -> Iterator[dict]:
    for threads, words in (("1", "1 thread"), ("2", "2 threads")):
        mine = times.get(f"closed/{OURS}/{threads}")
        others = {
            name.split("/")[1]: measured
            for name, measured in times.items()
            if name.startswith("closed/") and name.endswith(f"/{threads}") and name != f"closed/{OURS}/{threads}"
        }
        if not mine:
            continue
        if others:
            fastest = min(others, key=lambda name: others[name]["value"])
            title = f"runtime: closed, {words}: ours / fastest other ({fastest})"
            yield row(title, over(mine, others[fastest]), 1.0, None)
        if threads == "1":
            yield row("runtime: closed admission and report, 1 thread", Estimate(**mine), None, 10.0, "ns")


def open_rejection(times: dict[str, dict[str, float]]) -> Iterator[dict]:
    for name, measured in times.items():
        if name == f"open_rejection/{OURS}" or name.startswith(f"open_rejection/{OURS}/"):
            threads = name.removeprefix(f"open_rejection/{OURS}").strip("/")
            title = "runtime: open rejection" + (f", {threads}" if threads else "")
            yield row(title, Estimate(**measured), 50.0, 20.0, "ns")


def waiting(times: dict[str, dict[str, float]]) -> Iterator[dict]:
    many, few = times.get("waiting_calls/100000"), times.get("waiting_calls/1000")
    if many and few:
        yield row("runtime: cost per call, 100 000 waiting / 1 000", over(many, few), 2.0, 1.0)


def policies(times: dict[str, dict[str, float]]) -> Iterator[dict]:
    for name, words in (
        (f"rate/{OURS}", "rate limit: the layer for tower"),
        (f"concurrency/{OURS}", "concurrency limit: the layer for tower"),
        (f"pipeline/{OURS}_layer", "limit, breaker, retries: the layer for tower"),
        (f"pipeline/{OURS}", "limit, breaker, retries: a call of an upstream"),
    ):
        mine, peer = times.get(name), times.get(f"{name.split('/')[0]}/tower_resilience")
        if mine and peer:
            yield row(f"runtime: {words} / tower-resilience", over(mine, peer), None, 1.0)


def over(one: dict[str, float], other: dict[str, float]) -> Estimate:
    """The ratio of two figures that were not measured in pairs, with the widest interval."""
    return Estimate(one["value"] / other["value"], one["low"] / other["high"], one["high"] / other["low"])

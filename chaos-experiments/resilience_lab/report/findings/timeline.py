"""States and calls over the time of a record."""

import re

_TRANSITION = re.compile(r"circuit_breaker: (\S+) -> (\S+)")


def logged(log: list[dict], transition: str) -> float:
    """Time of the first such transition in the log."""
    return next(entry["at"] for entry in log if f"circuit_breaker: {transition}" in entry["line"])


def exact(record: dict) -> dict:
    """The record with the states of its log, exact to a millisecond, instead of those that users saw."""
    if not record.get("log"):
        return record
    named = [(entry["at"], _TRANSITION.search(entry["line"])) for entry in record["log"]]
    begin = [{"at": 0.0, "state": record["states"][0].get("state")}]
    return record | {"states": begin + [{"at": at, "state": match[2]} for at, match in named if match]}


def spans(states: list[dict], end: float) -> list[tuple[float, float, str | None]]:
    """Begin, end and name of each state of the circuit."""
    found: list[tuple[float, float, str | None]] = []
    for number, seen in enumerate(states):
        until = states[number + 1]["at"] if number + 1 < len(states) else end
        found.append((seen["at"], until, seen.get("state")))
    return found


def first(states: list[dict], state: str, since: float) -> float | None:
    """When the circuit was first seen in `state`, at or after `since`."""
    return next((seen["at"] for seen in states if seen.get("state") == state and seen["at"] >= since), None)


def total(states: list[dict], state: str, end: float) -> float:
    """Total seconds in `state`."""
    return sum(until - begin for begin, until, name in spans(states, end) if name == state)


def rate(calls: list[dict]) -> float:
    """Calls per second, between the first and the last."""
    return round((len(calls) - 1) / (calls[-1]["at"] - calls[0]["at"]), 1)

"""The effect of each experiment on the users, and the reaction of the circuit."""

from collections import Counter

from ...traffic import percentile
from ..stats import Share, share
from . import timeline

ORDER = ("pod-failure", "network-partition", "slow-backend", "flapping-backend", "pod-kill", "partial-failure")


def find(experiments: dict[str, dict]) -> dict[str, dict]:
    """By name, in the order of the document; other experiments come last."""
    known = [name for name in ORDER if name in experiments]
    return {name: experiment(experiments[name]) for name in known + sorted(set(experiments) - set(known))}


def experiment(data: dict) -> dict:
    calls, states, end = data["calls"], data["states"], data["ended_after"]
    faults = [event["at"] for event in data["events"] if event["kind"] == "fault"]
    heals = [event["at"] for event in data["events"] if event["kind"] == "heal"]
    fault, heal = min(faults, default=0.0), max(heals, default=end)
    opened = timeline.first(states, "open", fault)
    # A flapping backend has many faults: the last one before the opening is its cause.
    cause = max((at for at in faults if opened is None or at <= opened), default=fault)
    closed = None if opened is None else timeline.first(states, "closed", max(heal, opened))
    trial = last(states, "half-open", closed) if closed is not None else None
    refused = [call for call in calls if call.get("status") == 503]
    during = [call for call in calls if fault <= call["at"] < heal]
    return {
        "name": data["experiment"],
        "title": data["title"],
        "description": data["description"],
        "hypothesis": data["hypothesis"],
        "events": data["events"],
        "states": states,
        "steps": steps(data),
        "fulfilled": data["fulfilled"],
        "why": data["why"],
        "reset_timeout": data["breaker"]["reset_timeout"],
        "fault": fault,
        "heal": heal,
        "opened_after": None if opened is None else opened - cause,
        "openings": sum(seen.get("state") == "open" and seen["at"] >= fault for seen in states),
        "open_for": timeline.total(states, "open", end),
        "recovered_after": None if closed is None else closed - heal,
        "trial": None if trial is None else closed - trial,
        "calls": len(calls),
        "rate": timeline.rate(calls),
        "during": outcomes(during),
        "during_share": good(during),
        "unanswered": sum(call.get("status") is None for call in calls),
        "refused": len(refused),
        "refused_seconds": at_percentiles([call["seconds"] for call in refused if open_throughout(call, states, end)]),
        "slowest": max(call["seconds"] for call in calls),
        "waited": sum(call["seconds"] > 1 for call in during),
        "retried": sum((call.get("attempts") or 1) > 1 for call in during),
    }


def steps(data: dict) -> list[dict]:
    """All checks and actions, in order. Actions have no evidence."""
    pauses = {step["name"]: step.get("pause") for step in data["method"]}
    done = {step["name"] for step in data["method"] if step["type"] == "action"}
    return [
        {
            **point,
            "pause": pauses.get(point["name"]),
            "action": point["name"] in done or point["name"].startswith("rollback"),
        }
        for point in data["points"]
    ]


def outcomes(calls: list[dict]) -> list[tuple[int | None, int]]:
    return Counter(call.get("status") for call in calls).most_common()


def good(calls: list[dict]) -> Share | None:
    return share(sum(call.get("status") == 200 for call in calls), len(calls)) if calls else None


def at_percentiles(seconds: list[float]) -> dict[int, float] | None:
    return {p: percentile(seconds, p) for p in (50, 95, 99)} if seconds else None


def open_throughout(call: dict, states: list[dict], end: float) -> bool:
    """True if the circuit was open when the call started. Other rejected calls had waited for a retry."""
    return any(begin <= call["at"] <= until and name == "open" for begin, until, name in timeline.spans(states, end))


def last(states: list[dict], state: str, before: float) -> float | None:
    return next((seen["at"] for seen in reversed(states) if seen.get("state") == state and seen["at"] <= before), None)

"""The outcomes and waits of throttled calls."""

from collections import Counter

from ...traffic import percentile
from ..attempts import planned_wait, timeline
from ..stats import share


def find(data: dict) -> dict:
    retry, calls = data["retry"], data["calls"]
    rate, most = data["faults"]["transient_failure_rate"], retry["max_attempts"]
    counts = Counter(len(call["log"]) for call in calls)
    succeeded = [call for call in calls if call["status"] == 200]
    good = Counter(len(call["log"]) for call in succeeded)
    attempts = sum(len(call["log"]) for call in calls)
    return {
        "retry": retry,
        "rate": rate,
        "calls": len(calls),
        "success": share(len(succeeded), len(calls)),
        "expected": 1 - rate**most,
        "first_try": share(good[1], len(calls)),
        "by_attempts": [
            {
                "attempts": number,
                "calls": counts[number],
                "succeeded": good[number],
                "expected": len(calls) * rate ** (number - 1) * (1 - rate),
            }
            for number in range(1, most + 1)
        ],
        "waits": waits(calls, retry),
        "attempts": attempts,
        "amplification": attempts / len(calls),
        "expected_amplification": sum(rate**number for number in range(most)),
        "example": example(calls, most),
        "seconds": {p: percentile([call["seconds"] for call in calls], p) for p in (50, 90, 99)},
    }


def waits(calls: list[dict], retry: dict) -> list[dict]:
    """The waits before each retry, compared with the formula base * multiplier^(n-1) plus jitter."""
    rows = []
    for number in range(1, retry["max_attempts"]):
        plan = planned_wait(number, retry)
        measured = [call["log"][number - 1]["wait"] for call in calls if len(call["log"]) > number]
        if not measured:
            continue
        # The timer may be late by its resolution, and under other load.
        late = max(0.0, max(measured) - plan * (1 + retry["jitter"]))
        rows.append(
            {
                "retry": number,
                "planned": plan,
                "longest_planned": plan * (1 + retry["jitter"]),
                "count": len(measured),
                "least": min(measured),
                "median": percentile(measured, 50),
                "most": max(measured),
                "late": late,
                "too_short": sum(value < plan - 1e-6 for value in measured),
            }
        )
    return rows


def example(calls: list[dict], most: int) -> dict:
    """A call with the most attempts, preferably one that succeeded."""
    best = max(calls, key=lambda call: (len(call["log"]), call["status"] == 200))
    return {"status": best["status"], "seconds": best["seconds"], "attempts": timeline(0.0, best["log"])}

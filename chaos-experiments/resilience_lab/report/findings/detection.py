"""The detection time of each kind of failure: expected from the rules, and measured."""

from ..attempts import planned_wait

# A pod that is deleted without grace gets SIGTERM after a second, and has another second to end.
PODS_STILL_SERVE = 2.0


def find(machine: dict, chaos: dict[str, dict]) -> dict:
    retry, breaker = machine["retry"], machine["breaker"]
    waits = sum(planned_wait(number, retry) for number in range(1, retry["max_attempts"]))
    # Failures come at the rate of the calls.
    rate = next((experiment["rate"] for experiment in chaos.values()), 10.0)
    streak = breaker["fail_max"] / rate
    timeouts = retry["max_attempts"] * retry["attempt_timeout"]

    def row(name: str, least: float, most: float) -> dict:
        measured = chaos[name]["opened_after"] if name in chaos else None
        return {"name": name, "expected": (least, most), "measured": measured}

    return {
        "waits": waits,
        "timeouts": timeouts,
        "streak": streak,
        "rows": [
            row("pod-failure", 0.0, PODS_STILL_SERVE + retry["attempt_timeout"] + streak),
            row("network-partition", retry["attempt_timeout"], retry["attempt_timeout"] + streak),
            row("flapping-backend", waits, waits * (1 + retry["jitter"]) + streak),
            row("slow-backend", timeouts + waits, timeouts + waits * (1 + retry["jitter"]) + streak),
        ],
    }

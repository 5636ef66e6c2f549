"""One cycle of the circuit, and the cost of a rejection."""

from ...traffic import percentile
from . import timeline


def find(data: dict) -> dict:
    results = data["stress_test"]["results"]
    failures = [result for result in results if result["status_code"] != 503]
    log = data["log"]
    opened = timeline.logged(log, "closed -> open")
    half_open = timeline.logged(log, "open -> half-open")
    closed = timeline.logged(log, "half-open -> closed")
    refused, health = data["fast_fail"]["refused"], data["fast_fail"]["health"]
    open_calls = [call for call in data["calls"] if opened < call["at"] < half_open]
    return {
        "breaker": data["breaker"],
        "log": log,
        "stress": {
            "calls": len(results),
            "failed": len(failures),
            "refused": len(results) - len(failures),
            "opened_on": next(row["request_num"] for row in results if row["circuit_breaker_state"] == "open"),
            "to_open": sum(result["elapsed_time_seconds"] for result in failures),
            "total": sum(result["elapsed_time_seconds"] for result in results),
        },
        "opened": opened,
        "half_open": half_open,
        "closed": closed,
        "open_for": half_open - opened,
        "trial": closed - half_open,
        "refused_calls": len([call for call in open_calls if call.get("status") == 503]),
        "open_calls": len(open_calls),
        "fast_fail": {
            "pairs": len(refused),
            **{f"p{p}": percentile(refused, p) for p in (50, 90, 99)},
            "max": max(refused),
            **{f"health_p{p}": percentile(health, p) for p in (50, 90, 99)},
        },
        "failed_while_closed": sum(
            call.get("status") != 200 for call in data["calls"] if call["at"] < opened or call["at"] > closed
        ),
        "rate": timeline.rate(data["calls"]),
    }

"""Success, latency and load, with and without resilience."""

from collections import Counter
from dataclasses import dataclass

from ...traffic import percentile
from ..stats import Share, share


@dataclass(frozen=True)
class Part:
    """The calls with one status."""

    status: int | None
    share: Share
    p50: float
    p99: float


@dataclass(frozen=True)
class Side:
    """The calls with resilience, or without."""

    success: Share
    parts: list[Part]
    seconds: list[float]
    answered_seconds: list[float]

    def percentile(self, p: float) -> float:
        return percentile(self.seconds, p)

    @property
    def mean(self) -> float:
        return sum(self.seconds) / len(self.seconds)

    def within(self, seconds: float) -> Share:
        """The share of all calls with a good answer within `seconds`."""
        return share(sum(value <= seconds for value in self.answered_seconds), len(self.seconds))


def part(status: int | None, calls: list[dict]) -> Part:
    seconds = [call["seconds"] for call in calls if call.get("status") == status]
    return Part(status, share(len(seconds), len(calls)), percentile(seconds, 50), percentile(seconds, 99))


def side(calls: list[dict]) -> Side:
    statuses = Counter(call.get("status") for call in calls)
    return Side(
        success=share(statuses[200], len(calls)),
        parts=[part(status, calls) for status, _ in statuses.most_common()],
        seconds=[call["seconds"] for call in calls],
        answered_seconds=[call["seconds"] for call in calls if call.get("status") == 200],
    )


def find(data: dict, machine: dict) -> dict:
    resilient, baseline = side(data["resilient"]), side(data["baseline"])
    faults, retry = data["faults"], machine["retry"]
    slow_fails = faults["slow_response_delay"] > retry["attempt_timeout"]
    attempt = 1 - faults["failure_rate"] - (faults["slow_response_rate"] if slow_fails else 0.0)
    attempts = [call["attempts"] for call in data["resilient"] if call.get("attempts")]
    most = retry["max_attempts"]
    by_attempts = Counter(call["attempts"] for call in data["resilient"] if call.get("status") == 200)
    return {
        "rate": data["rate"],
        "faults": faults,
        "resilient": resilient,
        "baseline": baseline,
        "expected_attempt": attempt,
        "expected_resilient": 1 - (1 - attempt) ** most,
        "attempts_per_call": sum(attempts) / len(attempts),
        "expected_attempts_per_call": sum((1 - attempt) ** number for number in range(most)),
        "repaired": resilient.success.count - by_attempts[1],
        "first_try": share(by_attempts[1], len(data["resilient"])),
        "median_by_chance": abs(by_attempts[1] / len(data["resilient"]) - 0.5) < 0.06,
        "openings": data["openings"],
    }

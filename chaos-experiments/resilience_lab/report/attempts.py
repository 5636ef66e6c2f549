"""The times of a call's attempts, from its `attempt_log`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attempt:
    """One attempt: `begin` and `end` on the record's clock, and the `wait` after it; None after the last."""

    number: int
    begin: float
    end: float
    status: int | None
    wait: float | None


def arrived(sent: float, seconds: float, elapsed: float) -> float:
    """When a call arrived at the service.

    The caller measured `seconds` from `sent`, the service `elapsed`. Half of the difference is the way to the service.
    """
    return sent + max(0.0, seconds - elapsed) / 2


def timeline(begin: float, log: list[dict]) -> list[Attempt]:
    """The attempts of a call that arrived at `begin`, with the waits between them."""
    attempts, at = [], begin
    for entry in log:
        end = at + entry["elapsed"]
        attempts.append(Attempt(len(attempts) + 1, at, end, entry["status"], entry.get("wait")))
        at = end + (entry.get("wait") or 0.0)
    return attempts


def planned_wait(number: int, retry: dict) -> float:
    """The wait before retry 1, 2, ... with these settings, without jitter."""
    return min(retry["max_delay"], retry["base_delay"] * retry["multiplier"] ** (number - 1))

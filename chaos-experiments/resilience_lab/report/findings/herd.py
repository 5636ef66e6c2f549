"""When 100 calls that fail at once are retried."""

import random
from functools import cache

from ..attempts import planned_wait, timeline
from ..stats import busiest_window

WINDOW = 0.1
CLAIMED = 15


# In the order of the document.
SETTINGS = ("none", "default", "full", "wide")


def find(runs: dict[str, dict]) -> dict:
    """By name: no jitter, the default, jitter of the whole wait, and the same with a longer wait."""
    return {
        "window": WINDOW,
        "claimed": CLAIMED,
        "runs": {name: run(runs[name]) for name in SETTINGS},
        "needed_spread": needed_spread(len(runs["default"]["calls"])),
    }


def run(data: dict) -> dict:
    """One setting: the start times of all attempts, by attempt number.

    Each call's clock starts with its first attempt, which excludes the time to send the calls.
    """
    retry = data["retry"]
    calls = [timeline(0.0, call["log"]) for call in data["calls"]]
    sent = [call["began"] for call in data["calls"]]
    waves = []
    for number in range(1, retry["max_attempts"] + 1):
        starts = sorted(call[number - 1].begin for call in calls if len(call) >= number)
        if not starts:
            continue
        peak, at = busiest_window(starts, WINDOW)
        waves.append({"attempt": number, "starts": starts, "peak": peak, "at": at, "spread": starts[-1] - starts[0]})
    spread = retry["jitter"] * planned_wait(1, retry)
    return {
        "retry": retry,
        "calls": len(calls),
        "sent_within": max(sent) - min(sent),
        "waves": waves,
        "peak": max((wave["peak"] for wave in waves[1:]), default=0),
        "attempts": sum(len(call) for call in calls),
        "longest": max(call["seconds"] for call in data["calls"]),
        # How far jitter spreads the first retries, in seconds.
        "first_spread": spread,
        "chance": chance_to_stay(len(calls), spread),
        "mean_first_retry": retry["base_delay"] * (1 + retry["jitter"] / 2),
    }


@cache
def chance_to_stay(calls: int, spread: float, most: int = CLAIMED, runs: int = 4000) -> float:
    """The probability that no window has more than `most` first retries, at random times within `spread` seconds.

    Simulated: the maximum over all windows is a scan statistic, without a simple closed form.
    """
    chance = random.Random(f"{calls} {spread:.3f}")
    peaks = (busiest_window([chance.random() * spread for _ in range(calls)], WINDOW)[0] for _ in range(runs))
    return sum(peak <= most for peak in peaks) / runs


def needed_spread(calls: int, most: int = CLAIMED, sure: float = 0.95) -> float:
    """The least spread, in tenths of a second, with that probability."""
    low, high = 0, 1
    while chance_to_stay(calls, high / 10, most) < sure:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance_to_stay(calls, middle / 10, most) >= sure else (middle, high)
    return high / 10

"""When 100 calls that fail at once come back."""

import random
from functools import cache

from ..attempts import planned_wait, timeline
from ..stats import busiest_window

WINDOW = 0.1
CLAIMED = 15


# In the order in which they are told.
SETTINGS = ("none", "default", "full", "wide")


def find(runs: dict[str, dict]) -> dict:
    """By name: no jitter, the default, all of the wait, and all of a longer wait."""
    return {
        "window": WINDOW,
        "claimed": CLAIMED,
        "runs": {name: run(runs[name]) for name in SETTINGS},
        "needed_spread": needed_spread(len(runs["default"]["calls"])),
    }


def run(data: dict) -> dict:
    """One setting: when the attempts of all calls began, wave by wave, each on its own call's clock.

    That clock starts with the first attempt: how long the users need to send so many calls is theirs, not the jitter's.
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
        # How wide jitter alone spreads the first retries.
        "first_spread": spread,
        "chance": chance_to_stay(len(calls), spread),
        "mean_first_retry": retry["base_delay"] * (1 + retry["jitter"] / 2),
    }


@cache
def chance_to_stay(calls: int, spread: float, most: int = CLAIMED, runs: int = 4000) -> float:
    """How likely it is that no window holds more than `most` of the first retries, `spread` seconds apart at most.

    Simulated, with calls that come back at a uniformly random time each: the peak over all windows is well above the
    mean of one (a scan statistic, which has no handy closed form).
    """
    chance = random.Random(f"{calls} {spread:.3f}")
    peaks = (busiest_window([chance.random() * spread for _ in range(calls)], WINDOW)[0] for _ in range(runs))
    return sum(peak <= most for peak in peaks) / runs


def needed_spread(calls: int, most: int = CLAIMED, sure: float = 0.95) -> float:
    """The least spread, in tenths of a second, at which it is that likely."""
    low, high = 0, 1
    while chance_to_stay(calls, high / 10, most) < sure:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance_to_stay(calls, middle / 10, most) >= sure else (middle, high)
    return high / 10

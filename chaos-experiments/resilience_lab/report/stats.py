"""Statistics of the report."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Two-sided 95 % of a normal distribution.
Z95 = 1.959964


@dataclass(frozen=True)
class Share:
    """`count` of `total`, with the 95 % confidence interval of the share."""

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.count / self.total


def share(count: int, total: int) -> Share:
    """Wilson's score interval (E. B. Wilson, 1927): also for shares near 0 and 1, and for small samples."""
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"no share: {count} of {total}")
    p, z2 = count / total, Z95 * Z95
    centre = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 / (1 + z2 / total) * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total))
    # At the ends the formula gives 0 and 1, except for rounding.
    return Share(count, total, 0.0 if count == 0 else centre - half, 1.0 if count == total else centre + half)


def busiest_window(times: Sequence[float], width: float) -> tuple[int, float]:
    """The maximum number of events in a window [t, t + width), and its first t; (0, 0.0) without events."""
    ordered = sorted(times)
    most, begin, first = 0, 0.0, 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= width:
            first += 1
        if last - first + 1 > most:
            most, begin = last - first + 1, ordered[first]
    return most, begin


def bins(times: Iterable[float], width: float, begin: float, end: float) -> list[int]:
    """The number of events in each interval of `width` from `begin` to `end`; others are ignored."""
    counts = [0] * max(1, math.ceil(round((end - begin) / width, 9)))
    for at in times:
        # Rounded, so that an event on an edge is in the interval that starts there.
        number = math.floor(round((at - begin) / width, 9))
        if 0 <= number < len(counts):
            counts[number] += 1
    return counts

"""Medians with confidence intervals."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

RESAMPLES = 4000
TAIL = 0.025


@dataclass(frozen=True)
class Estimate:
    """A median with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def record(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


def estimate(values: Sequence[float]) -> Estimate:
    """Percentile bootstrap of the median (B. Efron, 1979). The same values always give the same interval."""
    chance = random.Random(1)
    medians = sorted(median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    cut = int(TAIL * RESAMPLES)
    return Estimate(median(values), medians[cut], medians[-1 - cut])


def paired(over: Sequence[float], under: Sequence[float]) -> Estimate:
    """The ratio of figures of the same rounds: changes between rounds affect both."""
    return estimate([a / b for a, b in zip(over, under, strict=True)])

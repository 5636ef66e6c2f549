"""The limits of the figures, and verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .stats import Estimate, paired


@dataclass(frozen=True)
class Limit:
    """A figure of one contender relative to another; lower is better. Without `must` it is only reported."""

    figure: str
    over: str
    under: str
    must: float | None = None
    aim: float | None = None


LIMITS = (
    Limit("cpu_us", "call-backend", "before", must=1.05, aim=1.0),
    Limit("cpu_us", "call-backend", "baseline", must=1.05, aim=1.0),
    Limit("cpu_us", "call-backend", "bare-awc", must=1.10, aim=1.0),
    Limit("cpu_us", "call-backend", "haproxy", must=1.35, aim=1.15),
    Limit("cpu_us", "call-backend", "nginx"),
    Limit("cpu_us", "call-backend", "envoy", must=0.5, aim=0.3),
    Limit("cpu_us", "call-backend", "lab"),
    Limit("cpu_us", "open", "health", must=1.15, aim=1.0),
    Limit("cpu_us", "open", "lab-open"),
    Limit("p99_ms", "call-backend", "baseline", aim=1.0),
    *(
        Limit("cpu_us", f"gateway-{what}", f"{peer}-{what}")
        for what in ("http-small", "https-small", "http-large", "https-large")
        for peer in ("haproxy", "nginx", "envoy")
    ),
    Limit("cpu_us", "gateway-many", "gateway-http-small", aim=1.0),
)

NAMES = {"cpu_us": "CPU/request", "p99_ms": "p99"}


def compare(results: Mapping[str, Mapping[str, Sequence[float]]]) -> list[dict]:
    """A row for each limit whose contenders were both measured."""
    return [
        row(
            f"{NAMES[limit.figure]}, {limit.over} / {limit.under}",
            paired(results[limit.over][limit.figure], results[limit.under][limit.figure]),
            limit.must,
            limit.aim,
        )
        for limit in LIMITS
        if limit.over in results and limit.under in results
    ]


def row(name: str, measured: Estimate, must: float | None, aim: float | None, unit: str = "") -> dict:
    """A row of the table. A limit is missed only if the whole interval is above it."""
    record = {"name": name, "unit": unit, **measured.record()}
    record["verdict"] = "reported"
    if must is not None:
        record |= {"must": must, "verdict": "met" if measured.low <= must else "missed"}
    if aim is not None:
        record |= {"aim": aim, "aim_reached": "yes" if measured.low <= aim else "no"}
    return record

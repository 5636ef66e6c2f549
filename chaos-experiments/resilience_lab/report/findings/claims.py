"""The claims of the lab that this one replaces, each beside what was measured."""

from dataclasses import dataclass

MET, NOT_MET, UNCERTAIN, UNMEASURED = "met", "not met", "not certain", "not measured"

BASELINE_SUCCESS, RESILIENT_SUCCESS = 0.40, 0.90
FAST_FAIL = 0.002
DETECTION = 10.0
RECOVERY = 5.0
PEAK = 15


@dataclass(frozen=True)
class Claim:
    """`key` is its name in the templates."""

    key: str
    what: str
    verdict: str


def judge(baseline: dict, breaker: dict, herd: dict, chaos: dict[str, dict]) -> dict[str, Claim]:
    """All claims, in the order of the table."""
    dead = chaos.get("pod-failure")
    default = herd["runs"]["default"]
    verdicts = [
        Claim("success", "success with resilience at default faults", of_share(baseline["resilient"].success)),
        Claim("fast_fail", "answer of an open circuit", at_most(breaker["fast_fail"]["p99"], FAST_FAIL)),
        Claim("detection", "detection of a dead backend", at_most(dead and dead["opened_after"], DETECTION)),
        Claim("recovery", "recovery, from the trial on", at_most(dead and dead["trial"], RECOVERY)),
        Claim("peak", "retries of 100 calls in any 100 ms, with jitter", at_most(default["peak"], PEAK)),
    ]
    return {claim.key: claim for claim in verdicts}


def at_most(measured: float | None, limit: float) -> str:
    if measured is None:
        return UNMEASURED
    return MET if measured <= limit else NOT_MET


def of_share(success) -> str:
    """Met only if the whole confidence interval is above the claim."""
    if success.low >= RESILIENT_SUCCESS:
        return MET
    return NOT_MET if success.high < RESILIENT_SUCCESS else UNCERTAIN

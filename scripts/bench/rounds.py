"""Warm-up, and rounds that measure each contender once, in random order."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from harness.processes import Failure, Process, cpu_seconds

from . import load
from .contenders import Contender
from .origins import Origin

SETTLE_SECONDS = 2.0


@dataclass(frozen=True)
class Sample:
    """The figures of one contender in one round."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    backend_cpu_us: float


FIGURES = tuple(Sample.__dataclass_fields__)


@dataclass(frozen=True)
class Plan:
    rounds: int
    seconds: int
    warm_up: int
    connections: int
    seed: int


def measure(plan: Plan, contender: Contender, process: Process, origin: Origin) -> Sample:
    """A warm-up that checks each answer, and a measurement."""
    path, status, connections = contender.path, contender.status, plan.connections
    load.run(process, path, status, plan.warm_up, connections, every_status=True)
    settle(origin, 0, 0)
    answered = origin.answered()
    before, origin_before = process.cpu(), origin.process.cpu()
    seen = load.run(process, path, status, plan.seconds, connections)
    after, origin_after = process.cpu(), origin.process.cpu()
    settle(origin, answered, seen.requests if contender.calls_origin else 0)
    check_origin(origin.answered() - answered, seen.requests, contender, connections)
    per_request = 1e6 / seen.requests
    return Sample(
        seen.requests / seen.seconds,
        seen.p50_ms,
        seen.p99_ms,
        cpu_seconds(before, after) * per_request,
        cpu_seconds(origin_before, origin_after) * per_request,
    )


def settle(origin: Origin, since: int, least: int) -> None:
    """Waits until the origin has received all requests. Some are still in flight when wrk ends."""
    deadline = time.monotonic() + SETTLE_SECONDS
    last = -1
    while time.monotonic() < deadline:
        now = origin.answered()
        if now == last and now - since >= least:
            return
        last = now
        time.sleep(0.05)


def check_origin(answers: int, requests: int, contender: Contender, connections: int) -> None:
    """Fails unless each answer came from the origin once: not invented, not cached, not requested twice."""
    expected = requests if contender.calls_origin else 0
    # Requests in flight at the end of wrk were answered, and not counted by wrk.
    slack = connections if contender.calls_origin else 0
    if not expected <= answers <= expected + slack:
        raise Failure(
            f"{contender.title}: {requests} answers, of which the origin gave {answers}; expected {expected}"
            f"{f' to {expected + slack}' if slack else ''}"
        )


def play(
    plan: Plan,
    contenders: Mapping[str, Contender],
    servers: Mapping[str, Process],
    origins: Mapping[str, Origin],
    tell: Callable[[str], None],
) -> dict[str, dict[str, list[float]]]:
    """Runs all rounds. Returns the figures of each contender, each a list by round."""
    results: dict[str, dict[str, list[float]]] = {name: {figure: [] for figure in FIGURES} for name in contenders}
    chance = random.Random(plan.seed)
    for number in range(1, plan.rounds + 1):
        # In random order, so that no contender always follows the same one or has the same place in a round.
        order = chance.sample(list(contenders), len(contenders))
        for name in order:
            contender = contenders[name]
            try:
                sample = measure(plan, contender, servers[contender.server], origins[contender.server])
            except Failure as error:
                raise Failure(f"round {number} failed: {error}") from error
            for figure, value in asdict(sample).items():
                results[name][figure].append(value)
            tell(
                f"round {number}/{plan.rounds}  {name:<21}{sample.requests_per_second:>9.0f}/s"
                f"{sample.cpu_us:>9.2f} us CPU{sample.p99_ms:>9.2f} ms p99"
            )
    return results

"""Calls with and without resilience at the same time, at the backend's default fault rates."""

import asyncio
import contextlib

from ... import backend, quiet, users
from ...traffic import Record, call_steadily, new_session
from . import plan

RESILIENT, BASELINE = "/api/call-backend", "/api/call-backend-without-resilience"


def collect(url: str, calls: int = 1200, rate: float = 20.0) -> dict:
    backend.restore_faults()
    quiet.close_circuit(url)
    resilient, baseline = asyncio.run(play(url, calls, rate))
    return {
        "started": resilient.started,
        "rate": rate,
        "faults": plan.in_force(),
        "resilient": resilient.as_json()["calls"][:calls],
        "baseline": baseline.as_json()["calls"][:calls],
        "openings": users.ask(url)["statistics"]["circuit_breaker_open_count"],
    }


async def play(url: str, calls: int, rate: float) -> tuple[Record, Record]:
    """The load continues until the last counted call is answered.

    If it ended earlier, only retried calls would be left: no success would end a streak of failures.
    """
    resilient = Record()
    baseline = Record(started=resilient.started, begin=resilient.begin)
    async with new_session() as session:
        traffic = asyncio.gather(
            call_steadily(session, resilient, url + RESILIENT, rate, never),
            call_steadily(session, baseline, url + BASELINE, rate, never),
        )
        while not (answered(resilient, calls, rate) and answered(baseline, calls, rate)):
            await asyncio.sleep(0.1)
        traffic.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await traffic
    return resilient, baseline


def never() -> bool:
    return False


def answered(record: Record, calls: int, rate: float) -> bool:
    """True if the first `calls` calls have an answer."""
    end = (calls - 0.5) / rate
    return record.now() > end and sum(call.at < end for call in record.calls) >= calls

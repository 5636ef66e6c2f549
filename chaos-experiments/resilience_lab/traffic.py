"""Callers at a constant rate, independent of the answers.

A load generator that waits for each answer slows down together with the service, and hides how many callers an outage
affects ("coordinated omission", G. Tene, *How NOT to Measure Latency*, 2013).

All times (`at`, `seconds`) are seconds of one monotonic clock; `at` counts from the start of the record.
"""

import asyncio
import contextlib
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import aiohttp

CLOSED, OPEN = "closed", "open"

# Seconds until a call counts as unanswered; above CALL_DEADLINE.
PATIENCE = 40.0


def percentile(values: list[float], rank: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `rank` % of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(rank * len(ordered) / 100) - 1)]


@dataclass
class Call:
    """One call: sent at `at`, answered `seconds` later with `status`; None if it got no answer."""

    at: float
    seconds: float
    status: int | None
    state: str | None = None
    attempts: int | None = None
    error: str | None = None


@dataclass
class Record:
    """What callers saw, from their start to their end."""

    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    begin: float = field(default_factory=time.monotonic, repr=False)
    calls: list[Call] = field(default_factory=list)
    # Calls without an answer yet.
    pending: list[Call] = field(default_factory=list, repr=False)
    states: list[dict] = field(default_factory=list)
    events: list[dict] = field(default_factory=list)

    def now(self) -> float:
        return round(time.monotonic() - self.begin, 4)

    def mark(self, kind: str, what: str, at: float | None = None) -> float:
        """Records an event: a `fault`, or its end (`heal`). Returns its time: `at`, or now."""
        at = self.now() if at is None else at
        self.events.append({"at": at, "kind": kind, "what": what})
        return at

    def first(self, kind: str) -> float:
        """Time of the first event of this kind; ValueError if there is none."""
        return min(event["at"] for event in self.events if event["kind"] == kind)

    def last(self, kind: str) -> float:
        """Time of the last event of this kind; ValueError if there is none."""
        return max(event["at"] for event in self.events if event["kind"] == kind)

    def first_state_after(self, at: float, state: str) -> float | None:
        """When the circuit was first seen in `state` at or after `at`; None if never."""
        return next((seen["at"] for seen in self.states if seen["state"] == state and seen["at"] >= at), None)

    def last_state(self, state: str) -> float | None:
        """When the circuit last changed to `state`; None if never."""
        return next((seen["at"] for seen in reversed(self.states) if seen["state"] == state), None)

    def state(self) -> str | None:
        return self.states[-1]["state"] if self.states else None

    def as_json(self) -> dict:
        return {
            "started": self.started,
            "ended_after": self.now(),
            "calls": [asdict(call) for call in sorted(self.calls, key=lambda call: call.at)],
            "states": self.states,
            "events": self.events,
        }


async def get(session: aiohttp.ClientSession, record: Record, url: str) -> Call:
    """Makes one call, and records it when it ends."""
    call = Call(at=record.now(), seconds=0.0, status=None)
    record.pending.append(call)
    begin = time.monotonic()
    try:
        async with session.get(url) as response:
            text = await response.text()
            call.status = response.status
        answer = json.loads(text)
        call.state = answer.get("circuit_breaker_state")
        call.attempts = answer.get("attempts")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        call.error = f"{type(error).__name__}: {error}"
    call.seconds = round(time.monotonic() - begin, 6)
    record.calls.append(call)
    record.pending.remove(call)
    return call


def new_session() -> aiohttp.ClientSession:
    """A session without a limit of connections."""
    # aiohttp repeats a request once if the client closes its idle connection at that moment. After an outage many
    # connections are idle for the client's 5 s at the same time, and the second one can end in the same way.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3.0)
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE), connector=connector)


async def call_steadily(
    session: aiohttp.ClientSession, record: Record, url: str, per_second: float, stop: Callable[[], bool]
) -> None:
    """Starts `per_second` calls each second until `stop()`, then waits for their answers.

    If cancelled, abandons calls without an answer, and does not record them.
    """
    begin = time.monotonic()
    async with asyncio.TaskGroup() as calls:
        number = 0
        while not stop():
            calls.create_task(get(session, record, url))
            number += 1
            await asyncio.sleep(max(0.0, begin + number / per_second - time.monotonic()))


async def watch_circuit(
    session: aiohttp.ClientSession, record: Record, base_url: str, stop: Callable[[], bool], every: float = 0.05
) -> None:
    """Records each change of the circuit's state in `/health`, within `every` seconds."""
    while not stop():
        try:
            async with session.get(f"{base_url}/health") as response:
                state = (await response.json())["circuit_breaker_state"]
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
            state = None
        if state != record.state() or not record.states:
            record.states.append({"at": record.now(), "state": state})
        await asyncio.sleep(every)


class Users:
    """Callers at a constant rate, on a thread of their own."""

    def __init__(self, base_url: str, per_second: float, path: str = "/api/call-backend") -> None:
        self.record = Record()
        self._stopped = threading.Event()
        # On exit it cancels and awaits remaining tasks, and closes its loop.
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._traffic = self._loop.create_task(self._run(base_url, path, per_second))
        # A daemon: it must not keep an interrupted experiment alive.
        self._thread = threading.Thread(target=self._play, name="users", daemon=True)
        self._thread.start()

    def _play(self) -> None:
        with self._runner, contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._traffic)

    async def _run(self, base_url: str, path: str, per_second: float) -> None:
        async with new_session() as session, asyncio.TaskGroup() as work:
            work.create_task(call_steadily(session, self.record, base_url + path, per_second, self._stopped.is_set))
            work.create_task(watch_circuit(session, self.record, base_url, self._stopped.is_set))

    def stop(self, wait: bool = True) -> Record:
        """Stops the calls. Returns when all are answered; without `wait`, at once."""
        self._stopped.set()
        if not wait:
            # Raised if the loop is closed: there is nothing to cancel.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._traffic.cancel)
        self._thread.join()
        return self.record

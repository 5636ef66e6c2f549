"""Users: calls that arrive evenly over time, whatever becomes of those before them.

Real users do not wait for each other. A load generator that makes its next call only when the last has been
answered slows down together with the service, and so hides how many callers an outage meets ("coordinated omission",
G. Tene, *How NOT to Measure Latency*, 2013).

All times (`at`, `seconds`) are seconds of one monotonic clock; `at` counts from the beginning of the record.
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

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"

# Above CALL_DEADLINE: whoever waits longer than this has been left without an answer.
PATIENCE = 40.0


def percentile(values: list[float], rank: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `rank` of 100 do not pass."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(rank * len(ordered) / 100) - 1)]


@dataclass
class Call:
    """One call: sent at `at`, answered `seconds` later with `status`; None is a call without an answer."""

    at: float
    seconds: float
    status: int | None
    state: str | None = None
    attempts: int | None = None
    error: str | None = None


@dataclass
class Record:
    """All that happened from the start of the users until their end."""

    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    begin: float = field(default_factory=time.monotonic, repr=False)
    calls: list[Call] = field(default_factory=list)
    # Those that have no answer yet.
    pending: list[Call] = field(default_factory=list, repr=False)
    states: list[dict] = field(default_factory=list)
    events: list[dict] = field(default_factory=list)

    def now(self) -> float:
        return round(time.monotonic() - self.begin, 4)

    def mark(self, kind: str, what: str, at: float | None = None) -> float:
        """Notes an event, and says when: a `fault`, its `heal`ing, or what was `seen`; now, or at another time."""
        at = self.now() if at is None else at
        self.events.append({"at": at, "kind": kind, "what": what})
        return at

    def first(self, kind: str) -> float:
        """When the first event of this kind was; ValueError if there was none."""
        return min(event["at"] for event in self.events if event["kind"] == kind)

    def last(self, kind: str) -> float:
        """When the last event of this kind was; ValueError if there was none."""
        return max(event["at"] for event in self.events if event["kind"] == kind)

    def first_state_after(self, at: float, state: str) -> float | None:
        """When the circuit was first seen in `state` at or after `at`; None if it never was."""
        return next((seen["at"] for seen in self.states if seen["state"] == state and seen["at"] >= at), None)

    def last_state(self, state: str) -> float | None:
        """When the circuit was last seen to go into `state`; None if it never was."""
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
    """One call, noted in the record when it ends."""
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
    """A session that lets every user have a connection at once."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE), connector=aiohttp.TCPConnector(limit=0))


async def call_steadily(
    session: aiohttp.ClientSession, record: Record, url: str, per_second: float, stop: Callable[[], bool]
) -> None:
    """Starts `per_second` calls each second until `stop()`, then waits for the answers that are due.

    Cancelled, it abandons the calls that have no answer yet, without a note of them.
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
    """Notes each change of the circuit's state, as `/health` shows it: within `every` seconds of it."""
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
    """Steady traffic on a thread of its own, beside whatever the experiment does."""

    def __init__(self, base_url: str, per_second: float, path: str = "/api/call-backend") -> None:
        self.record = Record()
        self._stopped = threading.Event()
        # At its end it cancels and awaits what is left, and closes its loop.
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._traffic = self._loop.create_task(self._run(base_url, path, per_second))
        # Not a daemon would keep an interrupted experiment alive.
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
        """No more calls. Returns when all that were made have been answered, or, without `wait`, at once."""
        self._stopped.set()
        if not wait:
            # A loop that is closed has nothing to cancel.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._traffic.cancel)
        self._thread.join()
        return self.record

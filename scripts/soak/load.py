"""The callers, and the counts of their requests and answers."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from . import shapes
from .wire import Connection, NoAnswer, read_events

# Seconds: the client's CALL_DEADLINE, and more for a busy machine.
PATIENCE = 30.0
READERS = 2


@dataclass
class Book:
    """Counts of requests and answers, exact except for callers that leave early."""

    answers: Counter = field(default_factory=Counter)  # (route, status): answers
    calls: Counter = field(default_factory=Counter)  # calls with resilience by status, including those of stress tests
    retries: int = 0  # attempts after the first, from the answers
    left: Counter = field(default_factory=Counter)  # route: callers that left
    left_calls: int = 0  # calls that they may have made
    unanswered: list = field(default_factory=list)
    wrong: list = field(default_factory=list)

    def answered(self, route, status):
        self.answers[route, status] += 1

    def of(self, route):
        return sum(count for (name, _), count in self.answers.items() if name == route)


@dataclass(frozen=True)
class Kind:
    """One kind of request. `makes` is how many calls with resilience it makes."""

    route: str
    share: float
    statuses: frozenset | set
    check: object
    method: str = "GET"
    body: object = None
    makes: int = 0
    path: str | None = None


CALL = Kind("/api/call-backend", 40, shapes.CALL, shapes.call, makes=1)
RETRY = Kind("/api/test-retry", 14, shapes.CALL, shapes.test_retry, makes=1)
HEALTH = Kind("/health", 10, {200}, shapes.health)
STATS = Kind("/api/stats", 6, {200}, shapes.stats)
METRICS = Kind("/metrics", 2, {200}, shapes.metrics)
KINDS = [
    CALL,
    RETRY,
    HEALTH,
    STATS,
    METRICS,
    Kind("/api/call-backend-without-resilience", 20, shapes.BASELINE, shapes.baseline),
    Kind("/api/circuit-breaker", 2, {200}, shapes.circuit),
    Kind("unmatched", 1, {404}, shapes.error, path="/nowhere"),
]
NOT_JSON = Kind("/api/stress-test", 1, {400}, shapes.error, "POST", b"{")
LEAVERS = 6
STRESS = 2


def stress(random):
    requests = random.randint(1, 12)
    plan = {
        "num_requests": requests,
        "concurrency": random.randint(1, 4),
        "failure_rate": random.choice([None, 0.0, 0.5, 1.0]),
        "retry": random.random() < 0.5,
    }
    check = partial(shapes.stress, asked=requests)
    return Kind("/api/stress-test", STRESS, {200}, check, "POST", plan, makes=requests)


class Load:
    """Steady load on the client until `stop` is set."""

    def __init__(self, port, random, callers):
        self.book = Book()
        self.stop = asyncio.Event()
        self.events = 0
        self._port = port
        self._random = random
        self._callers = callers

    async def run(self):
        async with asyncio.TaskGroup() as group:
            for number in range(self._callers):
                # A seed for each caller: the time of an answer must not change what other callers request.
                group.create_task(self._caller(type(self._random)(self._random.random()), number))
            for _ in range(READERS):
                group.create_task(self._reader(type(self._random)(self._random.random())))

    async def _caller(self, random, number):
        connection = Connection(self._port)
        # Every fourth caller uses a new connection for each request.
        keep = number % 4 > 0
        weights = [kind.share for kind in KINDS] + [STRESS, NOT_JSON.share, LEAVERS]
        while not self.stop.is_set():
            kind = random.choices([*KINDS, stress(random), NOT_JSON, None], weights)[0]
            if kind is None:
                kind = random.choice([CALL, CALL, CALL, RETRY, RETRY, stress(random)])
                await self._leave(connection, kind, random.uniform(0.001, 0.6))
            else:
                await self.ask(connection, kind, keep)
            await self._pause(random.expovariate(1 / 0.1))
        connection.abort()

    async def _reader(self, random):
        while not self.stop.is_set():
            try:
                self.events += await read_events(self._port, random.uniform(0.5, 5))
                self.book.answered("/api/events", 200)
            except NoAnswer as none:
                self.book.unanswered.append(str(none))
                await self._pause(1)

    async def _pause(self, seconds):
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            pass

    async def ask(self, connection, kind, keep=True):
        """Makes one request, and counts its answer. Returns the answer, or None."""
        patience = PATIENCE + 3 * kind.makes
        try:
            answer = await connection.ask(kind.method, kind.path or kind.route, kind.body, keep, patience)
        except NoAnswer as none:
            self.book.unanswered.append(str(none))
            return None
        self._enter(kind, answer)
        return answer

    async def _leave(self, connection, kind, after):
        """Closes the connection before the answer, unless the answer comes first."""
        asking = asyncio.ensure_future(connection.ask(kind.method, kind.route, kind.body))
        done, _ = await asyncio.wait([asking], timeout=after)
        if done:
            try:
                self._enter(kind, asking.result())
            except NoAnswer as none:
                self.book.unanswered.append(str(none))
            return
        asking.cancel()
        await asyncio.wait([asking])
        connection.abort()
        self.book.left[kind.route] += 1
        self.book.left_calls += kind.makes

    def _enter(self, kind, answer):
        book = self.book
        book.answered(kind.route, answer.status)
        try:
            shapes.need(answer.status in kind.statuses, "the status is not one of the documented ones")
            kind.check(answer)
        except (shapes.Wrong, ValueError, KeyError, TypeError) as wrong:
            book.wrong.append(f"{kind.method} {kind.route}: {answer.status}: {wrong}: {answer.body[:300]!r}")
            return
        if kind.body and kind.makes:
            book.calls.update(result["status_code"] for result in json.loads(answer.body)["results"])
        elif kind.makes:
            book.calls[answer.status] += 1
            book.retries += max(answer.json()["attempts"] - 1, 0)

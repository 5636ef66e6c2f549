"""The probes: checks of the circuit, of callers' answers and of logs during a fault, and afterwards.

A probe returns its evidence: whether it `holds`, and the numbers behind that (`answer_time` returns seconds). Times of
callers and of the circuit come from the record of `resilience_lab.users`. Limits that depend on the lab's configuration
come from its `/api/stats`.
"""

import re
import time
from collections import Counter

import requests

from . import backend, cluster, users
from .traffic import CLOSED, OPEN, Call, percentile
from .waiting import wait_for


def circuit_opens(within: float) -> dict:
    """The circuit opens at most `within` seconds after the last fault."""
    record = users.current().record
    fault = record.last("fault")
    opened = wait_for_state(OPEN, fault, within)
    return users.found("circuit_opens", opened is not None, seconds=since(fault, opened), limit=within)


def circuit_closes(margin: float) -> dict:
    """The circuit closes by itself within the reset timeout plus `margin` seconds after the last fault ended."""
    watched = users.current()
    healed, opened = watched.record.last("heal"), watched.record.last_state(OPEN)
    limit = watched.reset_timeout + margin
    # Searches from the opening: a trial may have reached a pod that returned before all pods were back. `seconds` is
    # then negative.
    closed = wait_for_state(CLOSED, opened, healed - opened + limit) if opened is not None else None
    return users.found("circuit_closes", closed is not None, seconds=since(healed, closed), limit=limit)


def circuit_reopens(margin: float) -> dict:
    """The circuit opens again within the reset timeout plus `margin` seconds after this probe starts."""
    watched = users.current()
    begin, before = watched.record.now(), open_count()
    limit = watched.reset_timeout + margin
    reopened = wait_for(lambda: open_count() > before, limit)
    seconds = round(watched.record.now() - begin, 3)
    return users.found("circuit_reopens", reopened, seconds=seconds, limit=limit)


def circuit_stayed_closed() -> dict:
    """The circuit was never seen open since the first fault, and is closed now."""
    record = users.current().record
    opened = record.first_state_after(record.first("fault"), OPEN)
    return users.found("circuit_stayed_closed", opened is None and record.state() == CLOSED)


def calls_fail_fast(calls: int = 40, within: float = 0.2) -> dict:
    """Calls on an open circuit are rejected, and the backend receives none.

    Waits until `attempt_timeout` after the opening, so that the attempts in flight have ended. Each call has to get a
    503 with a fallback, and the 95th percentile of their durations is at most `within` seconds. All calls use one
    connection, as a caller with a pool would.
    """
    watched = users.current()
    opened = watched.record.last_state(OPEN)
    time.sleep(max(0.0, (opened or 0.0) + watched.attempt_timeout - watched.record.now()))
    before, seconds, refused = backend.requests(), [], 0
    with requests.Session() as session:
        for _ in range(calls):
            begin = time.monotonic()
            answer = ask(session, f"{watched.base_url}/api/call-backend")
            seconds.append(time.monotonic() - begin)
            refused += answer.status_code == 503 and answer.json()["backend_response"].get("fallback") is True
            time.sleep(0.05)
    after = backend.requests()
    reached = sum(count - before.get(pod, 0) for pod, count in after.items())
    p95 = percentile(seconds, 95)
    return users.found(
        "calls_fail_fast",
        refused == calls and p95 <= within and reached == 0,
        calls=calls,
        refused=refused,
        p50_seconds=round(percentile(seconds, 50), 5),
        p95_seconds=round(p95, 5),
        max_seconds=round(max(seconds), 5),
        limit=within,
        backend_requests=reached,
    )


def users_were_served(share: float) -> dict:
    """At least `share` (0 to 1) of the calls since the first fault got a 200.

    Each call got an answer at most a second after its deadline.
    """
    return judge_calls("users_were_served", calls_since(users.current().record.first("fault")), share)


def every_call_was_answered() -> dict:
    """Every call since the first fault got an answer, at most a second after its deadline."""
    return judge_calls("every_call_was_answered", calls_since(users.current().record.first("fault")), 0.0)


def judge_calls(probe: str, calls: list[Call], share: float) -> dict:
    limit = users.current().call_deadline + 1
    served = sum(call.status == 200 for call in calls)
    unanswered = sum(call.status is None or call.seconds > limit for call in calls)
    return users.found(
        probe,
        bool(calls) and unanswered == 0 and served >= share * len(calls),
        calls=len(calls),
        served=served,
        share=round(served / len(calls), 4) if calls else None,
        share_wanted=share,
        by_status=dict(Counter(str(call.status) for call in calls)),
        slowest_seconds=max((call.seconds for call in calls), default=None),
        limit=limit,
    )


def calls_since(begin: float) -> list[Call]:
    """Calls that started between `begin` and now. Waits at most `call_deadline` + 1 s for those without an answer."""
    watched = users.current()
    record, until = watched.record, watched.record.now()

    def unanswered() -> list[Call]:
        return [call for call in list(record.pending) if begin <= call.at <= until]

    wait_for(lambda: not unanswered(), watched.call_deadline + 1)
    left = unanswered()
    return left + [call for call in list(record.calls) if begin <= call.at <= until and call not in left]


def answer_time(path: str = "/api/call-backend") -> float:
    """Makes one call on a new connection, and returns its duration in seconds."""
    begin = time.monotonic()
    with requests.Session() as session:
        ask(session, users.current().base_url + path)
    return round(time.monotonic() - begin, 6)


# The `)` is followed by the end of the line, or, with LOG_FORMAT=json, by the end of the string.
TRANSITION = re.compile(r'circuit_breaker: (\S+ -> \S+) \((.*?)\)(?:$|")')
FAILED_TRIAL = ["half-open -> open", "open -> half-open"]


def transitions_logged(expected: list[str], trials_may_fail: bool = False) -> dict:
    """The client's pods logged exactly these transitions since the callers started, in this order.

    With `trials_may_fail`, failed trials in between are ignored: a backend may need longer than the reset timeout to
    come back.
    """
    watched = users.current()
    lines = [line for line in cluster.log_lines(cluster.CLIENT, watched.record.now()) if "circuit_breaker: " in line]
    seen = [match for line in lines if (match := TRANSITION.search(line))]
    transitions = [match[1] for match in seen]
    compared = without_failed_trials(transitions) if trials_may_fail else transitions
    return users.found(
        "transitions_logged", compared == expected, transitions=transitions, reasons=[match[2] for match in seen]
    )


def without_failed_trials(transitions: list[str]) -> list[str]:
    left: list[str] = []
    for each in transitions:
        left.append(each)
        if left[-2:] == FAILED_TRIAL:
            del left[-2:]
    return left


# ---- helpers -----------------------------------------------------------------------------------------------------


def wait_for_state(state: str, begin: float, limit: float) -> float | None:
    """When the circuit was first seen in `state` at or after `begin`; None if not within `limit` seconds."""
    record = users.current().record
    seen = wait_for(lambda: record.first_state_after(begin, state), max(0.0, begin + limit - record.now()), every=0.02)
    return seen if seen is not None and seen <= begin + limit else None


def since(begin: float, at: float | None) -> float | None:
    return None if at is None else round(at - begin, 3)


def open_count() -> int:
    return users.ask(users.current().base_url)["statistics"]["circuit_breaker_open_count"]


def ask(session: requests.Session, url: str) -> requests.Response:
    with users.answering(users.current().base_url):
        return session.get(url, timeout=users.current().call_deadline + 10)

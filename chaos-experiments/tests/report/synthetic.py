"""A lab that was never played: small data of all phases, as it would be written, good or bad.

Deterministic, so that a test that fails fails again.
"""

import random

BREAKER = {
    "state": "closed",
    "fail_max": 5,
    "reset_timeout": 30.0,
    "half_open_max_calls": 1,
    "success_threshold": 1,
    "trial_lease": 5.0,
}
RETRY = {
    "max_attempts": 4,
    "base_delay": 1.0,
    "multiplier": 2.0,
    "max_delay": 10.0,
    "jitter": 0.1,
    "attempt_timeout": 3.0,
    "call_deadline": 30.0,
    "connect_retries": 2,
    "scope": "call",
}
FAULTS = {
    "failure_rate": 0.3,
    "slow_response_rate": 0.2,
    "slow_response_delay": 5.0,
    "transient_failure_rate": 0.6,
    "repeat": False,
}
SETTINGS = {"none": (1.0, 0.0), "default": (1.0, 0.1), "full": (1.0, 1.0), "wide": (2.0, 1.0)}
STARTED = "2026-01-02T03:04:05.000+00:00"


def lab(good: bool = True) -> dict[str, dict]:
    """By file name without its ending. A `good` lab meets each claim; a bad one none of them."""
    chance = random.Random(7)
    data = {"machine": machine(), "baseline": baseline(good), "breaker": breaker(good), "retry": retry(chance)}
    for name, (base, jitter) in SETTINGS.items():
        # A good lab's default spreads as well as the widest setting.
        spread = (2.0, 1.0) if good and name == "default" else (base, jitter)
        data[f"herd-{name}"] = herd(chance, name, base, jitter, spread)
    for name in ("pod-failure", "network-partition", "slow-backend", "flapping-backend"):
        data[f"chaos-{name}"] = chaos(name, good)
    for name in ("pod-kill", "partial-failure"):
        data[f"chaos-{name}"] = chaos(name, good, opens=False)
    return {name: {"date": "2026-01-02", "load": 0.1, **part} for name, part in data.items()}


def machine() -> dict:
    return {
        "machine": {
            "cores": 2,
            "cpu": "Test CPU",
            "memory_gib": 4,
            "system": "Test OS 1",
            "kernel": "Linux 1.2",
            "python": "3.11.1",
        },
        "pods": {"backend-service": 2, "client-service": 1},
        "breaker": BREAKER,
        "retry": RETRY,
        "max_calls": 2000,
        "faults": FAULTS,
    }


def baseline(good: bool) -> dict:
    def calls(successes: int, attempts: bool) -> list[dict]:
        made = []
        for number in range(400):
            fine = number < successes
            status = 200 if fine else (500, 504)[number % 2]
            call = {"at": number / 10, "seconds": 0.001 if fine else 3.0, "status": status}
            if attempts:
                call["attempts"] = 1 + number % 2 if fine else 4
            made.append(call)
        return made

    return {
        "started": STARTED,
        "rate": 10.0,
        "faults": FAULTS,
        "resilient": calls(390 if good else 300, True),
        "baseline": calls(200, False),
        "openings": 0,
    }


def breaker(good: bool) -> dict:
    calls = [
        {"at": number / 10, "seconds": 0.001, "status": 503 if 40 <= number < 341 else 200, "attempts": 1}
        for number in range(380)
    ]
    results = [
        {
            "request_num": number,
            "status_code": 500 if number <= 5 else 503,
            "circuit_breaker_state": "closed" if number < 5 else "open",
            "elapsed_time_seconds": 0.0002,
        }
        for number in range(1, 21)
    ]
    lines = [
        (4.01, "closed -> open (5 consecutive failures, last: status 500; half-open in 30.0s)"),
        (34.01, "open -> half-open (reset timeout of 30.0s elapsed)"),
        (34.1, "half-open -> closed (1 trial succeeded)"),
    ]
    return {
        "breaker": BREAKER,
        "started": STARTED,
        "ended_after": 38.0,
        "calls": calls,
        "states": cycle(4.02, 34.02, 34.1),
        "events": [{"at": 4.0, "kind": "fault", "what": "stress test"}],
        "stress_test": {"results": results},
        "fast_fail": {"refused": [0.0001 if good else 0.004] * 50, "health": [0.00009] * 50},
        "log": [{"at": at, "line": f"circuit_breaker: {text}"} for at, text in lines],
    }


def cycle(opened: float, half_open: float, closed: float) -> list[dict]:
    return [
        {"at": 0.0, "state": "closed"},
        {"at": opened, "state": "open"},
        {"at": half_open, "state": "half-open"},
        {"at": closed, "state": "closed"},
    ]


def attempt_log(chance: random.Random, attempts: int, last: int, base: float = 1.0, jitter: float = 0.1) -> list[dict]:
    log = []
    for number in range(attempts):
        entry = {"status": 429 if number + 1 < attempts else last, "elapsed": 0.0002}
        if number + 1 < attempts:
            entry["wait"] = base * 2**number * (1 + jitter * chance.random())
        log.append(entry)
    return log


def called(began: float, status: int, log: list[dict]) -> dict:
    seconds = sum(entry["elapsed"] + entry.get("wait", 0.0) for entry in log) + 0.001
    return {"began": began, "seconds": seconds, "status": status, "log": log}


def retry(chance: random.Random) -> dict:
    calls = []
    for number in range(40):
        attempts, last = 1 + number % 4, 429 if number % 8 == 7 else 200
        calls.append(called(number / 20, last, attempt_log(chance, attempts, last)))
    return {"rate": 20.0, "retry": RETRY, "faults": FAULTS, "calls": calls}


def herd(chance: random.Random, name: str, base: float, jitter: float, spread: tuple[float, float]) -> dict:
    calls = [called(number / 10_000, 429, attempt_log(chance, 4, 429, *spread)) for number in range(100)]
    retry = {**RETRY, "base_delay": base, "jitter": jitter}
    return {"name": name, "retry": retry, "faults": {**FAULTS, "transient_failure_rate": 1.0}, "calls": calls}


def chaos(name: str, good: bool, opens: bool = True) -> dict:
    opened, half_open = (5.5, 35.5) if good else (17.0, 47.0)
    closed = half_open + (0.1 if good else 7.0)
    end = closed + 5
    calls = []
    for number in range(int(end * 10)):
        at = number / 10
        refused = opens and opened <= at < closed
        broken = opens and 5 <= at < opened
        status = 503 if refused else 502 if broken else 200
        calls.append({"at": at, "seconds": 2.0 if broken else 0.001, "status": status, "attempts": 4 if broken else 1})
    return {
        "experiment": name,
        "title": f"The {name} of a test",
        "description": "What would be done to it.",
        "breaker": BREAKER,
        "started": STARTED,
        "ended_after": end,
        "calls": calls,
        "states": cycle(opened, half_open, closed) if opens else [{"at": 0.0, "state": "closed"}],
        "events": [
            {"at": 5.0, "kind": "fault", "what": "something breaks"},
            {"at": 10.0, "kind": "heal", "what": "something is mended"},
        ],
        "evidence": [{"probe": "circuit_opens", "at": opened, "holds": good, "seconds": opened - 5, "limit": 10}],
        "hypothesis": {"title": "Users are served", "probes": ["the client is healthy"]},
        "method": [
            {"type": "action", "name": "break something", "pause": 3},
            {"type": "probe", "name": "the circuit opens"},
        ],
        "fulfilled": good,
        "why": [] if good else ['probe "the circuit opens" is out of its tolerance'],
        "points": [
            {"name": "the hypothesis before the method", "fulfilled": True, "evidence": "5 of 5 probes"},
            {"name": "the circuit opens", "fulfilled": good, "evidence": "after 0.5 s | limit 10"},
        ],
    }

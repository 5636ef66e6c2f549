"""The call of the lab, on the stack that it was first written with: Flask, pybreaker, tenacity and requests.

Served by gunicorn, which imports `app`. BACKEND_URL is where the backend is; with CIRCUIT=open the circuit is open from
the start, and stays so.
"""

import os
import threading
import time

import pybreaker
import requests
from flask import Flask, jsonify
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential, wait_random

OPEN = os.environ.get("CIRCUIT") == "open"
DATA = os.environ["BACKEND_URL"] + "/api/data"
ALIKE = {"Accept": "application/json"}

app = Flask(__name__)
breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=86_400 if OPEN else 30)
if OPEN:
    breaker.open()
local = threading.local()


class Throttled(Exception):
    """The backend throttles: retry later."""


def session() -> requests.Session:
    """One session for each thread. Sessions are not thread-safe, and a session per call would keep no connection."""
    if not hasattr(local, "session"):
        local.session = requests.Session()
        local.session.headers.update(ALIKE)
        # Otherwise each call reads proxy settings from the environment.
        local.session.trust_env = False
    return local.session


def worth_a_retry(error: BaseException) -> bool:
    return isinstance(error, Throttled | requests.RequestException)


@retry(
    stop=stop_after_attempt(4),
    wait=wait_exponential(multiplier=1, max=10) + wait_random(0, 1),
    retry=retry_if_exception(worth_a_retry),
    reraise=True,
)
def fetch() -> dict:
    answer = session().get(DATA, timeout=(1, 3))
    if answer.status_code == 429:
        raise Throttled
    answer.raise_for_status()
    return answer.json()


@app.get("/health")
def health():
    return jsonify(status="healthy", service="client-service", circuit_breaker_state=breaker.current_state)


@app.get("/api/call-backend")
def call_backend():
    begin = time.monotonic()
    try:
        status, body = 200, breaker.call(fetch)
    except pybreaker.CircuitBreakerError:
        status, body = 503, {"error": "Service Unavailable", "message": "the circuit is open", "fallback": True}
    except (Throttled, requests.RequestException) as error:
        status, body = 502, {"error": "Bad Gateway", "message": str(error)}
    answer = jsonify(
        backend_response=body,
        elapsed_time_seconds=time.monotonic() - begin,
        circuit_breaker_state=breaker.current_state,
    )
    answer.status_code = status
    return answer

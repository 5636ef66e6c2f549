"""Checks each answer against docs/endpoints.md: its status, and the keys and types of its body."""

STATES = ("closed", "open", "half-open")
number = (int, float)

# Statuses of the backend, and of the client if there is no answer.
BASELINE = {200, 429, 500, 502, 504}
CALL = BASELINE | {503}


class Wrong(Exception):
    """An answer differs from the documentation."""


def need(condition, what):
    if not condition:
        raise Wrong(what)


def keys(body, **types):
    """`body` has exactly these keys, each of its type."""
    need(isinstance(body, dict), f"not an object: {body!r:.100}")
    need(set(body) == set(types), f"keys {sorted(body)}, expected {sorted(types)}")
    for key, expected in types.items():
        value = body[key]
        need(
            isinstance(value, expected) and (expected is bool or not isinstance(value, bool)),
            f"{key} is {value!r:.100}",
        )


def error(answer):
    """The body of an answer to an invalid request."""
    keys(answer.json(), error=str, message=str)


def backend_body(status, body):
    if status == 200:
        keys(body, status=str, data=str, request_number=int, pod=str)
        need(body["status"] == "success", f"status is {body['status']}")
    elif status == 503:
        keys(body, error=str, message=str, fallback=bool)
        need(body["fallback"] is True and body["error"] == "Service Unavailable", f"{body}")
    else:
        keys(body, error=str, message=str)
        # The client's message for a call that was lost inside the client.
        need("panic" not in body["message"], f"a call was lost: {body['message']}")


def passed_on(answer, servers):
    """An answer of one of these servers, which have no faults."""
    body = answer.json()
    backend_body(200, body)
    need(body["pod"] in servers, f"an answer of {body['pod']}, expected {servers}")
    need(answer.headers.get("x-resilience-state") == "closed", "its circuit is not closed")


def rejection(answer):
    if answer.status == 503:
        need(answer.headers.get("retry-after", "").isdigit(), "a 503 without Retry-After")


def state(body):
    need(body["circuit_breaker_state"] in STATES, f"circuit_breaker_state is {body['circuit_breaker_state']!r}")


def resilient(answer, **more):
    """Checks what all answers with breaker and retries have, and `more`. Returns the body."""
    body = answer.json()
    keys(
        body,
        backend_response=dict,
        elapsed_time_seconds=number,
        circuit_breaker_state=str,
        attempts=int,
        **more,
    )
    state(body)
    rejection(answer)
    backend_body(answer.status, body["backend_response"])
    return body


def call(answer):
    body = resilient(answer, client_request_id=number)
    need(0 <= body["attempts"] <= 4, f"{body['attempts']} attempts")
    need(body["attempts"] > 0 or answer.status == 503, "an answer of the backend's without an attempt")


def baseline(answer):
    body = answer.json()
    need(
        body.get("status_code") == answer.status,
        f"status_code is {body.get('status_code')}, the status {answer.status}",
    )
    if "backend_response" in body:
        keys(body, message=str, backend_response=dict, elapsed_time_seconds=number, status_code=int)
        backend_body(answer.status, body["backend_response"])
    else:
        keys(body, error=str, message=str, elapsed_time_seconds=number, status_code=int)
        need(answer.status in (502, 504), f"no backend_response with status {answer.status}")


def test_retry(answer):
    body = resilient(answer, test_type=str, attempt_log=list)
    log = body["attempt_log"]
    need(body["test_type"] == "retry_mechanism", f"test_type is {body['test_type']}")
    need(len(log) == body["attempts"] <= 4, f"{body['attempts']} attempts, {len(log)} in the log")
    for index, entry in enumerate(log, 1):
        keys(
            entry,
            attempt=int,
            status_code=(int, type(None)),
            outcome=str,
            elapsed_seconds=number,
            wait_seconds=(int, float, type(None)),
        )
        need(entry["attempt"] == index, f"attempt {entry['attempt']} at place {index}")


def stress(answer, asked):
    body = answer.json()
    keys(
        body,
        test_type=str,
        total_requests=int,
        failure_rate=(int, float, type(None)),
        results=list,
        final_circuit_breaker_state=str,
        summary=dict,
    )
    keys(body["summary"], by_status=dict, latency_seconds=dict, ended_early=bool)
    keys(body["summary"]["latency_seconds"], p50=number, p90=number, p99=number, max=number)
    results = body["results"]
    need(len(results) == body["total_requests"] == asked, f"{len(results)} results of {asked}")
    need(not body["summary"]["ended_early"], "ended early")
    need(body["final_circuit_breaker_state"] in STATES, "final_circuit_breaker_state")
    for place, result in enumerate(results, 1):
        keys(result, request_num=int, status_code=int, circuit_breaker_state=str, elapsed_time_seconds=number)
        state(result)
        need(result["request_num"] == place, f"request_num {result['request_num']} at place {place}")
        need(result["status_code"] in CALL, f"status_code {result['status_code']}")
    need(sum(body["summary"]["by_status"].values()) == asked, f"by_status {body['summary']['by_status']}")


COUNTS = dict.fromkeys(
    [
        "total_requests",
        "successful_requests",
        "failed_requests",
        "rejected_requests",
        "abandoned_requests",
        "retry_attempts",
    ],
    int,
)


def stats(answer):
    body = answer.json()
    keys(body, statistics=dict, circuit_breaker=dict, retry=dict)
    others = dict.fromkeys(["circuit_breaker_open_count", "calls_in_flight", "calls_waiting", "max_calls"], int)
    keys(body["statistics"], **COUNTS, **others, baseline=dict)
    keys(body["statistics"]["baseline"], **COUNTS)
    need(body["circuit_breaker"].get("state") in STATES, "circuit_breaker has no state")


def health(answer):
    body = answer.json()
    keys(body, status=str, service=str, circuit_breaker_state=str, mode=str)
    state(body)
    need((body["status"], body["service"], body["mode"]) == ("healthy", "client-service", "auto"), f"{body}")


def circuit(answer):
    body = answer.json()
    need(body.get("state") in STATES and isinstance(body.get("counts"), dict), f"{body!r:.200}")


def metrics(answer):
    need(answer.body.endswith(b"\n") and b"http_requests_total" in answer.body, "not the metrics")

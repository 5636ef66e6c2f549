"""Judges a soak test: the client's statistics and metrics against the callers' counts. Pure."""

from .metrics import of
from .verdict import Finding

# The upstreams that are left at the end: the lab's, and that of the first file.
UPSTREAMS = {"backend (lab)", "a"}
LAB = "backend (lab)"
# Of the route of the calls that are passed on.
PASSED_ON = "/upstreams/{path}*"


def _between(claim, low, value, high):
    expected = str(low) if low == high else f"{low} to {high}"
    return Finding(claim, low <= value <= high, f"{value:g}, expected {expected}")


def statistics(book, stats, metrics):
    """The client's statistics match the callers' counts. A call whose caller left may have any outcome."""
    counted, plain = stats["statistics"], stats["statistics"]["baseline"]
    left = book.left_calls
    rejected = book.calls[503]
    good = book.calls[200]
    bad = sum(book.calls.values()) - good - rejected
    retries, seen = counted["retry_attempts"], book.retries
    total, parts = counted["total_requests"], ["successful", "failed", "rejected", "abandoned"]
    whole = sum(counted[f"{part}_requests"] for part in parts)
    answered = good + bad + rejected
    findings = [
        _between("stats: total is the sum of its parts", whole, total, whole),
        _between("stats: total", answered, total, answered + left),
        _between("stats: successful", good, counted["successful_requests"], good + left),
        _between("stats: failed", bad, counted["failed_requests"], bad + left),
        _between("stats: rejected", rejected, counted["rejected_requests"], rejected + left),
        _between("stats: abandoned", 0, counted["abandoned_requests"], left),
        Finding("stats: retries", retries >= seen, f"{retries}, at least {seen} seen"),
    ]
    answers = {
        status: count for (route, status), count in book.answers.items() if route.endswith("-without-resilience")
    }
    exact = {
        "total_requests": sum(answers.values()),
        "successful_requests": answers.get(200, 0),
        "failed_requests": sum(answers.values()) - answers.get(200, 0),
        "rejected_requests": 0,
        "abandoned_requests": 0,
        "retry_attempts": 0,
    }
    findings.append(
        Finding(
            "stats: baseline, exactly",
            plain == exact,
            f"{plain}" + ("" if plain == exact else f", expected {exact}"),
        )
    )
    idle = (counted["calls_in_flight"], counted["calls_waiting"])
    findings.append(
        Finding("stats: nothing is left in flight", idle == (0, 0), f"{idle[0]} in flight, {idle[1]} waiting")
    )
    return findings + requests(book, metrics) + agreement(counted, metrics)


def requests(book, metrics):
    """http_requests_total by route and status: exact where no caller left."""
    wrong, compared, left = [], 0, 0
    seen = {}
    for (name, labels), value in metrics.items():
        if name == "http_requests_total":
            labels = dict(labels)
            key = labels["path"], int(labels["status"])
            seen[key] = seen.get(key, 0) + int(value)
    for key in sorted(set(seen) | set(book.answers)):
        route, status = key
        # Callers that left are counted by route only; their status is 499.
        slack = book.left[route]
        low = book.answers[key]
        compared += low
        if not low <= seen.get(key, 0) <= low + slack:
            wrong.append(
                f"{route} {status}: {seen.get(key, 0)}, expected {low}" + (f" to {low + slack}" if slack else "")
            )
    for route, leavers in book.left.items():
        left += leavers
        total = sum(count for (name, _), count in seen.items() if name == route)
        if not book.of(route) <= total <= book.of(route) + leavers:
            wrong.append(f"{route}: {total} in all, expected {book.of(route)} to {book.of(route) + leavers}")
    detail = f"{compared} answers, {left} callers left" + "".join(f"\n      {line}" for line in wrong)
    return [Finding("metrics: requests by route and status", not wrong, detail)]


def agreement(counted, metrics):
    """Statistics and metrics agree, and the gauges are 0 at the end."""
    transitions = "resilience4j_circuitbreaker_transitions_total"
    opened, closed = (of(metrics, transitions, name=LAB, to=state) for state in ("open", "closed"))
    rejections = of(metrics, "resilience4j_circuitbreaker_not_permitted_calls_total", name=LAB)
    rejections += of(metrics, "client_overload_rejections_total", name=LAB)
    rejected, abandoned = counted["rejected_requests"], counted["abandoned_requests"]
    retries, count = counted["retry_attempts"], counted["circuit_breaker_open_count"]
    is_closed = of(metrics, "resilience4j_circuitbreaker_state", name=LAB, state="closed") == 1
    findings = [
        _between("metrics: openings", count, opened, count),
        _between("metrics: retries", retries, of(metrics, "client_retry_attempts_total", name=LAB), retries),
        _between("metrics: rejections", rejected, rejections, rejected + abandoned),
        Finding("the circuit opened", opened > 1, f"{opened:g} times"),
        Finding("the circuit closed again", closed > 1 and is_closed, f"{closed:g} times, and is closed at the end"),
    ]
    empty = {
        name: of(metrics, name)
        for name in ["client_calls_in_flight", "client_calls_waiting", "client_event_streams", "client_mailbox_depth"]
    }
    # One request is in flight: the one that reads the metrics.
    empty["http_requests_in_flight"] = of(metrics, "http_requests_in_flight") - 1
    rest = ", ".join(f"{name} {value:g}" for name, value in empty.items() if value)
    findings.append(Finding("metrics: nothing is left in flight", not rest, rest or "all gauges are 0"))
    return findings


def reloads(book, metrics, count, seconds):
    """The file was rewritten `count` times in `seconds`, and each time it was reloaded."""
    read, failed = (of(metrics, "client_config_reloads_total", result=result) for result in ("ok", "failed"))
    calls = book.answers[PASSED_ON, 200]
    names = {dict(labels).get("name", LAB) for _, labels in metrics}
    return [
        Finding(
            "the file was rewritten once a second, and reloaded each time",
            count >= seconds * 0.9 and (read, failed) == (count, 0),
            f"{count} times in {seconds:.0f} s, {read:g} reloads, {failed:g} failures",
        ),
        Finding("calls were passed on all the time", calls >= 20 * count > 0, f"{calls}"),
        Finding("nothing of earlier files is in the metrics", names == UPSTREAMS, ", ".join(sorted(names))),
    ]

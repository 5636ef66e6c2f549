"""Judges a soak test: from counts and samples to findings. Pure."""

import re
from dataclasses import dataclass
from statistics import quantiles

# Share of the samples that are ignored at the start: caches, the event ring and connection pools fill.
WARM_UP = 0.25
# The level of the last third may exceed that of the first by this share, and by the slack.
MARGIN = 0.10
MEMORY_SLACK = 3 * 1024 * 1024
FILES_SLACK = 5
THREADS_SLACK = 2
# The upstreams that are left at the end: the lab's, and that of the first file.
UPSTREAMS = {"backend (lab)", "a"}
LAB = "backend (lab)"
# Of the route of the calls that are passed on.
PASSED_ON = "/upstreams/{path}*"

_SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


@dataclass(frozen=True)
class Finding:
    """One claim, and whether it holds."""

    claim: str
    holds: bool
    detail: str


def series(text):
    """Prometheus text: (name, sorted labels) -> value."""
    values = {}
    for line in text.splitlines():
        if match := _SERIES.match(line):
            name, labels, value = match.groups()
            values[name, tuple(sorted(re.findall(r'(\w+)="([^"]*)"', labels or "")))] = float(value)
    return values


def of(metrics, name, /, **labels):
    """The sum of all series of this name that have these labels."""
    wanted = set(labels.items())
    return sum(value for (known, have), value in metrics.items() if known == name and wanted <= set(have))


def level(values):
    """The lowest tenth: it ignores short peaks after faults, and rises with a leak."""
    return quantiles(values, n=10)[0]


def flat(name, values, slack, unit, scale=1):
    """The levels of the first and the last third after the warm-up differ by no more than the margin."""
    kept = values[int(len(values) * WARM_UP) :]
    third = len(kept) // 3
    if third < 3:
        return Finding(f"{name} flat", False, f"only {len(values)} samples")
    first, last = level(kept[:third]), level(kept[-third:])
    limit = first * (1 + MARGIN) + slack
    detail = f"level of the first third {first / scale:.1f} {unit}, of the last {last / scale:.1f} {unit}"
    return Finding(f"{name} flat", last <= limit, f"{detail}, limit {limit / scale:.1f} {unit}")


def complete(book):
    """Every caller that stayed got an answer, and each answer is documented."""
    asked = sum(book.answers.values()) + len(book.unanswered)
    return [
        Finding(
            "every request is answered, unless its caller left",
            not book.unanswered and asked > 0,
            f"{asked - len(book.unanswered)} of {asked}{_some(book.unanswered)}",
        ),
        Finding("every answer is documented", not book.wrong, f"{len(book.wrong)} are not{_some(book.wrong)}"),
    ]


def _some(lines):
    return "".join(f"\n      {line}" for line in lines[:10])


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


def run(book, samples, plan):
    """The load and all faults happened as planned."""
    kills, killed, plans, panics = plan["kills"], plan["killed"], plan["plans"], plan["panics"]
    played = ", ".join(f"{name} {count}" for name, count in plans.items())
    statuses = dict(sorted(book.calls.items()))
    return [
        Finding("the backend was killed as often as planned", killed == kills, f"{killed} of {kills} times"),
        Finding("all kinds of faults occurred", all(plans.values()), played),
        Finding("all outcomes occurred", {200, 500, 502, 503, 504} <= set(statuses), f"statuses {statuses}"),
        Finding("some callers left early", book.left_calls > 0, f"{sum(book.left.values())} callers"),
        Finding("no panic in the log", not panics, f"{len(panics)}{_some(panics)}"),
        flat("memory", [sample.memory for sample in samples], MEMORY_SLACK, "MiB", 1024 * 1024),
        flat("threads", [sample.threads for sample in samples], THREADS_SLACK, "threads"),
        flat("open files", [sample.files for sample in samples], FILES_SLACK, "files"),
    ]

"""Judges a soak test: answers, faults, memory and files, from counts and samples to findings. Pure."""

from dataclasses import dataclass
from statistics import quantiles

# Share of the samples that are ignored at the start: caches, the event ring and connection pools fill.
WARM_UP = 0.25
# The level of the last third may exceed that of the first by this share, and by the slack.
MARGIN = 0.10
MEMORY_SLACK = 3 * 1024 * 1024
FILES_SLACK = 5
THREADS_SLACK = 2


@dataclass(frozen=True)
class Finding:
    """One claim, and whether it holds."""

    claim: str
    holds: bool
    detail: str


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

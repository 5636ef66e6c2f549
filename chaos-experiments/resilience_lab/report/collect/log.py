"""The transitions in the client's log, on the clock of a record."""

import re
from collections.abc import Iterable
from datetime import datetime

_LINE = re.compile(r"(\S+Z) +INFO .*?(circuit_breaker: .*)")


def transitions(lines: Iterable[str], started: str) -> list[dict]:
    """The transitions since `started`, with their times from there."""
    found = []
    for line in lines:
        if match := _LINE.search(line):
            at = (datetime.fromisoformat(match[1]) - datetime.fromisoformat(started)).total_seconds()
            if at >= 0:
                found.append({"at": at, "line": match[2]})
    return found

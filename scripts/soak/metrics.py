"""Reads metrics in the text format of Prometheus."""

import re

_SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


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

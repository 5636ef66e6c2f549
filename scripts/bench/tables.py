"""The results as tables: for a terminal, and as Markdown, alone or within a document."""

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.processes import Failure
from resilience_lab.report import tables

from . import uploads
from .contenders import CONTENDERS

# What the sick endpoint of ejection does.
FAULTS = {
    "errors": "answers 500",
    "hangs": "takes requests, and answers none",
    "silent": "drops all packets",
    "slow": "is 10 times slower",
}

# The figures of ejection. A file has none for what never happened.
EJECTION = ("lost", "p99_ms", "requests", "ejected_s", "returned_s")

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def number(value: float) -> str:
    """With three significant digits."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return tables.thousands(value)
    for digits, least in ((0, 100), (1, 10), (2, 1)):
        if abs(value) >= least:
            return f"{value:.{digits}f}"
    return f"{value:.3f}"


def ratio(value: float) -> str:
    return f"{value:.3f}" if value < 10 else number(value)


def spread(estimate: dict, show: Callable[[float], str] = number) -> str:
    return f"{show(estimate['value'])} ({show(estimate['low'])} to {show(estimate['high'])})"


def contenders(data: dict) -> Table:
    head = ["contender", "requests/s", "p50 ms", "p99 ms", "CPU µs/request"]
    figures = ("requests_per_second", "p50_ms", "p99_ms", "cpu_us")
    rows = [
        [CONTENDERS[name].title, *(spread(measured[figure]) for figure in figures)]
        for name, measured in data["contenders"].items()
    ]
    return head, rows


def limits(data: dict) -> Table:
    head = ["figure", "measured", "must", "aim", "verdict", "aim reached"]
    return head, [limit(row) for row in data["limits"]]


def limit(row: dict) -> list[str]:
    show = number if row["unit"] else ratio
    unit = f" {row['unit']}" if row["unit"] else ""
    return [
        row["name"],
        spread(row, show) + unit,
        f"<= {show(row['must'])}{unit}" if "must" in row else "",
        f"{show(row['aim'])}{unit}" if "aim" in row else "",
        row["verdict"],
        row.get("aim_reached", ""),
    ]


def runtime(data: dict) -> Table:
    head = ["criterion's bench", "ns"]
    return head, [[name, spread(measured)] for name, measured in data.get("runtime", {}).items()]


def upstreams(data: dict) -> Table:
    head = ["upstreams", "start ms", "MiB at rest", "MiB after a call of each"]
    rows = [
        [tables.thousands(int(number)), *(spread(figure) for figure in figures.values())]
        for number, figures in data.get("upstreams", {}).items()
    ]
    return head, rows


def ejections(data: dict) -> Table:
    head = ["the sick endpoint", "behind", "calls lost", "p99 ms", "requests to it", "ejected after s", "back after s"]
    rows = [
        [FAULTS[fault], name, *(spread(figures[figure]) if figure in figures else "never" for figure in EJECTION)]
        for fault, sides in data.get("ejection", {}).items()
        for name, figures in sides.items()
    ]
    return head, rows


def upload_costs(data: dict) -> Table:
    head = ["a body of 256 MiB", "read by", "CPU ms", "times bare actix", "must", "verdict"]
    rows = [
        [
            uploads.BODIES[body].title,
            uploads.SERVERS[name][0],
            spread(row["cpu_ms"]),
            *limit(row["ratio"])[1:3],
            row["ratio"]["verdict"],
        ]
        for body, servers in data.get("uploads_summary", {}).items()
        for name, row in servers.items()
    ]
    return head, rows


def instructions(data: dict) -> Table:
    head = ["contender", "instructions/request", "with `--before`", "change"]
    return head, [
        [CONTENDERS[name].title, tables.thousands(counts["now"]), *since(**counts)]
        for name, counts in data.get("instructions", {}).items()
    ]


def since(now: float, before: float | None = None) -> tuple[str, str]:
    return ("", "") if before is None else (tables.thousands(before), f"{100 * (now / before - 1):+.1f} %")


TABLES = {
    "contenders": contenders,
    "limits": limits,
    "runtime": runtime,
    "upstreams": upstreams,
    "ejection": ejections,
    "uploads": upload_costs,
    "instructions": instructions,
}


def text(data: dict) -> str:
    parts = []
    for make in TABLES.values():
        head, rows = make(data)
        if rows:
            widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]
            lines = [
                "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in [head, *rows]
            ]
            parts.append("\n".join(line.rstrip() for line in lines))
    return "\n\n".join(parts)


def markdown(data: dict) -> str:
    made = (make(data) for make in TABLES.values())
    return "\n\n".join(tables.markdown([head, *rows]) for head, rows in made if rows)


def within(document: Path, data: dict) -> str:
    """The document with new tables between its marks. Tables without data stay."""
    content = read(document)
    rows = {name: make(data) for name, make in TABLES.items()}
    made = {name: tables.markdown([head, *body]) for name, (head, body) in rows.items() if body}
    return tables.filled(content, "bench", made)


def read(document: Path) -> str:
    """The text of the document. Fails if it has no marks for a table."""
    try:
        content = document.read_text(encoding="utf-8")
        tables.places(content, "bench", list(TABLES))
    except (OSError, ValueError) as error:
        raise Failure(f"{document}: {error}") from error
    return content

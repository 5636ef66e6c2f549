"""The results as tables: for a terminal, and as Markdown, alone or within a document."""

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.processes import Failure

from .contenders import CONTENDERS

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def number(value: float) -> str:
    """To three digits that mean something, as nobody measures more."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
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


TABLES = {"contenders": contenders, "limits": limits, "runtime": runtime}


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


def markdown_table(table: Table) -> str:
    head, rows = table
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown(data: dict) -> str:
    made = (make(data) for make in TABLES.values())
    return "\n\n".join(markdown_table(table) for table in made if table[1])


END = "<!-- /bench -->"


def begin(name: str) -> str:
    return f"<!-- bench: {name} -->"


def within(document: Path, data: dict) -> str:
    """The document, with each table between its marks made anew."""
    made = document.read_text(encoding="utf-8")
    for name in places(document, made):
        before, _, after = made.partition(begin(name) + "\n")
        made = f"{before}{begin(name)}\n{markdown_table(TABLES[name](data))}\n{END}{after.partition(END)[2]}"
    return made


def check_places(document: Path) -> None:
    try:
        places(document, document.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{document} cannot be read: {error}") from error


def places(document: Path, content: str) -> list[str]:
    """The tables that a document has places for."""
    found = [name for name in TABLES if begin(name) + "\n" in content]
    for name in found:
        place, end, _ = content.partition(begin(name) + "\n")[2].partition(END)
        if not end or "<!-- bench:" in place:
            raise Failure(f"{document}: after {begin(name)} there is no {END}")
    if not found:
        marks = ", ".join(map(begin, TABLES))
        raise Failure(f"{document} has no place for a table: no line is one of {marks}")
    return found

"""Markdown tables, and documents with a place for each: between `<!-- KIND: NAME -->` and `<!-- /KIND -->`."""

from collections.abc import Mapping, Sequence

Rows = Sequence[Sequence[str]]


def markdown(rows: Rows, left: int = 1) -> str:
    """The first row is the head. The first `left` columns are aligned to the left, the others to the right."""
    head = rows[0]
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows[1:]])


def thousands(value: float) -> str:
    """A whole number with spaces between its thousands."""
    return f"{value:,.0f}".replace(",", " ")


def begin(kind: str, name: str) -> str:
    return f"<!-- {kind}: {name} -->\n"


def end(kind: str) -> str:
    return f"<!-- /{kind} -->"


def places(document: str, kind: str, names: Sequence[str]) -> list[str]:
    """The tables that a document has a place for. ValueError if it has none, or a place has no end."""
    found = [name for name in names if begin(kind, name) in document]
    for name in found:
        place, closed, _ = document.partition(begin(kind, name))[2].partition(end(kind))
        if not closed or f"<!-- {kind}:" in place:
            raise ValueError(f"after {begin(kind, name).strip()} there is no {end(kind)}")
    if not found:
        raise ValueError(f"no place for a table: no line is one of {', '.join(begin(kind, n).strip() for n in names)}")
    return found


def filled(document: str, kind: str, tables: Mapping[str, str]) -> str:
    """The document with these tables in their places."""
    for name in places(document, kind, list(tables)):
        before, mark, rest = document.partition(begin(kind, name))
        document = f"{before}{mark}{tables[name]}\n{end(kind)}{rest.partition(end(kind))[2]}"
    return document

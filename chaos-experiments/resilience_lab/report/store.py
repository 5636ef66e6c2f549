"""The data on disk: JSON that people can read, and that differs by lines where the data differs."""

import json
import os
from pathlib import Path
from typing import Any

LINE = 240


def dump(value: Any, indent: int = 0) -> str:
    """JSON in which whatever fits on a line is on one; but for the whole, and for tables."""
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not isinstance(value, dict | list) or (indent and len(line) + indent <= LINE and not is_table(value)):
        return line
    inner = " " * (indent + 1)
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {dump(part, indent + 1)}" for key, part in value.items()]
        return "{\n" + inner + f",\n{inner}".join(parts) + "\n" + " " * indent + "}"
    return "[\n" + inner + f",\n{inner}".join(dump(part, indent + 1) for part in value) + "\n" + " " * indent + "]"


def is_table(value: Any) -> bool:
    """A list of records has one line for each."""
    return isinstance(value, list) and any(isinstance(row, dict) for row in value)


def tidy(value: Any, digits: int = 6) -> Any:
    """Without what is None in records, and with no more digits than were measured."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, list):
        return [tidy(part, digits) for part in value]
    if isinstance(value, dict):
        return {key: tidy(part, digits) for key, part in value.items() if part is not None}
    return value


def save(path: Path, data: dict) -> None:
    """All of it or nothing."""
    write(path, dump(tidy(data)) + "\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def load(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))

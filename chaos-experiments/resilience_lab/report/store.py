"""The data files: readable JSON, with a line for each record."""

import json
import os
from pathlib import Path
from typing import Any

LINE = 240


def dump(value: Any, indent: int = 0) -> str:
    """JSON with each value on one line if it fits, except for the whole document and for tables."""
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
    """Removes None from records, and rounds numbers."""
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, list):
        return [tidy(part, digits) for part in value]
    if isinstance(value, dict):
        return {key: tidy(part, digits) for key, part in value.items() if part is not None}
    return value


def save(path: Path, data: dict) -> None:
    """Replaces the file as a whole."""
    write(path, dump(tidy(data)) + "\n")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


def load(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))

"""Configurations of other programs, as templates. Each has places such as `$port`."""

from pathlib import Path
from string import Template

HERE = Path(__file__).parent


def write(template: str, path: Path, **values: object) -> Path:
    """Fills the places of a template. Returns `path`, where the result is."""
    # substitute: a place without a value is an error.
    path.write_text(Template((HERE / template).read_text(encoding="utf-8")).substitute(values), encoding="utf-8")
    return path

"""Formats numbers, and fills paragraphs of Markdown."""

import re
import textwrap

from .stats import Share
from .tables import thousands

WIDTH = 120

# Lines that stay as they are: headings, tables, HTML, pictures, quotations, empty lines.
_FIXED = re.compile(r"(#|\||<|!\[|>|$)")
_ITEM = re.compile(r"(- |\d+\. )")

# A number and its unit stay on one line.
_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s)(?!\w))")
_GLUE = "\0"


def percent(value: Share | float, digits: int = 1) -> str:
    return f"{100 * (value.value if isinstance(value, Share) else value):.{digits}f} %"


def interval(value: Share) -> str:
    """The 95 % confidence interval."""
    return f"{100 * value.low:.1f} to {100 * value.high:.1f} %"


def seconds(value: float | None) -> str:
    """A time with two or three significant digits."""
    if value is None:
        return "never"
    if value < 0.001:
        return f"{value * 1000:.3f} ms"
    if value < 0.01:
        return f"{value * 1000:.1f} ms"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def number(value: float, digits: int = 2) -> str:
    """Without trailing zeros."""
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"


def about(value: float) -> str:
    """Two significant digits, with spaces between thousands."""
    return thousands(float(f"{value:.2g}"))


def cell(text: str) -> str:
    """Escapes text for a cell of a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def reflow(text: str) -> str:
    """Markdown with paragraphs and list items filled to the width; code, tables and headings as they are."""
    lines, paragraph, code = [], [], False

    def flush() -> None:
        if paragraph:
            item = _ITEM.match(paragraph[0])
            indent = " " * len(item[0]) if item else ""
            joined = _UNIT.sub(_GLUE, " ".join(" ".join(paragraph).split()))
            filled = textwrap.wrap(
                joined, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
            )
            lines.extend(line.replace(_GLUE, " ") for line in filled)
            paragraph.clear()

    for line in text.splitlines():
        if line.startswith("```"):
            flush()
            code = not code
            lines.append(line)
        elif code:
            lines.append(line)
        elif _FIXED.match(line):
            flush()
            # Sections that a template leaves out leave no more than one empty line.
            if line or (lines and lines[-1]):
                lines.append(line)
        else:
            if _ITEM.match(line):
                flush()
            paragraph.append(line)
    flush()
    return "\n".join(lines).strip() + "\n"

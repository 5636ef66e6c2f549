"""`python -m resilience_lab.report.curves DIR`: figures and tables of docs/trips.md and docs/experiments.md."""

import sys
from pathlib import Path

from . import policies, store, trips
from .tables import filled


def main(directory: Path) -> None:
    """Writes into the documents and figures of `directory`. Its data are in `data`."""
    for name, kind, page in (("trips", "trips", trips), ("experiments", "policies", policies)):
        data, document = page.load(directory / "data"), directory / f"{name}.md"
        text = filled(document.read_text(encoding="utf-8"), kind, page.tables(data))
        page.figures(directory / "figures", data)
        store.write(document, text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

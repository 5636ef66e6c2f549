"""The experiments' records and journals, as `scripts/run-chaos.sh --journals DIR` leaves them."""

from pathlib import Path

from .. import store
from . import log


def collect(journals: Path, name: str) -> dict:
    """The record of the users, and the results from the journal."""
    record = store.load(journals / name / "record.json")
    journal = store.load(journals / name / "journal.json")
    verdict = store.load(journals / name / "verdict.json")
    experiment = journal["experiment"]
    return {
        "date": record["started"][:10],
        **record,
        "experiment": name,
        # Only local runs keep the pods' logs.
        "log": log.transitions(client_lines(journals / name / "logs"), record["started"]),
        "title": experiment["title"],
        "description": " ".join(experiment["description"].split()),
        "hypothesis": {
            "title": experiment["steady-state-hypothesis"]["title"],
            "probes": [probe["name"] for probe in experiment["steady-state-hypothesis"]["probes"]],
        },
        "method": [
            {"type": step["type"], "name": step["name"], "pause": step.get("pauses", {}).get("after")}
            for step in experiment["method"]
        ],
        "fulfilled": verdict["fulfilled"],
        "why": verdict["why"],
        "points": verdict["points"],
    }


def client_lines(logs: Path) -> list[str]:
    files = sorted(logs.glob("client-service-*.log"))
    return sorted(line for file in files for line in file.read_text(encoding="utf-8", errors="replace").splitlines())

"""Judges a run: `python -m resilience_lab.verdict DIRECTORY`.

Reads Chaos Toolkit's `journal.json` and the users' `record.json` from the directory. Writes `verdict.json` there, and
prints it as text. Exit status: 0 if the run proves the hypothesis, 1 if not, 2 if there is no journal.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from .strict import unfulfilled, weaknesses


def judge(journal: dict, record: dict) -> dict:
    """The verdict: all checks with their results, and `why` it is not fulfilled; `why` is empty if it is."""
    points = [hypothesis(journal, "before")]
    points += [point(run) for run in journal["run"]]
    points += [hypothesis(journal, "after")]
    points += [point(run) | {"name": f"rollback: {run['activity']['name']}"} for run in journal["rollbacks"]]
    why = weaknesses(journal)
    return {
        "title": journal["experiment"]["title"],
        "fulfilled": not why,
        "why": why,
        "status": journal["status"],
        "seconds": round(journal["duration"], 1),
        "points": points,
        "users": users(record),
    }


def point(run: dict) -> dict:
    return {"name": run["activity"]["name"], "fulfilled": unfulfilled(run) is None, "evidence": evidence(run)}


def hypothesis(journal: dict, when: str) -> dict:
    state = journal["steady_states"][when] or {"probes": [], "steady_state_met": False}
    wanted = len(journal["experiment"]["steady-state-hypothesis"]["probes"])
    met = [run["activity"]["name"] for run in state["probes"] if unfulfilled(run) is None]
    return {
        "name": f"the hypothesis {when} the method",
        "fulfilled": bool(state["steady_state_met"]),
        "evidence": f"{len(met)} of {wanted} probes" if state["probes"] else "not checked",
    }


def users(record: dict) -> dict:
    calls = record.get("calls", [])
    return {
        "calls": len(calls),
        "by_status": {str(key): count for key, count in Counter(call["status"] for call in calls).most_common()},
        "slowest_seconds": max((call["seconds"] for call in calls), default=None),
        "transitions": [f"{state['at']:.1f} s {state['state']}" for state in record.get("states", [])],
    }


def evidence(run: dict) -> str:
    """The most important numbers of a probe's answer, as text."""
    output = run.get("output")
    if not isinstance(output, dict) or "holds" not in output:
        return ""
    if isinstance(output.get("reasons"), list):
        return "; ".join(f"{what} ({why})" for what, why in zip(output["transitions"], output["reasons"], strict=True))
    said = [form.format(output[key]) for key, form in FORMATS.items() if output.get(key) is not None]
    return ", ".join(said)


FORMATS = {
    "message": "{}",
    "seconds": "after {} s",
    "calls": "{} calls",
    "refused": "{} rejected",
    "p95_seconds": "95 of 100 within {} s",
    "backend_requests": "{} requests reached the backend",
    "served": "{} served",
    "slowest_seconds": "slowest {} s",
    "limit": "limit {} s",
}


def text(verdict: dict) -> str:
    lines = [f"{verdict['title']}: {'fulfilled' if verdict['fulfilled'] else 'NOT FULFILLED'} ({verdict['seconds']} s)"]
    for each in verdict["points"]:
        lines.append(f"  {'ok ' if each['fulfilled'] else 'NOT'} {each['name']}")
        if each["evidence"]:
            lines.append(f"        {each['evidence']}")
    saw = verdict["users"]
    statuses = ", ".join(f"{status} x {count}" for status, count in saw["by_status"].items())
    lines.append(f"  users: {saw['calls']} calls: {statuses}; slowest {saw['slowest_seconds']} s")
    lines.append(f"  the circuit, as users saw it: {', '.join(saw['transitions'])}")
    lines += [f"  because: {reason}" for reason in verdict["why"]]
    return "\n".join(lines)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m resilience_lab.verdict DIRECTORY", file=sys.stderr)
        return 2
    directory = Path(sys.argv[1])
    try:
        journal = json.loads((directory / "journal.json").read_text())
    except (OSError, ValueError) as error:
        print(f"error: cannot read the journal: {error}", file=sys.stderr)
        return 2
    try:
        record = json.loads((directory / "record.json").read_text())
    except (OSError, ValueError):
        # The run was interrupted before the users started.
        record = {}
    verdict = judge(journal, record)
    (directory / "verdict.json").write_text(json.dumps(verdict, indent=1) + "\n")
    print(text(verdict))
    return 0 if verdict["fulfilled"] else 1


if __name__ == "__main__":
    sys.exit(main())

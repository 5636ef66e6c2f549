"""Control: users who call the lab ten times a second during an experiment.

The probes judge the record of these calls. With `LAB_RECORD=FILE` in the environment, it is written to FILE as JSON.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import requests
from chaoslib.exceptions import ActivityFailed, InterruptExecution

from .traffic import Users

_users: "Watched | None" = None


class Watched(Users):
    """Users, the lab's settings, and the evidence of the probes."""

    def __init__(self, base_url: str, per_second: float) -> None:
        self.base_url = base_url
        self.settings = ask(base_url)
        self.evidence: list[dict] = []
        super().__init__(base_url, per_second)

    @property
    def reset_timeout(self) -> float:
        return self.settings["circuit_breaker"]["reset_timeout"]

    @property
    def attempt_timeout(self) -> float:
        return self.settings["retry"]["attempt_timeout"]

    @property
    def call_deadline(self) -> float:
        return self.settings["retry"]["call_deadline"]


@contextlib.contextmanager
def answering(base_url: str) -> Iterator[None]:
    """Turns an error of a request to the client, or an unexpected body, into an ActivityFailed."""
    try:
        yield
    except (requests.RequestException, ValueError, KeyError) as error:
        raise ActivityFailed(f"the client does not answer on {base_url} as it should: {error}") from error


def ask(base_url: str) -> dict:
    """`GET /api/stats`."""
    with answering(base_url):
        answer = requests.get(f"{base_url}/api/stats", timeout=5)
        answer.raise_for_status()
        return answer.json()


def current() -> Watched:
    """The users of the current experiment."""
    if _users is None:
        raise ActivityFailed("there are no users: the experiment needs the control resilience_lab.users")
    return _users


def found(probe: str, holds: bool, **numbers) -> dict:
    """Records and returns the evidence of a probe: whether it `holds`, and the numbers behind that."""
    evidence = {"probe": probe, "at": current().record.now(), "holds": holds, **numbers}
    current().evidence.append(evidence)
    return evidence


def mark(kind: str, what: str) -> float:
    """Records that the previous action was a `fault`, or its end (`heal`)."""
    return current().record.mark(kind, what)


def before_experiment_control(context: dict, configuration: dict, per_second: float = 10) -> None:
    global _users
    try:
        _users = Watched(configuration["client_url"].rstrip("/"), per_second)
    except Exception as error:
        # Chaos Toolkit ignores other errors of a control.
        raise InterruptExecution(str(error)) from error


def after_experiment_control(context: dict, state: dict) -> None:
    global _users
    if _users is None:
        return
    record = _users.stop(wait=state["status"] == "completed" and not state["deviated"])
    if path := os.environ.get("LAB_RECORD"):
        story = {
            "experiment": Path(path).parent.name,
            "title": context["title"],
            "breaker": _users.settings["circuit_breaker"],
            **record.as_json(),
            "evidence": _users.evidence,
        }
        Path(path).write_text(json.dumps(story, indent=1))
    _users = None

"""Control: a run ends with exit code 1 if any check fails.

Chaos Toolkit by itself checks only the tolerances of the hypothesis. A run succeeds although

- a probe of the method was out of its tolerance, or an action failed: both are only recorded,
- the hypothesis was not met at the start, and the method did not run.

Here the first failed check ends the method. The rollbacks still run (`runtime.rollbacks.strategy: always`).
"""

import logging

from chaoslib.exceptions import InterruptExecution
from chaoslib.hypothesis import within_tolerance

logger = logging.getLogger("chaostoolkit")

# Why the method ended. Chaos Toolkit has logged this reason.
_ended = ""


def unfulfilled(run: dict, configuration: dict | None = None, secrets: dict | None = None) -> str | None:
    """Why an activity that ran is not fulfilled; None if it is."""
    activity = run["activity"]
    if run.get("status") != "succeeded":
        return f'{activity["type"]} "{activity["name"]}" failed: {last_line(run)}'
    if "tolerance" in activity and "tolerance_met" not in run:
        run["tolerance_met"] = within_tolerance(activity["tolerance"], run["output"], configuration, secrets)
    if run.get("tolerance_met") is False:
        return f'{activity["type"]} "{activity["name"]}" is out of its tolerance: {run["output"]}'
    return None


def last_line(run: dict) -> str:
    return (run.get("exception") or ["it did not end"])[-1].strip()


def after_activity_control(
    context: dict, state: dict | None, experiment: dict, configuration: dict, secrets: dict
) -> None:
    """Ends the method after its first activity that is not fulfilled."""
    global _ended
    if state is None or context not in experiment["method"]:
        return
    if _ended := unfulfilled(state, configuration, secrets) or "":
        raise InterruptExecution(_ended)


def after_experiment_control(context: dict, state: dict) -> None:
    """Makes the exit code 1 where Chaos Toolkit's would be 0."""
    if why := weaknesses(state):
        state["deviated"] = True
        if state["status"] == "completed":
            state["status"] = "failed"
        for reason in why:
            if reason != _ended:
                logger.error(f"not fulfilled: {reason}")


def weaknesses(journal: dict) -> list[str]:
    """All checks that are not fulfilled, in order; empty if the run proves its hypothesis."""
    before, after = journal["steady_states"]["before"], journal["steady_states"]["after"]
    runs = [
        *(before["probes"] if before else []),
        *journal["run"],
        *(after["probes"] if after else []),
        *journal["rollbacks"],
    ]
    why = [reason for run in runs if (reason := unfulfilled(run))]
    if why:
        return why
    # Nothing failed, but the run may have been interrupted.
    experiment = journal["experiment"]
    if len(journal["run"]) < len(experiment["method"]):
        why.append(f"only {len(journal['run'])} of {len(experiment['method'])} activities of the method ran")
    if len(journal["rollbacks"]) < len(experiment["rollbacks"]):
        why.append(f"only {len(journal['rollbacks'])} of {len(experiment['rollbacks'])} rollbacks ran")
    for when, state in (("before", before), ("after", after)):
        if not state or not state["steady_state_met"]:
            why.append(f"the hypothesis was not checked {when} the method")
    return why

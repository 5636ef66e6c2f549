"""What an experiment does to the backend: its fault plan, how many pods it has, and waiting for them."""

import time

from chaoslib.exceptions import ActivityFailed

from . import changes, cluster, users
from .waiting import wait_for

# The variables that a pod's fault plan starts with, and what they are called in a plan.
DICE = {
    "FAILURE_RATE": "failure_rate",
    "SLOW_RESPONSE_RATE": "slow_response_rate",
    "TRANSIENT_FAILURE_RATE": "transient_failure_rate",
}
CALM = dict.fromkeys(DICE.values(), 0.0)


# The pods that were last given a fault plan: when others are in their place, they have been replaced.
_known: set[str] = set()


def set_faults(plan: dict) -> list[str]:
    """Replaces the fault plan of every backend pod (`PUT /api/faults`). What it leaves out is as at the pod's start."""
    asked = cluster.names(cluster.pods(cluster.BACKEND))
    for name in asked:
        cluster.ask_backend(name, "PUT", "/api/faults", plan)
    _known.clear()
    _known.update(asked)
    return asked


def calm() -> list[str]:
    """No faults at all, in every backend pod."""
    return set_faults(CALM)


def calm_from_the_start() -> list[str]:
    """No faults at all, also in pods that are yet to come, from their first answer.

    A container reads the ConfigMap when it starts, and to change that rolls out nothing.
    """
    path = cluster.config_map(cluster.BACKEND)
    if missing := sorted(set(DICE) - set(cluster.read(path)["data"])):
        raise ActivityFailed(f"{path} has no {missing[0]}, which deploy/base/backend.env sets")
    changes.make(path, "data", dict.fromkeys(DICE, "0"))
    return calm()


def scale_to_none() -> None:
    """Nobody replaces the backend's pods any more, until `scale_back`."""
    changes.make(cluster.deployment(cluster.BACKEND), "spec", {"replicas": 0})


def scale_back() -> bool:
    """As many pods as before `scale_to_none`; says whether that was to be undone."""
    return changes.undo(cluster.deployment(cluster.BACKEND), "spec")


def restore() -> None:
    """Gives the backend the pods and the faults of its deployment. A failure keeps nothing else from being restored."""
    failed = []
    # In this order: pods that come back start with the deployment's faults.
    for undo in (let_pods_roll_dice, scale_back, restore_faults):
        try:
            undo()
        except ActivityFailed as error:
            failed.append(str(error))
    if failed:
        raise ActivityFailed("; ".join(failed))


def let_pods_roll_dice() -> bool:
    """Pods that are yet to come start with the faults of the deployment again."""
    return changes.undo(cluster.config_map(cluster.BACKEND), "data")


def restore_faults() -> list[str]:
    """The fault plan of the deployment, in every pod.

    One pod that cannot be reached keeps no other from being restored, and one that is not ready may be too young to
    have been given another plan, or to be asked.
    """
    data = cluster.read(cluster.config_map(cluster.BACKEND))["data"]
    plan = {field: float(data[name]) for name, field in DICE.items() if name in data}
    restored, failed = [], []
    for pod in cluster.pods(cluster.BACKEND):
        try:
            cluster.ask_backend(pod.metadata.name, "PUT", "/api/faults", plan)
            restored.append(pod.metadata.name)
        except ActivityFailed as error:
            if cluster.is_ready(pod):
                failed.append(str(error))
    if failed:
        raise ActivityFailed("; ".join(failed))
    return restored


def break_down(plan: dict, what: str) -> list[str]:
    """Gives every backend pod this fault plan, and calls it a fault."""
    asked = set_faults(plan)
    users.current().record.mark("fault", what)
    return asked


def heal(what: str = "the backend is well again") -> list[str]:
    """No faults any more."""
    asked = calm()
    users.current().record.mark("heal", what)
    return asked


def flap(plan: dict, down: float, up: float, times: int) -> None:
    """Breaks down for `down` seconds and is well for `up` seconds, `times` times."""
    for _ in range(times):
        break_down(plan, "down")
        time.sleep(down)
        heal("up")
        time.sleep(up)


def wait_until_back(within: float = 90) -> list[str]:
    """Waits until as many pods are ready as the Deployment asks for, and lets them be calm.

    Some of them have to be new: otherwise nobody was terminated, and there is nothing that the lab has survived.
    """
    wanted = cluster.replicas(cluster.BACKEND)
    if set(cluster.names(cluster.pods(cluster.BACKEND))) == _known:
        raise ActivityFailed(f"all pods of {cluster.BACKEND} are still there: none was terminated")
    if not wait_for(lambda: all_ready(wanted), within):
        raise ActivityFailed(f"not all {wanted} pods of {cluster.BACKEND} are ready after {within} s")
    return heal("all pods are back")


def all_ready(wanted: int | None = None) -> bool:
    """Whether as many pods are ready as the Deployment asks for."""
    found = cluster.pods(cluster.BACKEND)
    return len(found) == (wanted or cluster.replicas(cluster.BACKEND)) and all(map(cluster.is_ready, found))


def requests() -> dict[str, int]:
    """How many calls each pod that answers has received since its start. Its health checks do not count."""
    counted = {}
    for pod in cluster.pods(cluster.BACKEND):
        if cluster.is_ready(pod):
            name = pod.metadata.name
            counted[name] = cluster.ask_backend(name, "GET", "/api/metrics")["total_requests"]
    return counted

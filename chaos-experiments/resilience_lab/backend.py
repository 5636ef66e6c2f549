"""Actions on the backend: its fault plan and its number of pods."""

import time

from chaoslib.exceptions import ActivityFailed

from . import changes, cluster, users
from .waiting import wait_for

# The variables of a pod's initial fault plan, with their names in a plan.
RATES = {
    "FAILURE_RATE": "failure_rate",
    "SLOW_RESPONSE_RATE": "slow_response_rate",
    "TRANSIENT_FAILURE_RATE": "transient_failure_rate",
}
CALM = dict.fromkeys(RATES.values(), 0.0)


# The pods that last got a fault plan. Other names mean that pods were replaced.
_known: set[str] = set()


def set_faults(plan: dict) -> list[str]:
    """Replaces the fault plan of every backend pod (`PUT /api/faults`). Absent fields get their initial values."""
    asked = cluster.names(cluster.pods(cluster.BACKEND))
    for name in asked:
        cluster.ask_backend(name, "PUT", "/api/faults", plan)
    _known.clear()
    _known.update(asked)
    return asked


def calm() -> list[str]:
    """Removes all faults from every backend pod."""
    return set_faults(CALM)


def calm_from_the_start() -> list[str]:
    """Removes all faults, also from pods that start later.

    A container reads the ConfigMap when it starts. A change of the ConfigMap restarts no pod.
    """
    path = cluster.config_map(cluster.BACKEND)
    if missing := sorted(set(RATES) - set(cluster.read(path)["data"])):
        raise ActivityFailed(f"{path} has no {missing[0]}, which deploy/base/backend.env sets")
    changes.make(path, "data", dict.fromkeys(RATES, "0"))
    return calm()


def scale_to_none() -> None:
    """Scales the backend to no pods, until `scale_back`."""
    changes.make(cluster.deployment(cluster.BACKEND), "spec", {"replicas": 0})


def scale_back() -> bool:
    """Scales back to the pods before `scale_to_none`. True if there was anything to undo."""
    return changes.undo(cluster.deployment(cluster.BACKEND), "spec")


def restore() -> None:
    """Restores the backend's pods and faults. If one step fails, the others still run."""
    failed = []
    # In this order: pods that come back start with the restored settings.
    for undo in (restore_settings, scale_back, restore_faults):
        try:
            undo()
        except ActivityFailed as error:
            failed.append(str(error))
    if failed:
        raise ActivityFailed("; ".join(failed))


def restore_settings() -> bool:
    """Restores the ConfigMap: pods that start later have its faults again."""
    return changes.undo(cluster.config_map(cluster.BACKEND), "data")


def restore_faults() -> list[str]:
    """Restores the fault plan of the ConfigMap in every pod.

    Continues after a pod that cannot be reached. A pod that is not ready may just have started, with that plan.
    """
    data = cluster.read(cluster.config_map(cluster.BACKEND))["data"]
    plan = {field: float(data[name]) for name, field in RATES.items() if name in data}
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
    """Sets this fault plan in every backend pod, and records a fault."""
    asked = set_faults(plan)
    users.current().record.mark("fault", what)
    return asked


def heal(what: str = "the backend is healthy again") -> list[str]:
    """Removes all faults, and records that."""
    asked = calm()
    users.current().record.mark("heal", what)
    return asked


def flap(plan: dict, down: float, up: float, times: int) -> None:
    """Alternates `down` seconds with this plan and `up` seconds without faults, `times` times."""
    for _ in range(times):
        break_down(plan, "down")
        time.sleep(down)
        heal("up")
        time.sleep(up)


def wait_until_back(within: float = 90) -> list[str]:
    """Waits until all pods of the Deployment are ready, and removes their faults.

    Fails if no pod is new: then none was terminated, and the experiment proves nothing.
    """
    wanted = cluster.replicas(cluster.BACKEND)
    if set(cluster.names(cluster.pods(cluster.BACKEND))) == _known:
        raise ActivityFailed(f"all pods of {cluster.BACKEND} are still there: none was terminated")
    if not wait_for(lambda: all_ready(wanted), within):
        raise ActivityFailed(f"not all {wanted} pods of {cluster.BACKEND} are ready after {within} s")
    return heal("all pods are back")


def all_ready(wanted: int | None = None) -> bool:
    """True if the Deployment has its number of pods and all are ready."""
    found = cluster.pods(cluster.BACKEND)
    return len(found) == (wanted or cluster.replicas(cluster.BACKEND)) and all(map(cluster.is_ready, found))


def requests() -> dict[str, int]:
    """Number of calls that each ready pod has received since its start, without health checks."""
    counted = {}
    for pod in cluster.pods(cluster.BACKEND):
        if cluster.is_ready(pod):
            name = pod.metadata.name
            counted[name] = cluster.ask_backend(name, "GET", "/api/metrics")["total_requests"]
    return counted

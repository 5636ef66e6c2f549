"""What an experiment does to the backend, beside terminating its pods: the fault plan, and waiting for them."""

import time

from chaoslib.exceptions import ActivityFailed

from . import cluster, users

CALM = {"failure_rate": 0.0, "slow_response_rate": 0.0, "transient_failure_rate": 0.0}


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


def restore_faults() -> list[str]:
    """The fault plan that each pod was started with.

    One pod that cannot be reached keeps no other from being restored, and one that is not ready may be too young to
    have been given another plan, or to be asked.
    """
    restored, failed = [], []
    for pod in cluster.pods(cluster.BACKEND):
        try:
            cluster.ask_backend(pod.metadata.name, "PUT", "/api/faults", {})
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
    if not cluster.wait_for(lambda: all_ready(wanted), within):
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

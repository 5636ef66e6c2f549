"""The machine, and the settings in force."""

from ... import cluster, users
from .. import machine
from . import plan


def collect(url: str) -> dict:
    settings = users.ask(url)
    return {
        "machine": machine.facts(),
        "pods": {app: cluster.replicas(app) for app in (cluster.BACKEND, cluster.CLIENT)},
        "breaker": settings["circuit_breaker"],
        "retry": settings["retry"],
        "max_calls": settings["statistics"]["max_calls"],
        "faults": plan.in_force(),
    }

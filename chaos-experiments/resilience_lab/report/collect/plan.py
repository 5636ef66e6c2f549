"""The fault plan of the backends."""

from ... import cluster


def in_force() -> dict:
    """The plan of one backend pod; all have the same."""
    return cluster.ask_backend(cluster.names(cluster.pods(cluster.BACKEND))[0], "GET", "/api/faults")

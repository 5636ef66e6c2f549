"""Control: starts an experiment without random faults, and with a closed circuit.

An experiment has one fault, its own. At the lab's default rates every second attempt fails, and no hypothesis about
callers would hold. It also needs one circuit that stays open long enough for its probes.
"""

import os

import requests
from chaoslib.exceptions import ActivityFailed, InterruptExecution

from . import backend, cluster, users
from .waiting import wait_for

# Seconds that the probes need while the circuit is open, after the last attempts have ended.
TIME_TO_PROBE = 7
TIME_TO_COME_BACK = 90


def before_experiment_control(context: dict, configuration: dict) -> None:
    try:
        base_url = configuration["client_url"].rstrip("/")
        need_one_client()
        need_time_to_probe(users.ask(base_url))
        undo_what_a_killed_run_left()
        backend.calm_from_the_start()
        close_circuit(base_url)
    except Exception as error:
        # Chaos Toolkit ignores other errors of a control.
        raise InterruptExecution(f"the lab cannot be made quiet: {error}") from error


def need_one_client() -> None:
    """Each client has its own circuit: with two, calls would meet either."""
    if (clients := cluster.replicas(cluster.CLIENT)) != 1:
        raise ActivityFailed(f"there are {clients} pods of {cluster.CLIENT}, and the experiments observe one circuit")


def need_time_to_probe(settings: dict) -> None:
    reset_timeout = settings["circuit_breaker"]["reset_timeout"]
    least = settings["retry"]["attempt_timeout"] + TIME_TO_PROBE
    if reset_timeout < least:
        raise ActivityFailed(f"the circuit opens for {reset_timeout:g} s only, and the probes need {least:g} s")


def undo_what_a_killed_run_left() -> None:
    if backend.scale_back() and not wait_for(backend.all_ready, TIME_TO_COME_BACK):
        raise ActivityFailed(f"not all pods of {cluster.BACKEND} are ready after {TIME_TO_COME_BACK} s")


def close_circuit(base_url: str) -> None:
    """Resets the circuit unless it is closed, also if it is forced open or disabled."""
    token = os.environ.get("ADMIN_TOKEN")
    with users.answering(base_url):
        circuit = requests.get(f"{base_url}/api/circuit-breaker", timeout=5).json()
        if (circuit["state"], circuit["mode"]) != ("closed", "auto"):
            requests.post(
                f"{base_url}/api/circuit-breaker/reset",
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=5,
            ).raise_for_status()

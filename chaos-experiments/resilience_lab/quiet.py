"""Control: a quiet lab to begin with. No dice in the backend, and a closed circuit.

An experiment wants one fault: its own. At the lab's default rates every second attempt fails, and no hypothesis about
what users see would hold for long.
"""

import os

import requests
from chaoslib.exceptions import ActivityFailed, InterruptExecution

from . import backend


def before_experiment_control(context: dict, configuration: dict) -> None:
    try:
        backend.calm()
        close_circuit(configuration["client_url"].rstrip("/"))
    except Exception as error:
        # Chaos Toolkit goes on without a control that fails, unless it says this.
        raise InterruptExecution(f"the lab cannot be made quiet: {error}") from error


def close_circuit(base_url: str) -> None:
    """Resets the circuit, unless it is closed."""
    token = os.environ.get("ADMIN_TOKEN")
    try:
        if requests.get(f"{base_url}/health", timeout=5).json()["circuit_breaker_state"] != "closed":
            requests.post(
                f"{base_url}/api/circuit-breaker/reset",
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=5,
            ).raise_for_status()
    except (requests.RequestException, ValueError, KeyError) as error:
        raise ActivityFailed(f"the client does not answer on {base_url} as it should: {error}") from error

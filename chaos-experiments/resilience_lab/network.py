"""The end of a partition, and the proof that there was one."""

import time

import requests
import urllib3
from chaosk8s import create_k8s_api_client
from chaoslib.exceptions import ActivityFailed
from kubernetes import client
from kubernetes.client.rest import ApiException

from . import backend, cluster, users
from .traffic import Record

# awc keeps a connection for 75 s at most, and some network plugins let those pass that they knew before the policy.
OLD_CONNECTIONS_END = 80
# Seconds from a policy's creation to its effect that need no explanation.
NOTICED_LATE = 1


def heal(policy: str) -> bool:
    """Removes the NetworkPolicy; says whether it was there."""
    api = client.NetworkingV1Api(create_k8s_api_client())
    try:
        api.delete_namespaced_network_policy(policy, cluster.NAMESPACE, _request_timeout=cluster.TIMEOUT)
    except ApiException as error:
        if error.status == 404:
            return False
        raise ActivityFailed(f"cannot remove the NetworkPolicy {policy}: {error}") from error
    except urllib3.exceptions.HTTPError as error:
        raise ActivityFailed(f"cannot remove the NetworkPolicy {policy}: {error}") from error
    return True


def note_late_effect(record: Record) -> None:
    """Where a network plugin spares old connections, the partition begins for users when the last of these ends."""
    fault = record.last("fault")
    served = [call.at for call in list(record.calls) if call.status == 200 and call.at > fault]
    if served and max(served) - fault > NOTICED_LATE:
        record.mark("fault", "the last connection from before the cut has ended", at=max(served))


def is_cut(within: float = OLD_CONNECTIONS_END) -> dict:
    """Proves the partition with calls that know neither breaker nor retries.

    One has to fail for want of a new connection, with a name that is resolved and a backend that is alive and has not
    heard of it. Where no network plugin enforces policies, they go on to succeed.
    """
    watched = users.current()
    deadline = time.monotonic() + within
    while True:
        before = backend.requests()
        try:
            answer = requests.get(f"{watched.base_url}/api/call-backend-without-resilience", timeout=10)
            status, message = answer.status_code, answer.json().get("message", "")
        except (requests.RequestException, ValueError) as error:
            raise ActivityFailed(f"the client does not answer: {error}") from error
        resolved = "cannot resolve" not in message
        if status == 502 and resolved and backend.requests() == before:
            cut = True
            note_late_effect(watched.record)
            break
        if not resolved or time.monotonic() >= deadline:
            cut = False
            break
        time.sleep(0.2)
    since = round(watched.record.now() - watched.record.last("fault"), 3)
    return users.found("is_cut", cut, status=status, message=message, name_resolved=resolved, seconds=since)

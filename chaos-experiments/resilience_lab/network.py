"""Ends a partition, and proves that it was real."""

import time

import requests
from chaosk8s import create_k8s_api_client
from kubernetes import client
from kubernetes.client.exceptions import NotFoundException

from . import backend, cluster, users
from .traffic import Record

# awc keeps a connection for at most 75 s. Some network plugins let connections pass that are older than the policy.
OLD_CONNECTIONS_END = 80
# Normal delay from a policy's creation to its effect, in seconds.
EFFECT_DELAY = 1


def heal(policy: str) -> bool:
    """Removes the NetworkPolicy. True if it existed."""
    api = client.NetworkingV1Api(create_k8s_api_client())
    with cluster.failing_as(f"cannot remove the NetworkPolicy {policy}"):
        try:
            api.delete_namespaced_network_policy(policy, cluster.NAMESPACE, _request_timeout=cluster.TIMEOUT)
        except NotFoundException:
            return False
    return True


def note_late_effect(record: Record) -> None:
    """If the network plugin spares old connections, the partition starts for callers when the last of these ends."""
    fault = record.last("fault")
    served = [call.at for call in list(record.calls) if call.status == 200 and call.at > fault]
    if served and max(served) - fault > EFFECT_DELAY:
        record.mark("fault", "the last connection from before the policy has ended", at=max(served))


def is_cut(within: float = OLD_CONNECTIONS_END) -> dict:
    """Proves the partition with calls that bypass breaker and retries.

    A call has to fail to connect although the name is resolved, and although the backend is alive and has not received
    it. If no network plugin enforces policies, the calls still succeed.
    """
    watched = users.current()
    deadline = time.monotonic() + within
    while True:
        before = backend.requests()
        with users.answering(watched.base_url):
            answer = requests.get(f"{watched.base_url}/api/call-backend-without-resilience", timeout=10)
            status, message = answer.status_code, answer.json().get("message", "")
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

"""Runs inside the local cluster, as its COMMAND: what the API answers, also to requests that it does not support."""

import json
import re

import pytest
from chaosk8s.networking import actions as networking
from chaosk8s.pod.probes import read_pod_logs
from kubernetes.client.rest import ApiException

from .cluster import BACKEND, CLIENT, DEPLOYMENT, NS, core, patch, pods, policy, refused


def test_proxy_passes_errors_on():
    name = pods()[0].metadata.name
    with refused(503):
        core.connect_get_namespaced_pod_proxy_with_path(f"{name}:1", NS, "health")
    with pytest.raises(ApiException) as caught:
        core.connect_get_namespaced_pod_proxy_with_path(f"{name}:5000", NS, "missing")
    assert (caught.value.status, json.loads(caught.value.body)["error"]) == (404, "Not Found")


def test_unsupported_policy_is_refused_with_the_field():
    with refused(422) as caught:
        networking.create_network_policy(policy("sctp", egress=[{"ports": [{"protocol": "SCTP"}]}]), ns=NS)
    assert "spec.egress[0].ports[0].protocol" in caught.value.body
    with refused(404):
        networking.remove_network_policy("sctp", ns=NS)


def test_logs_have_times_and_end_with_the_pod():
    (text,) = read_pod_logs(label_selector=CLIENT, last="10 minutes", ns=NS).values()
    assert re.search(r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z .*listening on", text)
    name = pods(CLIENT)[0].metadata.name
    assert len(core.read_namespaced_pod_log(name, NS, tail_lines=1).splitlines()) == 1
    assert core.read_namespaced_pod_log(name, NS, tail_lines=0) == ""
    with refused(400):
        core.read_namespaced_pod_log(name, NS, container="x")


def test_selectors():
    for selector in (f"{BACKEND},app!=x", "app in (backend-service)"):
        assert len(pods(selector)) == 2
    assert len(core.list_pod_for_all_namespaces().items) == 3
    assert core.list_namespaced_pod("default").items == []
    name = pods(CLIENT)[0].metadata.name
    assert len(core.list_namespaced_pod(NS, field_selector=f"metadata.name={name}").items) == 1


@pytest.mark.parametrize(
    ("status", "ask"),
    [
        (400, lambda: core.list_namespaced_pod(NS, label_selector="a b")),
        (400, lambda: core.list_namespaced_pod(NS, field_selector="spec.x=1")),
        (404, lambda: core.read_namespaced_pod("missing", NS)),
        (404, lambda: core.read_namespaced_pod(pods(CLIENT)[0].metadata.name, "default")),
        (404, lambda: core.list_node()),
        (422, lambda: patch(DEPLOYMENT, {"spec": {"paused": True}})),
        (405, lambda: core.delete_namespaced_service("client-service", NS)),
    ],
)
def test_errors_are_status_objects(status, ask):
    with refused(status) as caught:
        ask()
    assert json.loads(caught.value.body)["kind"] == "Status"

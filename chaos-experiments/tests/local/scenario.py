"""Runs inside the local cluster, as its COMMAND: what experiments do to a cluster, and what they see of it.

All tests share one cluster. Each restores what it changes.
"""

import contextlib
import json
import os
import re
import socket
import time

import pytest
import requests
from chaosk8s import create_k8s_api_client
from chaosk8s.deployment.probes import deployment_available_and_healthy, deployment_fully_available
from chaosk8s.networking import actions as networking
from chaosk8s.pod.actions import terminate_pods
from chaosk8s.pod.probes import pods_in_conditions, read_pod_logs
from kubernetes import client
from kubernetes.client.rest import ApiException

from resilience_lab.waiting import wait_for

NS = "lab3-resilience"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NS}/deployments/backend-service"
BACKEND, CLIENT = "app=backend-service", "app=client-service"
CALM = {
    "failure_rate": 0,
    "slow_response_rate": 0,
    "slow_response_delay": 5,
    "transient_failure_rate": 0,
    "sequence": None,
    "repeat": False,
}


def call(path="/api/call-backend-without-resilience"):
    """Status, body and seconds."""
    started = time.monotonic()
    answer = requests.get(os.environ["CLIENT_URL"] + path, timeout=30)
    return answer.status_code, answer.json(), time.monotonic() - started


def connect(host):
    """The result of one connection to a backend: "connected", or the name of the error."""
    try:
        socket.create_connection((host, 5000), timeout=0.5).close()
    except OSError as error:
        return type(error).__name__
    return "connected"


def policy(name, **spec):
    selector = {"podSelector": {"matchLabels": {"app": "client-service"}}}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}}
    return {**body, "spec": {**selector, "policyTypes": ["Egress"], **spec}}


DNS_ONLY = policy("dns-only", egress=[{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}])


api = create_k8s_api_client()
core = client.CoreV1Api(api)


def pods(selector=BACKEND):
    return core.list_namespaced_pod(NS, label_selector=selector).items


def set_faults(**changes):
    for pod in pods():
        assert faults(pod, "PUT", CALM | changes)["failure_rate"] == changes.get("failure_rate", 0)


@pytest.fixture(autouse=True)
def calm():
    set_faults()


def wait_until_calls_succeed(times=4):
    assert wait_for(lambda: all(call()[0] == 200 for _ in range(times)), 15), "calls do not succeed again"


def request(method, path, body=None, content_type="application/json"):
    """The JSON answer of the API; ApiException if its status is not 2xx."""
    answer = api.call_api(*api.param_serialize(method, path, body=body, header_params={"Content-Type": content_type}))
    if not 200 <= answer.status < 300:
        raise ApiException(http_resp=answer, body=answer.read().decode())
    return json.loads(answer.read())


def faults(pod, method="GET", plan=None):
    return request(method, f"/api/v1/namespaces/{NS}/pods/{pod.metadata.name}:5000/proxy/api/faults", plan)


def patch(path, change):
    request("PATCH", path, change, "application/merge-patch+json")


@contextlib.contextmanager
def refused(status):
    with pytest.raises(ApiException) as caught:
        yield caught
    assert caught.value.status == status


def all_available():
    return deployment_fully_available("backend-service", ns=NS, timeout=20)


def test_new_connections_go_to_both_backends():
    assert call("/health")[1]["service"] == "client-service"
    # The client reuses its connections. A new connection goes to either pod.
    answers = [requests.get("http://backend-service:5000/api/data", timeout=5).json() for _ in range(40)]
    assert {answer["pod"] for answer in answers} == {pod.metadata.name for pod in pods()}


def test_a_headless_service_resolves_to_all_its_pods():
    _, body, _ = call("/api/backend/faults")
    assert {replica["address"] for replica in body["replicas"]} == {f"{pod.status.pod_ip}:5000" for pod in pods()}


def test_faults_are_set_through_the_proxy():
    set_faults(failure_rate=1)
    assert call()[0] == 500


def test_proxy_passes_errors_on():
    name = pods()[0].metadata.name
    with refused(503):
        core.connect_get_namespaced_pod_proxy_with_path(f"{name}:1", NS, "health")
    with pytest.raises(ApiException) as caught:
        core.connect_get_namespaced_pod_proxy_with_path(f"{name}:5000", NS, "missing")
    assert (caught.value.status, json.loads(caught.value.body)["error"]) == (404, "Not Found")


def test_killed_backends_serve_for_a_second_then_drop_packets_and_are_replaced():
    before = {pod.metadata.name: pod.status.pod_ip for pod in pods()}
    killed = time.monotonic()
    assert set(terminate_pods(label_selector=BACKEND, all=True, grace_period=0, ns=NS)) == before.keys()
    # First those checks that hold for a moment only.
    ip = next(iter(before.values()))
    assert connect(ip) == "connected"
    assert not deployment_available_and_healthy("backend-service", ns=NS, raise_on_unavailable=False)
    assert not before.keys() & {pod.metadata.name for pod in pods()}
    assert wait_for(lambda: connect(ip) == "TimeoutError", 4, every=0.02), "a killed pod is not silent"
    assert all_available()
    assert time.monotonic() - killed > 1.5
    assert pods_in_conditions(BACKEND, [{"type": "Ready", "status": "True"}], ns=NS)
    set_faults()
    wait_until_calls_succeed()


def test_service_without_pods_refuses_a_few_connections_and_drops_the_others():
    patch(DEPLOYMENT, {"spec": {"replicas": 0}})
    try:
        terminate_pods(label_selector=BACKEND, all=True, grace_period=0, ns=NS)
        refuses = wait_for(lambda: connect("backend-service") == "ConnectionRefusedError", 3, every=0.02)
        assert refuses, "it has endpoints"
        assert pods() == []
        assert "TimeoutError" in [connect("backend-service") for _ in range(7)]
    finally:
        patch(DEPLOYMENT, {"spec": {"replicas": 2}})
    assert all_available()
    set_faults()
    wait_until_calls_succeed()


def test_new_pods_start_with_the_current_config_map():
    path = f"/api/v1/namespaces/{NS}/configmaps/backend-config"
    original = core.read_namespaced_config_map("backend-config", NS).data["FAILURE_RATE"]
    patch(path, {"data": {"FAILURE_RATE": "0.25"}})
    try:
        before = {pod.metadata.name for pod in pods()}
        terminate_pods(label_selector=BACKEND, qty=1, grace_period=0, ns=NS)
        assert all_available()
        rates = {pod.metadata.name in before: faults(pod)["failure_rate"] for pod in pods()}
        assert rates == {True: 0, False: 0.25}
    finally:
        patch(path, {"data": {"FAILURE_RATE": original}})


def test_terminating_pod_serves_until_it_gets_no_more_calls():
    name = pods()[0].metadata.name
    core.delete_namespaced_pod(name, NS, body=client.V1DeleteOptions(grace_period_seconds=10))
    leaving = core.read_namespaced_pod(name, NS)
    assert leaving.metadata.deletion_timestamp is not None
    deadline, unreachable = time.monotonic() + 12, []
    while name in {pod.metadata.name for pod in pods()}:
        assert time.monotonic() < deadline, "the pod does not end"
        # The replacement has the manifest's faults: only that it can be reached matters.
        status, body, _ = call()
        unreachable += [body] if status == 502 else []
        time.sleep(0.05)
    # These calls are not retried: each of the client's two workers may find its idle connection closed.
    assert len(unreachable) <= 2, unreachable
    assert all_available()


def test_a_policy_that_allows_only_dns_makes_calls_time_out():
    call()
    networking.create_network_policy(DNS_ONLY, ns=NS)
    try:
        # Established connections hang; new ones time out. DNS still works.
        answers = [call() for _ in range(5)]
        assert {status for status, _, _ in answers} - {502, 504} == set()
        status, body, seconds = answers[-1]
        assert (status, body["message"]) == (502, "backend unreachable: no connection within 1.0s")
        assert seconds > 0.9
        assert call("/health")[0] == 200
        with refused(409):
            networking.create_network_policy(DNS_ONLY, ns=NS)
    finally:
        networking.remove_network_policy("dns-only", ns=NS)
    wait_until_calls_succeed()


def test_an_ingress_policy_does_not_block_the_node():
    networking.deny_all_ingress({"app": "backend-service"}, ns=NS)
    try:
        assert call()[0] in (502, 504)
        set_faults()
    finally:
        networking.remove_deny_all_ingress(ns=NS)
    wait_until_calls_succeed()


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

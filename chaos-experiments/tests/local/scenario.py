"""Runs inside the local cluster, as its COMMAND: what experiments do to a cluster, and what they see of it.

All tests share one cluster. Each restores what it changes.
"""

import time

import pytest
import requests
from chaosk8s.deployment.probes import deployment_available_and_healthy
from chaosk8s.networking import actions as networking
from chaosk8s.pod.actions import terminate_pods
from chaosk8s.pod.probes import pods_in_conditions
from kubernetes import client

from resilience_lab.waiting import wait_for

from .cluster import (
    BACKEND,
    DEPLOYMENT,
    DNS_ONLY,
    NS,
    all_available,
    call,
    connect,
    core,
    faults,
    patch,
    pods,
    refused,
    set_faults,
    wait_until_calls_succeed,
)


@pytest.fixture(autouse=True)
def calm():
    set_faults()


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

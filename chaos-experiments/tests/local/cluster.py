"""What both scenarios share: calls to the services and to the API. Can be imported inside the local cluster only."""

import contextlib
import json
import os
import socket
import time

import pytest
import requests
from chaosk8s import create_k8s_api_client
from chaosk8s.deployment.probes import deployment_fully_available
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

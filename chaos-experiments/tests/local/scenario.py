"""Runs inside the local cluster, as its COMMAND: what experiments do to a cluster, and what they see of it.

One story in order, on one cluster; each step leaves it as it was.
"""

import json
import os
import socket
import time
import unittest
import urllib.error
import urllib.request

from chaosk8s import create_k8s_api_client
from chaosk8s.deployment.probes import deployment_available_and_healthy, deployment_fully_available
from chaosk8s.networking import actions as networking
from chaosk8s.pod.actions import terminate_pods
from chaosk8s.pod.probes import pods_in_conditions, read_pod_logs
from kubernetes import client
from kubernetes.client.rest import ApiException

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
    try:
        with urllib.request.urlopen(os.environ["CLIENT_URL"] + path, timeout=30) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read()
    return status, json.loads(body), time.monotonic() - started


def connect(host):
    """What becomes of one connection to a backend."""
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


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.api = create_k8s_api_client()
        cls.core = client.CoreV1Api(cls.api)

    def pods(self, selector=BACKEND):
        return self.core.list_namespaced_pod(NS, label_selector=selector).items

    def set_faults(self, **changes):
        for pod in self.pods():
            path = f"/api/v1/namespaces/{NS}/pods/{pod.metadata.name}:5000/proxy/api/faults"
            headers = {"Content-Type": "application/json"}
            request = self.api.param_serialize("PUT", path, body=CALM | changes, header_params=headers)
            answer = self.api.call_api(*request)
            self.assertEqual(answer.status, 200)
            self.assertEqual(json.loads(answer.read())["failure_rate"], changes.get("failure_rate", 0))

    def setUp(self):
        self.set_faults()

    def wait_until_calls_succeed(self, times=4):
        deadline, streak = time.monotonic() + 15, 0
        while streak < times:
            self.assertLess(time.monotonic(), deadline, "calls do not succeed again")
            streak = streak + 1 if call()[0] == 200 else 0

    def test_1_new_connections_go_to_both_backends(self):
        self.assertEqual(call("/health")[1]["service"], "client-service")
        # The client keeps its connections; a new one goes to either.
        names = set()
        for _ in range(40):
            with urllib.request.urlopen("http://backend-service:5000/api/data", timeout=5) as answer:
                names.add(json.load(answer)["pod"])
        self.assertEqual(names, {pod.metadata.name for pod in self.pods()})

    def test_1_headless_service_is_all_its_pods(self):
        _, body, _ = call("/api/backend/faults")
        self.assertEqual(
            {replica["address"] for replica in body["replicas"]}, {f"{pod.status.pod_ip}:5000" for pod in self.pods()}
        )

    def test_2_faults_are_set_through_the_proxy(self):
        self.set_faults(failure_rate=1)
        self.assertEqual(call()[0], 500)

    def test_2_what_the_proxy_cannot_pass_on_is_told(self):
        name = self.pods()[0].metadata.name
        with self.assertRaises(ApiException) as caught:
            self.core.connect_get_namespaced_pod_proxy_with_path(f"{name}:1", NS, "health")
        self.assertEqual(caught.exception.status, 503)
        with self.assertRaises(ApiException) as caught:
            self.core.connect_get_namespaced_pod_proxy_with_path(f"{name}:5000", NS, "missing")
        self.assertEqual((caught.exception.status, json.loads(caught.exception.body)["error"]), (404, "Not Found"))

    def patch(self, path, change):
        headers = {"Content-Type": "application/merge-patch+json"}
        answer = self.api.call_api(*self.api.param_serialize("PATCH", path, body=change, header_params=headers))
        if answer.status != 200:
            raise ApiException(http_resp=answer, body=answer.read().decode())

    def wait_until(self, condition, seconds, why):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, why)
            time.sleep(0.02)

    def test_3_killed_backends_serve_for_a_second_then_leave_silence_and_are_replaced(self):
        before = {pod.metadata.name: pod.status.pod_ip for pod in self.pods()}
        killed = time.monotonic()
        self.assertEqual(set(terminate_pods(label_selector=BACKEND, all=True, grace_period=0, ns=NS)), before.keys())
        ip = next(iter(before.values()))
        self.assertEqual(connect(ip), "connected")
        self.assertFalse(before.keys() & {pod.metadata.name for pod in self.pods()})
        self.assertFalse(deployment_available_and_healthy("backend-service", ns=NS, raise_on_unavailable=False))
        self.wait_until(lambda: connect(ip) == "TimeoutError", 4, "a killed pod is not silent")
        self.assertTrue(deployment_fully_available("backend-service", ns=NS, timeout=20))
        self.assertGreater(time.monotonic() - killed, 1.5)
        self.assertTrue(pods_in_conditions(BACKEND, [{"type": "Ready", "status": "True"}], ns=NS))
        self.set_faults()
        self.wait_until_calls_succeed()

    def test_3_service_without_pods_refuses_a_few_connections_and_is_silent_to_the_others(self):
        self.patch(DEPLOYMENT, {"spec": {"replicas": 0}})
        try:
            terminate_pods(label_selector=BACKEND, all=True, grace_period=0, ns=NS)
            self.wait_until(lambda: connect("backend-service") == "ConnectionRefusedError", 3, "it has endpoints")
            self.assertEqual(self.pods(), [])
            self.assertIn("TimeoutError", [connect("backend-service") for _ in range(7)])
        finally:
            self.patch(DEPLOYMENT, {"spec": {"replicas": 2}})
        self.assertTrue(deployment_fully_available("backend-service", ns=NS, timeout=20))
        self.set_faults()
        self.wait_until_calls_succeed()

    def test_3_new_pods_start_with_what_the_config_map_says_then(self):
        path = f"/api/v1/namespaces/{NS}/configmaps/backend-config"
        original = self.core.read_namespaced_config_map("backend-config", NS).data["FAILURE_RATE"]
        self.patch(path, {"data": {"FAILURE_RATE": "0.25"}})
        try:
            before = {pod.metadata.name for pod in self.pods()}
            terminate_pods(label_selector=BACKEND, qty=1, grace_period=0, ns=NS)
            self.assertTrue(deployment_fully_available("backend-service", ns=NS, timeout=20))
            rates = {pod.metadata.name in before: self.plan(pod)["failure_rate"] for pod in self.pods()}
            self.assertEqual(rates, {True: 0, False: 0.25})
        finally:
            self.patch(path, {"data": {"FAILURE_RATE": original}})

    def plan(self, pod):
        path = f"/api/v1/namespaces/{NS}/pods/{pod.metadata.name}:5000/proxy/api/faults"
        return json.loads(self.api.call_api(*self.api.param_serialize("GET", path)).read())

    def test_4_pod_that_is_told_to_go_serves_until_nobody_asks_it(self):
        name = self.pods()[0].metadata.name
        self.core.delete_namespaced_pod(name, NS, body=client.V1DeleteOptions(grace_period_seconds=10))
        leaving = self.core.read_namespaced_pod(name, NS)
        self.assertIsNotNone(leaving.metadata.deletion_timestamp)
        deadline, unreachable = time.monotonic() + 12, []
        while name in {pod.metadata.name for pod in self.pods()}:
            self.assertLess(time.monotonic(), deadline, "it does not go")
            # The replacement has the manifest's faults: only that it can be reached matters.
            status, body, _ = call()
            unreachable += [body] if status == 502 else []
            time.sleep(0.05)
        # These calls repeat nothing: each of the client's two workers may find its idle connection closed.
        self.assertLessEqual(len(unreachable), 2, unreachable)
        self.assertTrue(deployment_fully_available("backend-service", ns=NS, timeout=20))

    def test_5_policy_that_leaves_dns_cuts_calls_by_timeout(self):
        call()
        networking.create_network_policy(DNS_ONLY, ns=NS)
        try:
            # What was connected hangs; new connections find nobody. The name is known all the time.
            answers = [call() for _ in range(5)]
            self.assertEqual({status for status, _, _ in answers} - {502, 504}, set())
            status, body, seconds = answers[-1]
            self.assertEqual((status, body["message"]), (502, "backend unreachable: no connection within 1.0s"))
            self.assertGreater(seconds, 0.9)
            self.assertEqual(call("/health")[0], 200)
            with self.assertRaises(ApiException) as caught:
                networking.create_network_policy(DNS_ONLY, ns=NS)
            self.assertEqual(caught.exception.status, 409)
        finally:
            networking.remove_network_policy("dns-only", ns=NS)
        self.wait_until_calls_succeed()

    def test_6_ingress_policy_leaves_the_node_alone(self):
        networking.deny_all_ingress({"app": "backend-service"}, ns=NS)
        try:
            self.assertIn(call()[0], (502, 504))
            self.set_faults()
        finally:
            networking.remove_deny_all_ingress(ns=NS)
        self.wait_until_calls_succeed()

    def test_7_policy_that_is_not_understood_is_refused_by_name(self):
        with self.assertRaises(ApiException) as caught:
            networking.create_network_policy(policy("sctp", egress=[{"ports": [{"protocol": "SCTP"}]}]), ns=NS)
        self.assertEqual(caught.exception.status, 422)
        self.assertIn("spec.egress[0].ports[0].protocol", caught.exception.body)
        with self.assertRaises(ApiException) as caught:
            networking.remove_network_policy("sctp", ns=NS)
        self.assertEqual(caught.exception.status, 404)

    def test_8_logs_have_times_and_an_end(self):
        (text,) = read_pod_logs(label_selector=CLIENT, last="10 minutes", ns=NS).values()
        self.assertRegex(text, r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z .*listening on")
        name = self.pods(CLIENT)[0].metadata.name
        self.assertEqual(len(self.core.read_namespaced_pod_log(name, NS, tail_lines=1).splitlines()), 1)
        self.assertEqual(self.core.read_namespaced_pod_log(name, NS, tail_lines=0), "")
        with self.assertRaises(ApiException) as caught:
            self.core.read_namespaced_pod_log(name, NS, container="x")
        self.assertEqual(caught.exception.status, 400)

    def test_9_selectors_and_unknown_objects(self):
        for selector in (f"{BACKEND},app!=x", "app in (backend-service)"):
            self.assertEqual(len(self.pods(selector)), 2)
        self.assertEqual(len(self.core.list_pod_for_all_namespaces().items), 3)
        self.assertEqual(self.core.list_namespaced_pod("default").items, [])
        name = self.pods(CLIENT)[0].metadata.name
        self.assertEqual(len(self.core.list_namespaced_pod(NS, field_selector=f"metadata.name={name}").items), 1)
        for status, ask in (
            (400, lambda: self.core.list_namespaced_pod(NS, label_selector="a b")),
            (400, lambda: self.core.list_namespaced_pod(NS, field_selector="spec.x=1")),
            (404, lambda: self.core.read_namespaced_pod("missing", NS)),
            (404, lambda: self.core.read_namespaced_pod(name, "default")),
            (404, lambda: self.core.list_node()),
            (422, lambda: self.patch(DEPLOYMENT, {"spec": {"paused": True}})),
            (405, lambda: self.core.delete_namespaced_service("client-service", NS)),
        ):
            with self.assertRaises(ApiException) as caught:
                ask()
            self.assertEqual(caught.exception.status, status)
            self.assertEqual(json.loads(caught.exception.body)["kind"], "Status")


if __name__ == "__main__":
    unittest.main()

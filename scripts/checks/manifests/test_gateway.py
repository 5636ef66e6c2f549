"""deploy/overlays/gateway and deploy/overlays/sidecar: the client in front of and beside services of one's own."""

import re
import tomllib

import pytest

from objects import GATEWAYS, ROOT, documented_defaults, kib, known_settings, manifests
from test_production import DNS
from test_settings import CALL_KIB, IDLE_KIB, PROCESS_KIB, REFUSED, REFUSED_KIB, STREAM_KIB
from test_workloads import CONTAINER_SECURITY, POD_SECURITY

NAMESPACES = {"gateway": "resilience-gateway", "sidecar": "application"}
DEPLOYMENTS = {"gateway": "gateway", "sidecar": "application"}
README = (ROOT / "deploy/README.md").read_text(encoding="utf-8")

# A body whose reader or writer has stalled takes at most this.
BODY_KIB = 1024

each_overlay = pytest.mark.parametrize("overlay", GATEWAYS)


def pod(overlay):
    return manifests(overlay).pod(DEPLOYMENTS[overlay])


def gateway(overlay):
    """The container that runs the client."""
    containers = pod(overlay).get("initContainers", []) + pod(overlay)["containers"]
    return next(one for one in containers if one["name"] == "gateway")


def given(overlay):
    return {variable["name"]: variable.get("value") for variable in gateway(overlay)["env"]}


@each_overlay
def test_all_objects_are_in_the_namespace_which_restricts_pods(overlay):
    for (kind, name), item in manifests(overlay).items():
        expected = None if kind == "Namespace" else NAMESPACES[overlay]
        assert item["metadata"].get("namespace") == expected, f"{kind} {name}"
        assert item["metadata"]["labels"]["app.kubernetes.io/part-of"] == NAMESPACES[overlay], f"{kind} {name}"
    labels = manifests(overlay).the("Namespace", NAMESPACES[overlay])["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@each_overlay
def test_pods_are_restricted(overlay):
    assert pod(overlay)["securityContext"] == POD_SECURITY
    assert pod(overlay)["automountServiceAccountToken"] is False
    for container in pod(overlay).get("initContainers", []) + pod(overlay)["containers"]:
        assert container["securityContext"] == CONTAINER_SECURITY
        assert container["image"].rpartition(":")[2] not in ("", "latest")


@each_overlay
def test_selectors_match_the_pods(overlay):
    name = DEPLOYMENTS[overlay]
    deployment = manifests(overlay).the("Deployment", name)["spec"]
    assert deployment["selector"] == {"matchLabels": {"app": name}}
    assert deployment["template"]["metadata"]["labels"]["app"] == name
    budget = manifests(overlay).the("PodDisruptionBudget", name)["spec"]
    assert (budget["selector"], budget["maxUnavailable"]) == ({"matchLabels": {"app": name}}, 1)
    for (kind, _), item in manifests(overlay).items():
        if kind == "Service":
            assert item["spec"]["selector"] == {"app": name}


# kubelet updates a directory of a ConfigMap, but no file that is mounted with subPath, and no name with a hash.
@each_overlay
def test_a_change_of_the_file_reaches_running_pods(overlay):
    mounts = gateway(overlay)["volumeMounts"]
    assert mounts == [{"name": "upstreams", "mountPath": "/etc/resilience", "readOnly": True}]
    assert pod(overlay)["volumes"] == [{"name": "upstreams", "configMap": {"name": "upstreams"}}]
    data = manifests(overlay).the("ConfigMap", "upstreams")["data"]
    assert given(overlay)["CONFIG"] == f"/etc/resilience/{next(iter(data))}"
    assert len(data) == 1


@each_overlay
def test_the_client_knows_each_setting(overlay):
    assert set(given(overlay)) <= known_settings("client-service") | {"HOST"}
    assert "WORKERS" in given(overlay)


@each_overlay
def test_memory_holds_calls_streams_bodies_and_connections(overlay):
    settings = documented_defaults() | given(overlay)
    calls, events = int(settings["MAX_CALLS"]), int(settings["MAX_EVENT_STREAMS"])
    idle = int(settings["MAX_CONNECTIONS"]) - calls - events
    assert idle >= 0
    needed = PROCESS_KIB + calls * CALL_KIB + events * STREAM_KIB + idle * IDLE_KIB + REFUSED * REFUSED_KIB
    needed += int(settings["MAX_STREAMS"]) * BODY_KIB + int(settings["REPLAY_BYTES"]) // 1024
    assert needed <= kib(gateway(overlay)["resources"]["limits"]["memory"])


@each_overlay
def test_grace_period_is_longer_than_the_shutdown(overlay):
    drain = gateway(overlay).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod(overlay)["terminationGracePeriodSeconds"] > drain + float(given(overlay)["SHUTDOWN_TIMEOUT"])


def test_the_gateway_is_probed_over_http_and_its_token_is_optional():
    container = gateway("gateway")
    for probe, path in (("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
    assert "HOST" not in given("gateway")
    token = next(one for one in container["env"] if one["name"] == "ADMIN_TOKEN")
    assert token["valueFrom"]["secretKeyRef"] == {"name": "admin-token", "key": "ADMIN_TOKEN", "optional": True}


# The kubelet cannot connect to 127.0.0.1 in the pod.
def test_the_sidecar_is_bound_to_loopback_and_asks_itself():
    container = gateway("sidecar")
    assert container["restartPolicy"] == "Always"
    assert given("sidecar")["HOST"] == "127.0.0.1"
    assert "ports" not in container
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["exec"] == {"command": ["/client-service", "healthcheck"]}
        # The command gives up after 2 s.
        assert container[probe]["timeoutSeconds"] > 2
    dockerfile = (ROOT / "client/Dockerfile").read_text(encoding="utf-8")
    assert 'CMD ["/client-service", "healthcheck"]' in dockerfile


@each_overlay
def test_policies_allow_each_upstream_and_nothing_else(overlay):
    policies = [item["spec"] for (kind, _), item in manifests(overlay).items() if kind == "NetworkPolicy"]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    allowed = [rule for policy in policies for rule in policy.get("egress", [])]
    assert [DNS] in [rule["to"] for rule in allowed]
    peers = {
        (peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
        for rule in allowed
        if rule["to"] != [DNS]
        for peer in rule["to"]
        for port in rule["ports"]
    }
    file = tomllib.loads(manifests(overlay).the("ConfigMap", "upstreams")["data"]["upstreams.toml"])
    urls = [re.fullmatch(r"http://[a-z]+\.([a-z]+):(\d+)", one["url"]) for one in file["upstreams"].values()]
    assert peers == {(url[1], int(url[2])) for url in urls}


@each_overlay
def test_readme_explains_the_overlay(overlay):
    assert f"kubectl apply -k deploy/overlays/{overlay}\n" in README

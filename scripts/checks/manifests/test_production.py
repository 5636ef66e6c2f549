"""deploy/overlays/production, and the generated settings that it has in common with the base."""

import re

import pytest

from objects import SERVICES, manifests

PRODUCTION = manifests("production")
CONFIG_MAPS = {"backend-service": "backend-config", "client-service": "client-config"}

each_service = pytest.mark.parametrize("name", SERVICES)


# The hash of the content in its name lets a change roll the pods.
@each_service
@pytest.mark.parametrize("lab", ["base", "production"])
def test_settings_come_from_a_required_config_map_with_a_hash(lab, name):
    objects = manifests(lab)
    sources = objects.container(name).get("envFrom", [])
    assert [sorted(source) for source in sources] == [["configMapRef"]]
    reference = sources[0]["configMapRef"]
    assert "optional" not in reference
    assert re.fullmatch(rf"{CONFIG_MAPS[name]}-[a-z0-9]{{10}}", reference.get("name", ""))
    assert objects.find("ConfigMap", reference["name"])


def test_client_service_is_a_load_balancer_with_source_ranges():
    service = PRODUCTION.the("Service", "client-service")["spec"]
    assert service["type"] == "LoadBalancer"
    assert "nodePort" not in service["ports"][0]
    assert service.get("loadBalancerSourceRanges"), "the load balancer is open to all"


@each_service
def test_image_has_a_fixed_tag(name):
    assert PRODUCTION.container(name)["image"].rpartition("/")[2].partition(":")[2] not in ("", "latest")


@each_service
def test_log_is_json(name):
    assert PRODUCTION.settings(name).get("LOG_FORMAT") == "json"


@each_service
def test_disruption_budget(name):
    assert PRODUCTION.find("PodDisruptionBudget", name)


# Both from one Secret. Without `optional`, pods do not start before it is there.
@each_service
def test_admin_token_comes_from_a_required_secret(name):
    sources = [
        variable.get("valueFrom", {}).get("secretKeyRef")
        for variable in PRODUCTION.container(name)["env"]
        if variable["name"] == "ADMIN_TOKEN"
    ]
    assert sources == [{"name": "admin-token", "key": "ADMIN_TOKEN"}]


def test_client_has_an_autoscaler():
    autoscaler = PRODUCTION.the("HorizontalPodAutoscaler", "client-service")["spec"]
    assert autoscaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "client-service"}
    assert 2 <= autoscaler["minReplicas"] <= autoscaler["maxReplicas"]


# It would undo the autoscaler's number at each apply.
def test_client_deployment_sets_no_replicas():
    assert "replicas" not in PRODUCTION.the("Deployment", "client-service")["spec"]


# ---- network policies ------------------------------------------------------------------------------------------------

POLICIES = [item["spec"] for (kind, _), item in PRODUCTION.items() if kind == "NetworkPolicy"]

# Peers that are not a service of the lab.
DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
PROMETHEUS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
}


def test_a_policy_denies_all_traffic_by_default():
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in POLICIES


def test_policies_allow_only_the_needed_connections():
    allowed = set()
    for policy in POLICIES:
        pods = peer_name(policy["podSelector"])
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy.get(direction, []):
                ports = {f"{port.get('protocol')} {port['port']}" for port in rule.get("ports", [])} or {"any port"}
                allowed |= {
                    (pods, direction, peer_name(peer), port) for peer in rule.get(peers) or [None] for port in ports
                }
    assert allowed == {
        ("client-service", "ingress", "any peer", "TCP 8000"),
        ("client-service", "egress", "backend-service", "TCP 5000"),
        ("client-service", "egress", "DNS", "UDP 53"),
        ("client-service", "egress", "DNS", "TCP 53"),
        ("backend-service", "ingress", "client-service", "TCP 5000"),
        ("backend-service", "ingress", "Prometheus", "TCP 5000"),
    }


def peer_name(peer):
    """A short name for a pod selector or a policy's peer; its own text for an unknown one."""
    if peer is None:
        return "any peer"
    if peer == DNS:
        return "DNS"
    if peer == PROMETHEUS:
        return "Prometheus"
    selector = peer["podSelector"] if list(peer) == ["podSelector"] else peer
    if list(selector) == ["matchLabels"] and list(selector["matchLabels"]) == ["app"]:
        return selector["matchLabels"]["app"]
    return str(peer)

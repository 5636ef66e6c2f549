"""Each service's Deployment, pod and Service: they fit each other, are restricted, and end without losing calls."""

import pytest

from objects import LABS, NAMESPACE, PORTS, SERVICES, kib, manifests

pytestmark = pytest.mark.parametrize(("lab", "name"), [(lab, name) for lab in LABS for name in SERVICES])

# The requirements of Pod Security `restricted`, and more.
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def deployment(lab, name):
    return manifests(lab).the("Deployment", name)


def service(lab, name):
    return manifests(lab).the("Service", name)


def pod(lab, name):
    return manifests(lab).pod(name)


def container(lab, name):
    return manifests(lab).container(name)


def test_pod_has_one_container_with_the_service_name(lab, name):
    assert [one["name"] for one in pod(lab, name)["containers"]] == [name]


def test_selectors_match_the_pods(lab, name):
    selector = {"app": name}
    assert deployment(lab, name)["spec"]["selector"] == {"matchLabels": selector}
    assert service(lab, name)["spec"]["selector"] == selector
    for constraint in pod(lab, name).get("topologySpreadConstraints", []):
        assert constraint["labelSelector"] == {"matchLabels": selector}


def test_disruption_budget_allows_one_unavailable_pod(lab, name):
    budget = manifests(lab).find("PodDisruptionBudget", name)
    if budget:
        assert budget["spec"]["selector"] == {"matchLabels": {"app": name}}
        assert budget["spec"].get("maxUnavailable") == 1


def test_labels(lab, name):
    expected = {
        "app": name,
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": name.removesuffix("-service"),
        "app.kubernetes.io/part-of": NAMESPACE,
    }
    template = deployment(lab, name)["spec"]["template"]
    for item in (template, deployment(lab, name), service(lab, name)):
        assert item["metadata"]["labels"] == expected


def test_pod_has_the_annotations_for_prometheus(lab, name):
    assert deployment(lab, name)["spec"]["template"]["metadata"].get("annotations") == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(PORTS[name]),
        "prometheus.io/path": "/metrics",
    }


def test_ports(lab, name):
    assert container(lab, name)["ports"] == [{"name": "http", "containerPort": PORTS[name]}]
    ports = service(lab, name)["spec"]["ports"]
    assert [(port["name"], port["targetPort"]) for port in ports] == [("http", "http")]


def test_image(lab, name):
    assert container(lab, name)["image"].rpartition("/")[2].partition(":")[0] == name
    assert container(lab, name)["imagePullPolicy"] == "IfNotPresent"


# The breaker's state is in the answer of /health, and never in its status.
@pytest.mark.parametrize(
    ("probe", "path"), [("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")]
)
def test_probes(lab, name, probe, path):
    assert container(lab, name).get(probe, {}).get("httpGet") == {"path": path, "port": "http"}


def test_pod_is_restricted(lab, name):
    assert pod(lab, name).get("securityContext") == POD_SECURITY
    assert container(lab, name).get("securityContext") == CONTAINER_SECURITY
    assert pod(lab, name).get("automountServiceAccountToken") is False
    assert pod(lab, name).get("enableServiceLinks") is False


def test_resources(lab, name):
    resources = container(lab, name)["resources"]
    assert sorted(resources["requests"]) == ["cpu", "memory"]
    assert sorted(resources["limits"]) == ["memory"]
    assert kib(resources["requests"]["memory"]) <= kib(resources["limits"]["memory"])


def test_grace_period_is_longer_than_the_drain_and_the_shutdown(lab, name):
    drain = container(lab, name).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert drain > 0, "there is no preStop sleep"
    shutdown = float(manifests(lab).settings(name)["SHUTDOWN_TIMEOUT"])
    assert pod(lab, name).get("terminationGracePeriodSeconds", 30) > drain + shutdown

"""deploy/base: applied as plain files and with kustomize, it deploys the same, with the documented defaults."""

import pytest

from objects import SERVICES, documented_defaults, manifests

BASE, PLAIN = manifests("base"), manifests("plain")

each_service = pytest.mark.parametrize("name", SERVICES)


def test_plain_files_have_every_object_except_config_maps():
    assert set(PLAIN) == {key for key in BASE if key[0] != "ConfigMap"}


@pytest.mark.parametrize("key", sorted(PLAIN), ids=" ".join)
def test_plain_files_have_the_same_objects(key):
    assert without_config_map(PLAIN[key]) == without_config_map(BASE[key])


@each_service
def test_plain_files_have_no_required_references(name):
    container = PLAIN.container(name)
    for source in container.get("envFrom", []):
        assert source.get("configMapRef", {}).get("optional") is True
    assert not [variable for variable in container.get("env", []) if "valueFrom" in variable]


def without_config_map(item):
    """The object without the reference to a ConfigMap, in which the two ways to deploy may differ."""
    if item["kind"] != "Deployment":
        return item
    template = item["spec"]["template"]
    containers = [
        {key: value for key, value in container.items() if key != "envFrom"}
        for container in template["spec"]["containers"]
    ]
    template = template | {"spec": template["spec"] | {"containers": containers}}
    return item | {"spec": item["spec"] | {"template": template}}


@pytest.mark.parametrize(("name", "replicas"), [("backend-service", 2), ("client-service", 1)])
def test_replicas(name, replicas):
    assert BASE.replicas(name) == replicas


def test_backend_service_has_a_cluster_ip():
    spec = BASE.the("Service", "backend-service")["spec"]
    assert (spec["type"], spec["ports"][0]["port"]) == ("ClusterIP", 5000)


# Each ready pod by itself, under the name and the port that the client looks for.
def test_headless_service_has_the_same_pods_and_ports():
    backend, headless = (BASE.the("Service", name)["spec"] for name in ("backend-service", "backend-headless"))
    assert headless["clusterIP"] == "None"
    assert headless.get("publishNotReadyAddresses") is None
    assert (headless["selector"], headless["ports"]) == (backend["selector"], backend["ports"])


def test_client_service_has_a_node_port():
    spec = BASE.the("Service", "client-service")["spec"]
    port = spec["ports"][0]
    assert (spec["type"], port["port"], port["nodePort"]) == ("NodePort", 8000, 30080)


@each_service
def test_image_has_the_tag_latest(name):
    assert BASE.container(name)["image"] == f"{name}:latest"


# So that `apply -k` and `apply -f` run the same settings.
@pytest.mark.parametrize(
    ("setting", "value"), [pair for name in SERVICES for pair in BASE.config_map_data(name).items()]
)
def test_settings_equal_the_documented_defaults(setting, value):
    default = documented_defaults().get(setting)
    assert value == default or is_same_number(value, default)


def is_same_number(value, default):
    """True for equal numbers in different notations, such as 0.30 and 0.3."""
    try:
        return float(value) == float(default)
    except (TypeError, ValueError):
        return False


def test_backend_is_spread_and_has_a_disruption_budget():
    assert BASE.find("PodDisruptionBudget", "backend-service")
    assert BASE.pod("backend-service").get("topologySpreadConstraints")


# A chaos experiment cuts the client's egress with a policy of its own. It must be the only one.
def test_there_is_no_network_policy():
    assert not [name for kind, name in BASE if kind == "NetworkPolicy"]

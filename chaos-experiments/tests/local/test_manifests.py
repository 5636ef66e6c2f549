import shutil

import pytest

from resilience_lab.local.config_maps import env_file
from resilience_lab.local.manifests import ManifestError, read
from resilience_lab.local.options import DEFAULT_MANIFESTS


@pytest.fixture(scope="module")
def lab():
    return read(DEFAULT_MANIFESTS)


@pytest.fixture(scope="module")
def deployments(lab):
    return {each.name: each for each in lab.deployments}


@pytest.fixture
def folder(tmp_path):
    """A copy of the manifests, to change one of them."""
    return shutil.copytree(DEFAULT_MANIFESTS, tmp_path / "base")


def change(folder, name, old, new):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_base_has_both_services(lab, deployments):
    assert lab.namespace == "lab3-resilience"
    backend, client = deployments["backend-service"], deployments["client-service"]
    assert (backend.replicas, backend.binary, backend.port) == (2, "backend-service", 5000)
    assert (client.replicas, client.binary, client.port) == (1, "client-service", 8000)


def test_variables_come_from_the_manifest_and_from_the_settings(lab, deployments):
    client = deployments["client-service"]
    assert client.variables["MAX_CALLS"] == "2000"
    (name,) = client.config_maps
    assert lab.config_maps[name]["BACKEND_URL"] == "http://backend-service:5000"


def test_probes_and_grace_period_come_from_the_manifest(deployments):
    backend = deployments["backend-service"]
    startup, readiness = backend.startup, backend.readiness
    assert (startup.path, startup.port, startup.period) == ("/health", 5000, 1)
    assert (readiness.path, readiness.port, readiness.period) == ("/ready", 5000, 5)
    assert (backend.grace_period, backend.pre_stop_sleep) == (45, 5)


def test_target_ports_are_resolved_to_numbers(lab):
    services = {each.name: each for each in lab.services}
    backend, client = services["backend-service"].ports[0], services["client-service"].ports[0]
    assert (backend.port, backend.target, backend.node_port) == (5000, 5000, None)
    assert (client.port, client.target, client.node_port) == (8000, 8000, 30080)


def test_a_changed_setting_changes_the_pod_template(folder):
    before = read(folder).deployments[0].template_hash
    change(folder, "backend.env", "FAILURE_RATE=0.3", "FAILURE_RATE=0.4")
    assert read(folder).deployments[0].template_hash != before


def test_a_missing_folder_is_an_error(folder):
    with pytest.raises(ManifestError, match="cannot read"):
        read(folder / "missing")


CONTAINERS = "      containers:"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("kustomization.yaml", "patches:", "images: []\npatches:", "'images' is not supported"),
        ("kustomization.yaml", "/configMapRef/optional", "/configMapRef/name", "patches are not supported"),
        ("backend-deployment.yaml", "kind: PodDisruptionBudget", "kind: CronJob", "CronJob is not supported"),
        (
            "client-deployment.yaml",
            'value: "2000"',
            "valueFrom: {fieldRef: {fieldPath: status.podIP}}",
            "MAX_CALLS must have a plain value",
        ),
        ("client-deployment.yaml", CONTAINERS, f"      initContainers: [{{name: x}}]\n{CONTAINERS}", "one container"),
        ("client.env", "BREAKER_FAIL_MAX=5", "BREAKER_FAIL_MAX", "is not NAME=VALUE"),
    ],
)
def test_unsupported_manifests_are_refused(folder, file, old, new, message):
    change(folder, file, old, new)
    with pytest.raises(ManifestError, match=message):
        read(folder)


def test_comments_and_empty_lines_of_env_files_are_skipped_and_values_kept():
    assert env_file("# a\n\nA=1\nB=x=y # z\nC=\n") == {"A": "1", "B": "x=y # z", "C": ""}

"""Each object matches Kubernetes' schemas, has its labels, and has the form that the API server stores."""

import re

import kubernetes_validate
import pytest

from objects import GATEWAYS, LABS, NAMESPACE, ROOT, manifests

# The oldest and the newest version that deploy/README.md names as supported.
KUBERNETES_VERSIONS = ("1.30", "1.37")

# Fields that the API server stores although they are false, 0 or empty. It drops all others.
STORED_IF_EMPTY = {
    "allowPrivilegeEscalation",
    "automountServiceAccountToken",
    "enableServiceLinks",
    "maxUnavailable",
    "namespaceSelector",
    "podSelector",
}
# Lists that `kubectl apply` compares as a whole, and the field of their items that the API server fills in.
FILLED_IN = {
    ("NetworkPolicy", "ports"): "protocol",
    ("ServiceMonitor", "relabelings"): "action",
    ("ServiceMonitor", "metricRelabelings"): "action",
}


def each_object(*names):
    """One test for each object of these manifests, with its kind, its name and itself."""
    return pytest.mark.parametrize(
        ("kind", "name", "item"),
        [
            pytest.param(kind, object_name, item, id=f"{name}-{kind}-{object_name}")
            for name in names
            for (kind, object_name), item in manifests(name).items()
        ],
    )


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_the_readme_names_the_version(version):
    assert version in (ROOT / "deploy/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@each_object(*LABS, *GATEWAYS)
def test_object_matches_the_schema(kind, name, item, version):
    kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("mode", ["enforce", "audit", "warn"])
@pytest.mark.parametrize("lab", LABS)
def test_the_namespace_restricts_pods(lab, mode):
    labels = manifests(lab).the("Namespace", NAMESPACE)["metadata"]["labels"]
    assert labels.get(f"pod-security.kubernetes.io/{mode}") == "restricted"


@each_object(*LABS)
def test_object_is_in_the_namespace(kind, name, item):
    assert item["metadata"].get("namespace") == (None if kind == "Namespace" else NAMESPACE)


@each_object(*LABS)
def test_object_has_the_part_of_label(kind, name, item):
    if kind != "ConfigMap":
        assert item["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") == NAMESPACE


@each_object(*LABS, *GATEWAYS)
def test_object_is_no_secret(kind, name, item):
    assert kind != "Secret", "a Secret does not belong in the repository"


# Otherwise each `kubectl apply` patches the object and says "configured".
@each_object(*LABS, *GATEWAYS, "monitoring")
def test_object_has_the_form_that_the_api_stores(kind, name, item):
    for path, value in fields(item):
        field, where = path[-1], ".".join(map(str, path))
        if value in (None, False, 0, "", [], {}) and path[0] != "data":
            assert field in STORED_IF_EMPTY, f"{where} is {value!r}, which the API server drops"
        if (kind, field) in FILLED_IN:
            missing = [entry for entry in value if FILLED_IN[kind, field] not in entry]
            assert not missing, f"{where}: the API server adds {FILLED_IN[kind, field]} to {missing}"
        if len(path) > 1 and path[-2] in ("requests", "limits"):
            assert is_canonical(value), f"{where} is {value!r}, which the API server writes otherwise"


def fields(item, path=()):
    """Each field and list entry below `item`, with its path."""
    for key, value in item.items() if isinstance(item, dict) else enumerate(item):
        yield (*path, key), value
        if isinstance(value, (dict, list)):
            yield from fields(value, (*path, key))


def is_canonical(quantity):
    match = re.fullmatch(r"([1-9]\d*)(m|k|M|G|T|Ki|Mi|Gi|Ti)?", quantity) if isinstance(quantity, str) else None
    return bool(match) and int(match[1]) % (1024 if (match[2] or "").endswith("i") else 1000) != 0


@pytest.mark.parametrize(
    ("quantity", "canonical"),
    [("50m", True), ("1536Mi", True), ("0.05", False), ("1000m", False), ("1024Mi", False), (1, False)],
)
def test_is_canonical(quantity, canonical):
    assert is_canonical(quantity) is canonical

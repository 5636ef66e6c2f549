import pytest

from resilience_lab.local.changes import patched
from resilience_lab.local.status import ApiError

DEPLOYMENT = {"metadata": {"name": "a"}, "spec": {"replicas": 2, "selector": {"x": "y"}}}
CONFIG_MAP = {"metadata": {"name": "b", "annotations": {"kept": "1"}}, "data": {"A": "1", "B": "2"}}


def test_replicas_and_annotations_of_a_deployment():
    new = patched("deployments", DEPLOYMENT, {"metadata": {"annotations": {"k": "v"}}, "spec": {"replicas": 0}})
    assert new["spec"] == {"replicas": 0, "selector": {"x": "y"}}
    assert new["metadata"] == {"name": "a", "annotations": {"k": "v"}}
    assert DEPLOYMENT["spec"]["replicas"] == 2


def test_null_removes_a_field():
    new = patched("configmaps", CONFIG_MAP, {"metadata": {"annotations": {"kept": None}}, "data": {"A": None}})
    assert (new["metadata"]["annotations"], new["data"]) == ({}, {"B": "2"})


@pytest.mark.parametrize(
    ("kind", "item", "patch"),
    [
        ("deployments", DEPLOYMENT, {"spec": {"selector": {"x": "z"}}}),
        ("deployments", DEPLOYMENT, {"spec": {"replicas": -1}}),
        ("deployments", DEPLOYMENT, {"spec": {"replicas": None}}),
        ("deployments", DEPLOYMENT, {"spec": {"replicas": True}}),
        ("deployments", DEPLOYMENT, {"metadata": {"annotations": {"k": 1}}}),
        ("deployments", DEPLOYMENT, []),
        ("configmaps", CONFIG_MAP, {"data": {"A": 1}}),
        ("configmaps", CONFIG_MAP, {"metadata": {"name": "c"}}),
    ],
)
def test_other_changes_are_refused(kind, item, patch):
    with pytest.raises(ApiError):
        patched(kind, item, patch)

import pytest
from pydantic import ValidationError

from resilience_lab.local.selectors import LabelSelector, SelectorError, field_matches, from_text

LABELS = {"app": "client-service", "tier": "front", "app.kubernetes.io/name": "client-service"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app=client-service",
        "app==client-service, tier=front",
        "app!=backend-service",
        "missing!=x",
        "app in (backend-service, client-service)",
        "app in (a,client-service),tier notin (back)",
        "missing notin (x)",
        "tier",
        "!missing",
        "app.kubernetes.io/name=client-service",
    ],
)
def test_selectors_that_match(text):
    assert from_text(text).matches(LABELS)


@pytest.mark.parametrize(
    "text",
    ["app=x", "app!=client-service", "missing=x", "missing", "!app", "app in (x)", "app=client-service,tier=x"],
)
def test_selectors_that_do_not_match(text):
    assert not from_text(text).matches(LABELS)


@pytest.mark.parametrize(
    "text", ["a b", "=x", "app=a=b", "app in x", "app in (a", "app,", "app=ä", "app>1", "name in (a b)"]
)
def test_invalid_selectors_are_refused(text):
    with pytest.raises(SelectorError):
        from_text(text)


def test_labels_and_expressions_must_all_match():
    selector = {
        "matchLabels": {"tier": "front"},
        "matchExpressions": [
            {"key": "app", "operator": "In", "values": ["client-service"]},
            {"key": "app", "operator": "NotIn", "values": ["x"]},
            {"key": "tier", "operator": "Exists"},
            {"key": "missing", "operator": "DoesNotExist"},
        ],
    }
    selector = LabelSelector.model_validate(selector)
    assert selector.matches(LABELS)
    assert not selector.matches({**LABELS, "missing": ""})
    assert not selector.matches({**LABELS, "tier": "back"})


def test_an_empty_selector_selects_everything():
    assert LabelSelector().matches({})


@pytest.mark.parametrize(
    "selector",
    [
        [],
        {"matchLabel": {}},
        {"matchLabels": {"a": 1}},
        {"matchExpressions": [{"key": "a", "operator": "Like", "values": ["x"]}]},
        {"matchExpressions": [{"key": "a", "operator": "In"}]},
        {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]},
        {"matchExpressions": {"key": "a"}},
    ],
)
def test_invalid_objects_are_refused(selector):
    with pytest.raises(ValidationError):
        LabelSelector.model_validate(selector)


KNOWN = ("metadata.name", "status.phase")
POD = {"metadata": {"name": "a"}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metadata.name=a", True),
        ("metadata.name==a,status.phase!=Pending", True),
        ("metadata.name!=a", False),
        ("status.phase=Pending", False),
    ],
)
def test_field_selectors_compare(text, expected):
    assert field_matches(text, POD, KNOWN) == expected


@pytest.mark.parametrize("text", ["spec.x=1", "metadata.name", "metadata.name>1"])
def test_unknown_fields_are_refused(text):
    with pytest.raises(SelectorError):
        field_matches(text, POD, KNOWN)

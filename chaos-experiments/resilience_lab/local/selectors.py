"""Label and field selectors, in both notations of Kubernetes: text (`app=a,tier in (b,c)`) and objects
(`matchLabels`, `matchExpressions`). Pure.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KEY = r"(?:[a-zA-Z0-9.-]+/)?[a-zA-Z0-9](?:[\w.-]*[a-zA-Z0-9])?"
VALUE = r"(?:[a-zA-Z0-9](?:[\w.-]*[a-zA-Z0-9])?)?"
_EQUALITY = re.compile(rf"({KEY})\s*(==|=|!=)\s*({VALUE})", re.ASCII)
_SET = re.compile(rf"({KEY})\s+(in|notin)\s*\(([^()]*)\)", re.ASCII)
_PRESENCE = re.compile(rf"(!?)\s*({KEY})", re.ASCII)
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


class SelectorError(ValueError):
    """A selector that is not understood; its text says which, and why."""


@dataclass(frozen=True)
class Requirement:
    """One condition on one label: `In`, `NotIn`, `Exists` or `DoesNotExist`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        if self.operator == "In":
            return labels.get(self.key) in self.values
        if self.operator == "NotIn":
            return labels.get(self.key) not in self.values
        return (self.key in labels) == (self.operator == "Exists")


Selector = tuple[Requirement, ...]


def matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether all requirements hold; an empty selector selects everything."""
    return all(requirement.holds(labels) for requirement in selector)


def from_text(text: str) -> Selector:
    """Reads the notation of `kubectl -l` and `?labelSelector=`."""
    return tuple(_requirement(part.strip()) for part in _split(text)) if text.strip() else ()


def _split(text: str) -> list[str]:
    """At commas, but not at those between parentheses."""
    return re.split(r",(?![^(]*\))", text)


def _requirement(text: str) -> Requirement:
    if found := _EQUALITY.fullmatch(text):
        return Requirement(found[1], "NotIn" if found[2] == "!=" else "In", (found[3],))
    if found := _SET.fullmatch(text):
        values = tuple(value.strip() for value in found[3].split(","))
        if all(re.fullmatch(VALUE, value, re.ASCII) for value in values):
            return Requirement(found[1], "In" if found[2] == "in" else "NotIn", values)
    elif found := _PRESENCE.fullmatch(text):
        return Requirement(found[2], "DoesNotExist" if found[1] else "Exists")
    raise SelectorError(f"unable to parse requirement: {text!r}")


def from_object(selector: Any) -> Selector:
    """Reads a LabelSelector object."""
    if not isinstance(selector, Mapping):
        raise SelectorError("a label selector must be an object")
    if unknown := sorted(set(selector) - {"matchLabels", "matchExpressions"}):
        raise SelectorError(f"unknown field {unknown[0]!r} in a label selector")
    labels = selector.get("matchLabels") or {}
    if not isinstance(labels, Mapping) or not all(isinstance(value, str) for value in labels.values()):
        raise SelectorError("matchLabels must map strings to strings")
    expressions = selector.get("matchExpressions") or []
    if not isinstance(expressions, Sequence) or isinstance(expressions, str):
        raise SelectorError("matchExpressions must be a list")
    equalities = tuple(Requirement(key, "In", (value,)) for key, value in labels.items())
    return equalities + tuple(_expression(expression) for expression in expressions)


def _expression(expression: Any) -> Requirement:
    if not isinstance(expression, Mapping) or set(expression) - {"key", "operator", "values"}:
        raise SelectorError("an entry of matchExpressions has key, operator and values")
    key, operator, values = expression.get("key"), expression.get("operator"), expression.get("values") or []
    if not isinstance(key, str) or not key:
        raise SelectorError("an entry of matchExpressions needs a key")
    if operator not in _OPERATORS:
        raise SelectorError(f"operator {operator!r} is not one of {', '.join(_OPERATORS)}")
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise SelectorError("values must be a list of strings")
    if bool(values) != (operator in ("In", "NotIn")):
        raise SelectorError(f"operator {operator} takes {'no' if values else 'at least one'} value")
    return Requirement(key, operator, tuple(values))


def field_matches(text: str, item: Mapping[str, Any], known: Sequence[str]) -> bool:
    """Whether an object has the fields that `?fieldSelector=` asks for; only those in `known` can be asked for."""
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"([\w.]+)(==|=|!=)([^=!]*)", part)
        if not found:
            raise SelectorError(f"invalid field selector: {part!r}")
        if found[1] not in known:
            raise SelectorError(f"field label not supported: {found[1]}")
        value: Any = item
        for step in found[1].split("."):
            value = value.get(step, "") if isinstance(value, Mapping) else ""
        if (str(value) == found[3]) == (found[2] == "!="):
            return False
    return True

"""Label and field selectors: as text (`app=a,tier in (b,c)`), and as objects (`matchLabels`, `matchExpressions`).

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

KEY = r"(?:[a-zA-Z0-9.-]+/)?[a-zA-Z0-9](?:[\w.-]*[a-zA-Z0-9])?"
VALUE = r"(?:[a-zA-Z0-9](?:[\w.-]*[a-zA-Z0-9])?)?"
_EQUALITY = re.compile(rf"({KEY})\s*(==|=|!=)\s*({VALUE})", re.ASCII)
_SET = re.compile(rf"({KEY})\s+(in|notin)\s*\(([^()]*)\)", re.ASCII)
_PRESENCE = re.compile(rf"(!?)\s*({KEY})", re.ASCII)


class SelectorError(ValueError):
    """An invalid selector; the text says which."""


class Strict(BaseModel):
    """A Kubernetes object: converts no types, refuses unknown fields, and takes null for an absent field."""

    model_config = ConfigDict(strict=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


class Requirement(Strict):
    """A condition on one label."""

    key: str = Field(min_length=1)
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] = []

    @model_validator(mode="after")
    def _values_fit_the_operator(self) -> "Requirement":
        if bool(self.values) != (self.operator in ("In", "NotIn")):
            raise ValueError(f"operator {self.operator} takes {'no' if self.values else 'at least one'} value")
        return self

    def holds(self, labels: Mapping[str, str]) -> bool:
        if self.operator == "In":
            return labels.get(self.key) in self.values
        if self.operator == "NotIn":
            return labels.get(self.key) not in self.values
        return (self.key in labels) == (self.operator == "Exists")


class LabelSelector(Strict):
    """Selects labels that meet all conditions; without conditions, all labels."""

    match_labels: dict[str, str] = Field({}, alias="matchLabels")
    match_expressions: list[Requirement] = Field([], alias="matchExpressions")

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self.match_labels.items() <= labels.items() and all(
            each.holds(labels) for each in self.match_expressions
        )


def from_text(text: str) -> LabelSelector:
    """Reads the notation of `kubectl -l` and `?labelSelector=`."""
    # At commas, but not at those between parentheses.
    parts = re.split(r",(?![^(]*\))", text) if text.strip() else []
    return LabelSelector(match_expressions=[_requirement(part.strip()) for part in parts])


def _requirement(text: str) -> Requirement:
    if found := _EQUALITY.fullmatch(text):
        return Requirement(key=found[1], operator="NotIn" if found[2] == "!=" else "In", values=[found[3]])
    if found := _SET.fullmatch(text):
        values = [value.strip() for value in found[3].split(",")]
        if all(re.fullmatch(VALUE, value, re.ASCII) for value in values):
            return Requirement(key=found[1], operator="In" if found[2] == "in" else "NotIn", values=values)
    elif found := _PRESENCE.fullmatch(text):
        return Requirement(key=found[2], operator="DoesNotExist" if found[1] else "Exists")
    raise SelectorError(f"unable to parse requirement: {text!r}")


def field_matches(text: str, item: Mapping[str, Any], known: Sequence[str]) -> bool:
    """True if an object has the values of `?fieldSelector=`. SelectorError for a field that is not in `known`."""
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

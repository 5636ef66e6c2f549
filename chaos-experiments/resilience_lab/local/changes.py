"""Applies the JSON merge patches (RFC 7386) that the API allows. Pure."""

from typing import Any

from .status import ApiError
from .store import Object

# By kind: the fields that a patch may change, besides the annotations.
CHANGEABLE = {"deployments": ("spec", "replicas"), "configmaps": ("data",)}
ANNOTATIONS = ("metadata", "annotations")


def patched(kind: str, item: Object, patch: Any) -> Object:
    """`item` with the patch; ApiError if the patch changes another field, or makes the object invalid."""
    new = merge_patch(item, patch)
    fields = (ANNOTATIONS, CHANGEABLE[kind])
    if not isinstance(patch, dict) or _without(new, *fields) != _without(item, *fields):
        names = " and ".join(".".join(field) for field in fields)
        raise ApiError(422, f"of {kind}, only {names} can be changed here")
    texts = [_at(new, ANNOTATIONS)]
    if kind == "configmaps":
        texts.append(_at(new, ("data",)))
    elif not _is_count(_at(new, CHANGEABLE[kind])):
        raise ApiError(422, "spec.replicas must be a whole number from 0")
    if not all(isinstance(text, dict) and all(isinstance(value, str) for value in text.values()) for text in texts):
        raise ApiError(400, f"the values of metadata.annotations and data of {kind} must be strings")
    return new


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def merge_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _at(item: Any, field: tuple[str, ...]) -> Any:
    for key in field:
        item = item.get(key, {}) if isinstance(item, dict) else {}
    return item


def _without(item: Any, *fields: tuple[str, ...]) -> Any:
    if not isinstance(item, dict):
        return item
    gone = {field[0] for field in fields if len(field) == 1}
    return {
        key: _without(value, *(field[1:] for field in fields if len(field) > 1 and field[0] == key))
        for key, value in item.items()
        if key not in gone
    }

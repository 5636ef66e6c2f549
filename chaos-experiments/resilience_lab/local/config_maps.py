"""The ConfigMaps that a kustomization generates."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class ConfigMapError(ValueError):
    """A generator is invalid, or not supported here."""


def generated(directory: Path, generator: Mapping[str, Any]) -> dict[str, str]:
    """The data of one entry of `configMapGenerator`."""
    if unknown := sorted(set(generator) - {"name", "envs"}):
        raise ConfigMapError(f"configMapGenerator {generator.get('name')}: {unknown[0]!r} is not supported here")
    settings: dict[str, str] = {}
    for name in generator.get("envs", []):
        path = directory / name
        try:
            settings |= env_file(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigMapError(f"cannot read {path}: {error}") from error
    return settings


def env_file(text: str) -> dict[str, str]:
    """Parses `NAME=VALUE` lines. Skips comments and empty lines."""
    settings = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.lstrip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or not name:
            raise ValueError(f"line {number} is not NAME=VALUE")
        settings[name] = value
    return settings

"""The lab's objects, as plain values: what `manifests` reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Probe:
    """A startup or readiness probe by HTTP; times in seconds."""

    path: str
    port: int
    period: float
    timeout: float
    failure_threshold: int


@dataclass(frozen=True)
class Deployment:
    """A Deployment with one container. Its environment has the ConfigMaps' settings first, then its own variables."""

    name: str
    replicas: int
    binary: str
    container: str
    port: int
    config_maps: tuple[str, ...]
    variables: Mapping[str, str]
    labels: Mapping[str, str]
    startup: Probe | None
    readiness: Probe
    grace_period: float
    pre_stop_sleep: float
    template_hash: str
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class ServicePort:
    """One port of a Service (TCP), with the target's name resolved."""

    port: int
    target: int
    node_port: int | None


@dataclass(frozen=True)
class Service:
    """A Service: with a virtual address, with a port on the node too, or headless (only a name for its pods)."""

    name: str
    headless: bool
    selector: Mapping[str, str]
    ports: tuple[ServicePort, ...]
    manifest: Mapping[str, Any]


@dataclass(frozen=True)
class Lab:
    """All objects of the lab."""

    namespace: str
    namespace_labels: Mapping[str, str]
    deployments: tuple[Deployment, ...]
    services: tuple[Service, ...]
    config_maps: Mapping[str, Mapping[str, str]]

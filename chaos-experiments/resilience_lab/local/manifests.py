"""Reads `deploy/base` into plain values.

It supports the manifests of this repository, not all of Kubernetes. Anything else that has an effect is an error that
names it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .config_maps import ConfigMapError, generated
from .lab import Deployment, Lab, Probe, Service, ServicePort

# Kinds without an effect here.
IGNORED_KINDS = {"PodDisruptionBudget"}
KUSTOMIZATION_KEYS = {"apiVersion", "kind", "namespace", "resources", "configMapGenerator", "patches"}
# The alphabet of the names that Kubernetes generates.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class ManifestError(ValueError):
    """The manifests are invalid, or not supported here."""


def read(directory: Path) -> Lab:
    """Reads a folder with a kustomization.yaml."""
    kustomization = _kustomization(directory)
    generators = kustomization.get("configMapGenerator", [])
    try:
        config_maps = {generator["name"]: generated(directory, generator) for generator in generators}
    except ConfigMapError as error:
        raise ManifestError(str(error)) from error
    by_kind: dict[str, list[Any]] = {"Namespace": [], "Deployment": [], "Service": []}
    for resource in kustomization.get("resources", []):
        for item in _documents(directory / resource):
            if item["kind"] in by_kind:
                by_kind[item["kind"]].append(item)
            elif item["kind"] not in IGNORED_KINDS:
                raise ManifestError(f"{directory / resource}: kind {item['kind']} is not supported here")
    if len(by_kind["Namespace"]) != 1:
        raise ManifestError(f"{directory}: expected one Namespace, found {len(by_kind['Namespace'])}")
    namespace = by_kind["Namespace"][0]["metadata"]
    deployments = tuple(_deployment(item, config_maps) for item in by_kind["Deployment"])
    services = tuple(_service(item, deployments) for item in by_kind["Service"])
    return Lab(namespace["name"], namespace.get("labels", {}), deployments, services, config_maps)


def _documents(path: Path) -> list[Any]:
    try:
        return [item for item in yaml.safe_load_all(path.read_text(encoding="utf-8")) if item]
    except (OSError, yaml.YAMLError) as error:
        raise ManifestError(f"cannot read {path}: {' '.join(str(error).split())}") from error


def _kustomization(directory: Path) -> Any:
    path = directory / "kustomization.yaml"
    kustomization = (_documents(path) or [{}])[0]
    if unknown := sorted(set(kustomization) - KUSTOMIZATION_KEYS):
        raise ManifestError(f"{path}: {unknown[0]!r} is not supported here")
    for patch in kustomization.get("patches", []):
        # The base has one patch: it makes the ConfigMaps required, which they always are here.
        operations = yaml.safe_load(patch.get("patch", ""))
        if not isinstance(operations, list) or any(
            operation.get("op") != "remove" or not operation.get("path", "").endswith("/configMapRef/optional")
            for operation in operations
        ):
            raise ManifestError(f"{path}: patches are not supported here, but for removing configMapRef/optional")
    return kustomization


def _deployment(item: Mapping[str, Any], config_maps: Mapping[str, Mapping[str, str]]) -> Deployment:
    name = item["metadata"]["name"]
    template = item["spec"]["template"]
    containers = template["spec"]["containers"]
    if len(containers) != 1 or template["spec"].get("initContainers"):
        raise ManifestError(f"Deployment {name}: one container, and no init containers, are supported here")
    container = containers[0]
    for key in ("command", "args"):
        if key in container:
            raise ManifestError(f"Deployment {name}: {key!r} is not supported here")
    if len(container.get("ports", [])) != 1:
        raise ManifestError(f"Deployment {name}: expected one container port")
    port = container["ports"][0]["containerPort"]
    sources = _config_maps(name, container, config_maps)
    text = json.dumps([template, [config_maps[source] for source in sources]], sort_keys=True)
    return Deployment(
        name=name,
        replicas=item["spec"].get("replicas", 1),
        # The name of the image is that of its binary: see the Dockerfiles.
        binary=re.sub(r"[:@].*", "", container["image"].rsplit("/", 1)[-1]),
        container=container["name"],
        port=port,
        config_maps=sources,
        variables=_variables(name, container),
        labels=template["metadata"]["labels"],
        startup=_probe(name, container, "startupProbe") if "startupProbe" in container else None,
        readiness=_probe(name, container, "readinessProbe"),
        grace_period=float(template["spec"].get("terminationGracePeriodSeconds", 30)),
        pre_stop_sleep=_pre_stop_sleep(name, container),
        template_hash=generated_name(int(hashlib.sha256(text.encode()).hexdigest(), 16), 10),
        manifest=item,
    )


def generated_name(number: int, length: int) -> str:
    """Letters from a number, as in generated names of Kubernetes."""
    letters = []
    for _ in range(length):
        number, index = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[index])
    return "".join(letters)


def _config_maps(name: str, container: Mapping[str, Any], known: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    sources = container.get("envFrom", [])
    names = tuple(source.get("configMapRef", {}).get("name") for source in sources)
    if any(set(source) != {"configMapRef"} for source in sources) or not set(names) <= set(known):
        raise ManifestError(f"Deployment {name}: envFrom must name a ConfigMap of the kustomization")
    return names


def _variables(name: str, container: Mapping[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for variable in container.get("env", []):
        if set(variable) != {"name", "value"} or "$(" in variable["value"]:
            raise ManifestError(f"Deployment {name}: variable {variable.get('name')} must have a plain value")
        variables[variable["name"]] = variable["value"]
    return variables


def _probe(name: str, container: Mapping[str, Any], key: str) -> Probe:
    probe = container.get(key, {})
    if "httpGet" not in probe:
        raise ManifestError(f"Deployment {name}: expected a {key} with httpGet")
    own, port = container["ports"][0], probe["httpGet"]["port"]
    return Probe(
        path=probe["httpGet"].get("path", "/"),
        port=own["containerPort"] if port == own.get("name") else int(port),
        period=probe.get("periodSeconds", 10),
        timeout=probe.get("timeoutSeconds", 1),
        failure_threshold=probe.get("failureThreshold", 3),
    )


def _pre_stop_sleep(name: str, container: Mapping[str, Any]) -> float:
    hook = container.get("lifecycle", {}).get("preStop")
    if hook is None:
        return 0.0
    if set(hook) != {"sleep"}:
        raise ManifestError(f"Deployment {name}: preStop can only sleep here")
    return float(hook["sleep"]["seconds"])


def _service(item: Mapping[str, Any], deployments: tuple[Deployment, ...]) -> Service:
    name, spec = item["metadata"]["name"], item["spec"]
    if spec.get("type", "ClusterIP") not in ("ClusterIP", "NodePort"):
        raise ManifestError(f"Service {name}: only ClusterIP and NodePort are supported here")
    behind = [each for each in deployments if spec["selector"].items() <= each.labels.items()]
    if len(behind) != 1:
        raise ManifestError(f"Service {name}: expected one Deployment behind it, found {len(behind)}")
    container_port = behind[0].manifest["spec"]["template"]["spec"]["containers"][0]["ports"][0]
    ports = []
    for port in spec["ports"]:
        target = port.get("targetPort", port["port"])
        if target == container_port.get("name"):
            target = container_port["containerPort"]
        if not isinstance(target, int) or port.get("protocol", "TCP") != "TCP":
            raise ManifestError(f"Service {name}: port {port['port']} must be TCP, and its target a port of the pod")
        if spec.get("type") == "NodePort" and "nodePort" not in port:
            raise ManifestError(f"Service {name}: port {port['port']} needs a nodePort")
        ports.append(ServicePort(port["port"], target, port.get("nodePort")))
    return Service(name, spec.get("clusterIP") == "None", spec["selector"], tuple(ports), item)

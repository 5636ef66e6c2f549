"""The manifests of deploy/ as Kubernetes objects, and the settings of the services that they run."""

import functools
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
NAMESPACE = "lab3-resilience"
PORTS = {"backend-service": 5000, "client-service": 8000}
SERVICES = tuple(PORTS)

# `kubectl apply -f` applies these one by one, in this order.
PLAIN_FILES = ("namespace.yaml", "backend-deployment.yaml", "client-deployment.yaml")
# `kubectl apply -k` applies what kustomize makes of these directories.
KUSTOMIZED = {
    "base": "deploy/base",
    "production": "deploy/overlays/production",
    "gateway": "deploy/overlays/gateway",
    "sidecar": "deploy/overlays/sidecar",
    "monitoring": "deploy/monitoring",
}
# The three ways to deploy the lab.
LABS = ("plain", "base", "production")
# The two ways to deploy the client as a gateway.
GATEWAYS = ("gateway", "sidecar")


class Objects(dict):
    """Kubernetes objects by kind and name."""

    def __init__(self, documents):
        super().__init__()
        for item in filter(None, yaml.safe_load_all(documents)):
            key = (item["kind"], item["metadata"]["name"])
            assert key not in self, f"{key[0]} {key[1]} is there twice"
            self[key] = item

    def find(self, kind, name):
        return self.get((kind, name))

    def the(self, kind, name):
        assert (kind, name) in self, f"there is no {kind} {name}"
        return self[kind, name]

    def pod(self, name):
        return self.the("Deployment", name)["spec"]["template"]["spec"]

    def container(self, name):
        return self.pod(name)["containers"][0]

    def replicas(self, name):
        return self.the("Deployment", name)["spec"].get("replicas", 1)

    def memory_limit(self, name):
        """In KiB."""
        return kib(self.container(name)["resources"]["limits"]["memory"])

    def config_map_data(self, name):
        data = {}
        for source in self.container(name).get("envFrom", []):
            config_map = self.find("ConfigMap", source.get("configMapRef", {}).get("name"))
            data |= config_map["data"] if config_map else {}
        return data

    def own_settings(self, name):
        """The settings in the Deployment itself; None for one that comes from a Secret."""
        return {variable["name"]: variable.get("value") for variable in self.container(name).get("env", [])}

    def settings(self, name):
        """All settings of a service, as its pods have them."""
        return documented_defaults() | self.config_map_data(name) | self.own_settings(name)


@functools.cache
def manifests(name):
    """The objects of one of LABS, of GATEWAYS, or of "monitoring"."""
    if name == "plain":
        texts = [(ROOT / "deploy/base" / file).read_text(encoding="utf-8") for file in PLAIN_FILES]
        return Objects("\n---\n".join(texts))
    command = ["kubectl", "kustomize", ROOT / KUSTOMIZED[name]]
    return Objects(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


@functools.cache
def known_settings(service):
    """The settings in the tables of docs/settings.md, which are generated from the code."""
    document = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    tables = re.findall(rf"<!-- settings of (?:both services|{service}) -->\n(.*?)<!-- /", document, re.DOTALL)
    return set(re.findall(r"^\| `([A-Z_]+)` \|", "".join(tables), re.MULTILINE))


@functools.cache
def documented_defaults():
    """Each setting's default from the tables in docs/settings.md; None where a row's cells do not match up."""
    defaults = {}
    document = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    for names, values in re.findall(r"^\| (`[A-Z_`, ]+`) \| ([^|]+) \|", document, re.MULTILINE):
        names = re.findall(r"[A-Z_]+", names)
        values = [value.strip() for value in values.split(",")]
        defaults |= dict(zip(names, values if len(names) == len(values) else [None] * len(names), strict=True))
    return defaults


def kib(quantity):
    """A quantity in KiB: 64Mi is 65536."""
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", quantity).groups()
    return int(number) * {"Ki": 1, "Mi": 1024, "Gi": 1024 * 1024}[unit]

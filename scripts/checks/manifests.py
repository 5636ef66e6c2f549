#!/usr/bin/env python3
"""Checks what no schema and no policy scan can: that the manifests in deploy/ fit each other, the services, and
the documentation.

Usage: scripts/checks/manifests.py BASE PRODUCTION MONITORING

They are what `kubectl kustomize` makes of deploy/base, deploy/overlays/production and deploy/monitoring. Prints one
line for each thing that is wrong; the exit status is 1 if there was any. Needs PyYAML.
"""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = "lab3-resilience"
PORTS = {"backend-service": 5000, "client-service": 8000}
CONFIG_MAPS = {"backend-service": "backend-config", "client-service": "client-config"}
# Applied one by one with `kubectl apply -f`, in this order.
PLAIN_FILES = ("namespace.yaml", "backend-deployment.yaml", "client-deployment.yaml")

# Measured with 1000 to 10 000 calls in flight, and 1000 readers of events, rounded up: memory of the process itself, of
# a call in the client, and of a request in the backend; of a stream, with all that the kernel keeps for it. All
# of them with their connection. Of one that asks for nothing any more, with 4000 open, and of one without a place.
PROCESS_KIB, CALL_KIB, REQUEST_KIB, STREAM_KIB, IDLE_KIB, REFUSED_KIB = 12 * 1024, 41, 21, 170, 21, 4
# Connections beyond MAX_CONNECTIONS that are screened or closing: twice MAX_SCREENED in
# actors/edge/src/process/file_descriptors.rs.
REFUSED = 2 * 512

# What Pod Security `restricted` asks for, and more.
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}

# Fields that the API server stores although they are false, 0 or empty. It drops all others.
STORED_IF_EMPTY = {
    "allowPrivilegeEscalation",
    "automountServiceAccountToken",
    "enableServiceLinks",
    "maxUnavailable",
    "podSelector",
}
# Lists that `kubectl apply` compares as a whole, and the field of their items that the API server fills in.
FILLED_IN = {
    ("NetworkPolicy", "ports"): "protocol",
    ("ServiceMonitor", "relabelings"): "action",
    ("ServiceMonitor", "metricRelabelings"): "action",
}


class Checks:
    """Counts what was expected, and says what was not so."""

    def __init__(self):
        self.count = 0
        self.failures = 0
        self.subject = ""

    def that(self, condition, message):
        self.count += 1
        if not condition:
            self.failures += 1
            print(f"{self.subject}: {message}")

    def equal(self, what, found, expected):
        self.that(found == expected, f"{what} is {found!r}, expected {expected!r}")


def main():
    if len(sys.argv) != 4 or sys.argv[1].startswith("-"):
        print(__doc__.strip())
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    base, production, monitoring = (Objects(Path(path)) for path in sys.argv[1:])
    plain = Objects(*(ROOT / "deploy/base" / name for name in PLAIN_FILES))
    checks = Checks()

    for name, objects in (("plain files", plain), ("base", base), ("production", production)):
        checks.subject = name
        check_names_and_labels(checks, objects)
        for service in PORTS:
            checks.subject = f"{name}, {service}"
            check_workload(checks, objects, service)
            check_settings(checks, objects, service)
        checks.subject = name
        check_capacity(checks, objects)
    for name, objects in (
        ("plain files", plain),
        ("base", base),
        ("production", production),
        ("monitoring", monitoring),
    ):
        checks.subject = name
        check_what_is_stored(checks, objects)

    checks.subject = "plain files"
    check_plain_files(checks, plain, base)
    checks.subject = "base"
    check_base(checks, base)
    checks.subject = "production"
    check_production(checks, production)
    checks.subject = "deploy/README.md"
    check_document(checks, base, production)
    checks.subject = "scripts/deploy.sh"
    check_kinds_to_look_for(checks, base, production)

    print(f"{checks.count} checks, {checks.failures} failed")
    sys.exit(1 if checks.failures else 0)


# ---- what holds everywhere -------------------------------------------------------------------------------------------


def check_names_and_labels(checks, objects):
    namespace = objects.the("Namespace", NAMESPACE)
    for mode in ("enforce", "audit", "warn"):
        label = f"pod-security.kubernetes.io/{mode}"
        checks.equal(label, namespace["metadata"]["labels"].get(label), "restricted")
    for (kind, name), item in objects.items():
        labels = item["metadata"].get("labels", {})
        if kind != "Namespace":
            checks.equal(f"the namespace of {kind} {name}", item["metadata"].get("namespace"), NAMESPACE)
        if kind != "ConfigMap":
            label = "app.kubernetes.io/part-of"
            checks.equal(f"{label} of {kind} {name}", labels.get(label), NAMESPACE)
        checks.that(kind != "Secret", f"Secret {name} does not belong in the repository")


def check_workload(checks, objects, name):
    deployment = objects.the("Deployment", name)
    service = objects.the("Service", name)
    template = deployment["spec"]["template"]
    pod = template["spec"]
    container = pod["containers"][0]
    labels = template["metadata"]["labels"]
    selector = {"app": name}

    checks.equal("the number of containers", len(pod["containers"]), 1)
    checks.equal("the Deployment's selector", deployment["spec"]["selector"], {"matchLabels": selector})
    checks.equal("the Service's selector", service["spec"]["selector"], selector)
    expected = {
        "app": name,
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/component": name.removesuffix("-service"),
        "app.kubernetes.io/part-of": NAMESPACE,
    }
    checks.equal("the labels of the pods", labels, expected)
    # What deploy/monitoring/prometheus.yaml scrapes.
    checks.equal(
        "the annotations of the pods",
        template["metadata"].get("annotations"),
        {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORTS[name]), "prometheus.io/path": "/metrics"},
    )
    checks.equal("the labels of the Deployment", deployment["metadata"]["labels"], expected)
    checks.equal("the labels of the Service", service["metadata"]["labels"], expected)
    for constraint in pod.get("topologySpreadConstraints", []):
        checks.equal("a topology spread's selector", constraint["labelSelector"], {"matchLabels": selector})
    budget = objects.find("PodDisruptionBudget", name)
    if budget:
        checks.equal("the disruption budget's selector", budget["spec"]["selector"], {"matchLabels": selector})
        checks.equal("the disruption budget", budget["spec"].get("maxUnavailable"), 1)

    checks.equal("the container's name", container["name"], name)
    checks.equal("the container's ports", container["ports"], [{"name": "http", "containerPort": PORTS[name]}])
    checks.equal(
        "the Service's ports",
        [(port["name"], port["targetPort"]) for port in service["spec"]["ports"]],
        [("http", "http")],
    )
    checks.equal("the image's repository", container["image"].rpartition("/")[2].partition(":")[0], name)
    checks.equal("the pull policy", container["imagePullPolicy"], "IfNotPresent")

    # The breaker's state is in the answer of /health, and never in its status.
    for probe, path in (("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")):
        checks.equal(probe, container.get(probe, {}).get("httpGet"), {"path": path, "port": "http"})

    checks.equal("the pod's security context", pod.get("securityContext"), POD_SECURITY)
    checks.equal("the container's security context", container.get("securityContext"), CONTAINER_SECURITY)
    checks.equal("automountServiceAccountToken", pod.get("automountServiceAccountToken"), False)
    checks.equal("enableServiceLinks", pod.get("enableServiceLinks"), False)

    resources = container["resources"]
    checks.equal("what is requested", sorted(resources["requests"]), ["cpu", "memory"])
    checks.equal("what is limited", sorted(resources["limits"]), ["memory"])
    checks.that(
        kib(resources["requests"]["memory"]) <= kib(resources["limits"]["memory"]),
        "more memory is requested than allowed",
    )

    drain = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    checks.that(drain > 0, "there is no preStop sleep")
    shutdown = float(objects.settings(name)["SHUTDOWN_TIMEOUT"])
    grace = pod.get("terminationGracePeriodSeconds", 30)
    checks.that(
        grace > drain + shutdown,
        f"terminationGracePeriodSeconds={grace} is not longer than preStop={drain} and "
        f"SHUTDOWN_TIMEOUT={shutdown:g} together",
    )


def check_settings(checks, objects, name):
    container = objects.container(name)
    own = [variable["name"] for variable in container.get("env", [])]
    mapped = list(objects.config_map_data(name))
    known = known_settings(name)
    for setting in own + mapped:
        checks.that(setting in known, f"the service knows no setting {setting}")
    both = sorted(set(own) & set(mapped))
    checks.that(not both, f"set twice, in the Deployment and in its settings: {both}")
    # Where it listens is what ports, probes and Services were written for.
    for setting in ("HOST", "PORT"):
        checks.that(setting not in own + mapped, f"{setting} must stay at its default")
    # Bounds what a pod without CPU limit can use; the default would be all of the node's cores.
    checks.that("WORKERS" in own, "WORKERS is not set")


def check_capacity(checks, objects):
    """All calls that the clients may have in flight, and all connections, must fit their memory, and the backends'."""
    client, backend = (
        objects.container(name)["resources"]["limits"]["memory"] for name in ("client-service", "backend-service")
    )
    settings = objects.settings("client-service")
    calls, streams = int(settings["MAX_CALLS"]), int(settings["MAX_EVENT_STREAMS"])
    places = int(settings["MAX_CONNECTIONS"])
    idle = places - calls - streams
    checks.that(
        idle >= 0,
        f"MAX_CONNECTIONS={places} leaves no place for MAX_CALLS={calls} and MAX_EVENT_STREAMS={streams} in a client",
    )
    refused = REFUSED * REFUSED_KIB
    needed = PROCESS_KIB + calls * CALL_KIB + streams * STREAM_KIB + idle * IDLE_KIB + refused
    checks.that(
        needed <= kib(client),
        f"MAX_CALLS={calls}, MAX_EVENT_STREAMS={streams} and MAX_CONNECTIONS={places} need {needed} KiB in a client, "
        f"its limit is {client}",
    )
    autoscaler = objects.find("HorizontalPodAutoscaler", "client-service")
    clients = autoscaler["spec"]["maxReplicas"] if autoscaler else objects.replicas("client-service")
    backends = max(1, objects.replicas("backend-service") - 1)
    places = int(objects.settings("backend-service")["MAX_CONNECTIONS"])
    checks.that(
        calls * clients // backends <= places,
        f"{clients} x MAX_CALLS={calls} find no place in each of {backends} backends with MAX_CONNECTIONS={places}",
    )
    needed = PROCESS_KIB + places * REQUEST_KIB + refused
    checks.that(
        needed <= kib(backend),
        f"MAX_CONNECTIONS={places} need {needed} KiB in a backend, its limit is {backend}",
    )


def check_what_is_stored(checks, objects):
    """What the API server stores is what is written, or each `kubectl apply` patches it and says "configured"."""
    for (kind, name), item in objects.items():
        for path, value in values(item):
            field = path[-1]
            subject = f"{kind} {name}: {'.'.join(map(str, path))}"
            if value in (None, False, 0, "", [], {}) and path[0] != "data":
                checks.that(field in STORED_IF_EMPTY, f"{subject} is {value!r}, which the API server drops")
            for entry in value if (kind, field) in FILLED_IN else []:
                key = FILLED_IN[kind, field]
                checks.that(key in entry, f"{subject}: {entry} has no {key}; the API server gives it one")
            if len(path) > 1 and path[-2] in ("requests", "limits"):
                checks.that(is_canonical(value), f"{subject} is {value!r}, which the API server writes otherwise")


def values(item, path=()):
    """Each field and list entry below `item`, with its path."""
    for key, value in item.items() if isinstance(item, dict) else enumerate(item):
        yield (*path, key), value
        if isinstance(value, (dict, list)):
            yield from values(value, (*path, key))


def is_canonical(quantity):
    """50m and 1536Mi are; 0.05, 1000m and 1024Mi are not, nor is a number without quotes."""
    match = re.fullmatch(r"([1-9]\d*)(m|k|M|G|T|Ki|Mi|Gi|Ti)?", quantity) if isinstance(quantity, str) else None
    return bool(match) and int(match[1]) % (1024 if (match[2] or "").endswith("i") else 1000) != 0


# ---- each way to deploy ----------------------------------------------------------------------------------------------


def check_plain_files(checks, plain, base):
    """`kubectl apply -f` and `kubectl apply -k` deploy the same, but for the ConfigMaps."""
    generated = {key for key in base if key[0] == "ConfigMap"}
    checks.equal("what kustomization.yaml leaves out or adds", set(base) - generated ^ set(plain), set())
    for key in plain:
        if key in base:
            one, other = (without_config_map(objects[key]) for objects in (plain, base))
            checks.that(one == other, f"{key[0]} {key[1]} differs from what kustomization.yaml makes of it")
    for name in PORTS:
        container = plain.container(name)
        for source in container.get("envFrom", []):
            checks.that(
                source.get("configMapRef", {}).get("optional") is True,
                f"{name} needs {source}, which the plain files do not have",
            )
        checks.that(
            not any("valueFrom" in variable for variable in container.get("env", [])),
            f"{name} needs a variable from elsewhere, which the plain files do not have",
        )


def check_base(checks, base):
    checks.equal("the number of backends", base.replicas("backend-service"), 2)
    checks.equal("the number of clients", base.replicas("client-service"), 1)
    backend, client = (base.the("Service", name)["spec"] for name in ("backend-service", "client-service"))
    checks.equal("the backend's Service", (backend["type"], backend["ports"][0]["port"]), ("ClusterIP", 5000))
    # Every pod that answers, by itself, under the name and the port that the client looks for.
    headless = base.the("Service", "backend-headless")["spec"]
    checks.equal(
        "the headless Service",
        (headless["clusterIP"], headless.get("publishNotReadyAddresses"), headless["selector"], headless["ports"]),
        ("None", None, backend["selector"], backend["ports"]),
    )
    checks.equal(
        "the client's Service",
        (client["type"], client["ports"][0]["port"], client["ports"][0]["nodePort"]),
        ("NodePort", 8000, 30080),
    )
    for name in PORTS:
        checks.equal("the image", base.container(name)["image"], f"{name}:latest")
        check_config_map(checks, base, name)
        # What `apply -k` says must be what `apply -f` does.
        defaults = documented_defaults()
        for setting, value in base.config_map_data(name).items():
            checks.that(
                same(value, defaults.get(setting)),
                f"{setting}={value} of {name} is not the documented default {defaults.get(setting)}",
            )
    checks.that(base.find("PodDisruptionBudget", "backend-service"), "the backend has no disruption budget")
    checks.that(base.pod("backend-service").get("topologySpreadConstraints"), "the backend has no topology spread")
    # A chaos experiment cuts the client's egress with a policy of its own: it must be the only one.
    policies = [name for kind, name in base if kind == "NetworkPolicy"]
    checks.equal("the network policies", policies, [])


def check_production(checks, production):
    service = production.the("Service", "client-service")["spec"]
    checks.equal("the client's Service", service["type"], "LoadBalancer")
    checks.that("nodePort" not in service["ports"][0], "the client's Service still asks for a node port of its own")
    checks.that(service.get("loadBalancerSourceRanges"), "the load balancer lets everybody in")

    tokens = []
    for name in PORTS:
        container = production.container(name)
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        checks.that(tag not in ("", "latest"), f"the image {container['image']} has no fixed tag")
        check_config_map(checks, production, name)
        checks.equal(f"LOG_FORMAT of {name}", production.settings(name).get("LOG_FORMAT"), "json")
        checks.that(production.find("PodDisruptionBudget", name), f"{name} has no disruption budget")
        tokens.append(
            [
                variable.get("valueFrom", {}).get("secretKeyRef")
                for variable in container["env"]
                if variable["name"] == "ADMIN_TOKEN"
            ]
        )
    # One Secret for both; without `optional`, pods do not start before it is there.
    checks.equal("where the admin token is from", tokens, [[{"name": "admin-token", "key": "ADMIN_TOKEN"}]] * 2)

    autoscaler = production.the("HorizontalPodAutoscaler", "client-service")["spec"]
    checks.equal(
        "what is scaled",
        autoscaler["scaleTargetRef"],
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": "client-service"},
    )
    checks.that(2 <= autoscaler["minReplicas"] <= autoscaler["maxReplicas"], "the autoscaler's range")
    checks.that(
        "replicas" not in production.the("Deployment", "client-service")["spec"],
        "a number of clients in the Deployment undoes the autoscaler's at each apply",
    )
    check_network_policies(checks, production)


def check_config_map(checks, objects, name):
    """A required ConfigMap whose name has the hash of its content: a change rolls the pods."""
    sources = objects.container(name).get("envFrom", [])
    checks.equal(f"where {name} has its settings from", [sorted(source) for source in sources], [["configMapRef"]])
    reference = sources[0].get("configMapRef", {}) if sources else {}
    checks.that("optional" not in reference, f"{name} starts without its settings")
    checks.that(
        re.fullmatch(rf"{CONFIG_MAPS[name]}-[a-z0-9]{{10}}", reference.get("name", "")),
        f"{name} has its settings from {reference.get('name')}, whose name has no hash",
    )
    checks.that(objects.find("ConfigMap", reference.get("name")), f"there is no ConfigMap {reference.get('name')}")


def check_network_policies(checks, production):
    """Every pair that may talk, and nothing else."""
    policies = [item["spec"] for (kind, _), item in production.items() if kind == "NetworkPolicy"]
    checks.that(
        {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies,
        "nothing denies what no policy allows, both ways",
    )
    allowed = set()
    for policy in policies:
        pods = app_of(policy["podSelector"])
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in policy.get(direction, []):
                ports = {f"{port.get('protocol')} {port['port']}" for port in rule.get("ports", [])} or {"any port"}
                allowed |= {
                    (pods, direction, app_of(peer), port) for peer in rule.get(peers) or [None] for port in ports
                }
    expected = {
        ("client-service", "ingress", "anybody", "TCP 8000"),
        ("client-service", "egress", "backend-service", "TCP 5000"),
        ("client-service", "egress", "DNS", "UDP 53"),
        ("client-service", "egress", "DNS", "TCP 53"),
        ("backend-service", "ingress", "client-service", "TCP 5000"),
        ("backend-service", "ingress", "Prometheus", "TCP 5000"),
    }
    for rule in sorted(allowed - expected):
        checks.that(False, f"allowed without need: {rule}")
    for rule in sorted(expected - allowed):
        checks.that(False, f"needed and not allowed: {rule}")


def app_of(peer):
    """Whom a pod selector or a policy's peer means: an app of ours, DNS, Prometheus, anybody, or else its own words."""
    dns = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    prometheus = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
    }
    if peer is None:
        return "anybody"
    if peer == dns:
        return "DNS"
    if peer == prometheus:
        return "Prometheus"
    selector = peer["podSelector"] if list(peer) == ["podSelector"] else peer
    if list(selector) == ["matchLabels"] and list(selector["matchLabels"]) == ["app"]:
        return selector["matchLabels"]["app"]
    return str(peer)


# ---- what is said about them -----------------------------------------------------------------------------------------


def check_document(checks, base, production):
    """deploy/README.md lists each object of the base, says where each setting is, and has the manifests' numbers."""
    document = (ROOT / "deploy/README.md").read_text(encoding="utf-8")

    section = document.partition("\n## What is there\n")[2].partition("\n## ")[0]
    listed = {
        (kind.removesuffix("s"), name)
        for kind, names in re.findall(r"^\| ([A-Z]\w+) (`[^|]*`)", section, re.MULTILINE)
        for name in re.findall(r"`([^`]+)`", names)
    }
    there = {(kind, re.sub("-[a-z0-9]{10}$", "-*", name) if kind == "ConfigMap" else name) for kind, name in base}
    for kind, name in sorted(there ^ listed):
        checks.that(False, f"{kind} {name} is {'not listed' if (kind, name) in there else 'listed and not there'}")

    in_deployments = {variable["name"] for name in PORTS for variable in base.container(name)["env"]}
    in_files = {setting for name in PORTS for setting in base.config_map_data(name)}
    known = {setting for name in PORTS for setting in known_settings(name)}
    section = document.partition("\n## Changing a setting\n")[2].partition("\n```")[0]
    for place, expected in (
        ("are in the Deployments", in_deployments),
        ("stay as they are", {"HOST", "PORT"}),
        ("are not set", known - in_deployments - in_files - {"HOST", "PORT"}),
    ):
        said = re.search(rf"((?:`[A-Z_]+`(?:,|\s+and)?\s+)+){place}", section)
        checks.equal(f"what {place!r}", sorted(re.findall("[A-Z_]+", said[1]) if said else []), sorted(expected))

    def number(objects, name, setting):
        return objects.settings(name)[setting]

    def limit(objects, name):
        return kib(objects.container(name)["resources"]["limits"]["memory"]) // 1024

    client, backend = "client-service", "backend-service"
    scaled = production.the("HorizontalPodAutoscaler", client)["spec"]
    share = scaled["metrics"][0]["resource"]["target"]["averageUtilization"]
    tag = production.container(client)["image"].rpartition(":")[2]
    words = " ".join(document.split())
    for said in (
        f"the base has {number(base, client, 'MAX_CALLS')} in {limit(base, client)} MiB, "
        f"production {number(production, client, 'MAX_CALLS')}.",
        f"the base has `MAX_CONNECTIONS` = {number(base, client, 'MAX_CONNECTIONS')} for the client and "
        f"{number(base, backend, 'MAX_CONNECTIONS')} in {limit(base, backend)} MiB for each backend, "
        f"production {number(production, backend, 'MAX_CONNECTIONS')} in {limit(production, backend)} MiB",
        f"`WORKERS={number(base, client, 'WORKERS')}`",
        f"| Deployment `{backend}`, {base.replicas(backend)} replicas |",
        f"{scaled['minReplicas']} to {scaled['maxReplicas']} clients at {share} % of the CPU request",
        f" IMAGE_TAG={tag} scripts/build-images.sh ",
        f"| {production.replicas(backend)} replicas; all fault rates 0",
        f"answers within {number(production, client, 'CALL_DEADLINE')} s (`CALL_DEADLINE`), "
        f"{number(production, client, 'RETRY_MAX_ATTEMPTS')} attempts",
    ):
        checks.that(said in words, f"does not say what the manifests do: {said!r}")


def check_kinds_to_look_for(checks, base, production):
    """deploy.sh finds what another overlay has left, of each kind but ConfigMaps, which are kept on purpose."""
    script = (ROOT / "scripts/deploy.sh").read_text(encoding="utf-8")
    kinds = re.search(r"^readonly kinds=([a-z,]+)$", script, re.MULTILINE)[1].split(",")
    there = {kind.lower() for kind, _ in base | production} - {"namespace", "configmap"}
    checks.equal("what it looks for", sorted(kinds), sorted(there))


# ---- reading ---------------------------------------------------------------------------------------------------------


class Objects(dict):
    """Kubernetes objects by kind and name."""

    def __init__(self, *paths):
        super().__init__()
        for path in paths:
            for item in filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8"))):
                key = (item["kind"], item["metadata"]["name"])
                if key in self:
                    sys.exit(f"{path}: {key[0]} {key[1]} is there twice")
                self[key] = item

    def find(self, kind, name):
        return self.get((kind, name))

    def the(self, kind, name):
        return self.find(kind, name) or sys.exit(f"there is no {kind} {name}")

    def pod(self, name):
        return self.the("Deployment", name)["spec"]["template"]["spec"]

    def container(self, name):
        return self.pod(name)["containers"][0]

    def replicas(self, name):
        return self.the("Deployment", name)["spec"].get("replicas", 1)

    def config_map_data(self, name):
        data = {}
        for source in self.container(name).get("envFrom", []):
            config_map = self.find("ConfigMap", source.get("configMapRef", {}).get("name"))
            data |= config_map["data"] if config_map else {}
        return data

    def settings(self, name):
        """All settings of a service, as its pods have them."""
        own = {variable["name"]: variable.get("value") for variable in self.container(name).get("env", [])}
        return documented_defaults() | self.config_map_data(name) | own


def known_settings(service):
    """The settings that the service's sources read."""
    crate = ROOT / service.removesuffix("-service") / "src"
    names = set()
    for path in (
        crate / "config.rs",
        *crate.glob("config/*.rs"),
        ROOT / "actors/edge/src/config/common_settings.rs",
    ):
        source = path.read_text(encoding="utf-8").partition("#[cfg(test)]")[0]
        names |= set(re.findall(r'settings\s*\.\w+\(\s*"([A-Z_]+)"', source))
    return names


def documented_defaults():
    """Each setting's default from the tables in docs/settings.md; None where a row's cells do not match up."""
    defaults = {}
    document = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    for names, values in re.findall(r"^\| (`[A-Z_`, ]+`) \| ([^|]+) \|", document, re.MULTILINE):
        names = re.findall(r"[A-Z_]+", names)
        values = [value.strip() for value in values.split(",")]
        defaults |= dict(zip(names, values if len(names) == len(values) else [None] * len(names), strict=True))
    return defaults


def same(value, default):
    """0.30 is 0.3."""
    try:
        return float(value) == float(default)
    except (TypeError, ValueError):
        return value == default


def without_config_map(item):
    """The object, less the two things in which the two ways to deploy may differ."""
    if item["kind"] != "Deployment":
        return item
    pod = item["spec"]["template"]["spec"]
    containers = [
        {key: value for key, value in container.items() if key != "envFrom"} for container in pod["containers"]
    ]
    template = item["spec"]["template"] | {"spec": pod | {"containers": containers}}
    return item | {"spec": item["spec"] | {"template": template}}


def kib(quantity):
    """64Mi is 65536."""
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", quantity).groups()
    return int(number) * {"Ki": 1, "Mi": 1024, "Gi": 1024 * 1024}[unit]


if __name__ == "__main__":
    main()

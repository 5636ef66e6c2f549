"""A Prometheus with the configuration and the rules of deploy/monitoring, and queries to it."""

import time
from urllib.parse import urlencode

import rules
import yaml

from harness import http
from resilience_lab.waiting import wait_for

NAMESPACE, GATEWAY_NAMESPACE = "lab3-resilience", "resilience-gateway"
ROOT = rules.MONITORING.parents[1]
DEPLOYMENTS = {
    "backend": "deploy/base/backend-deployment.yaml",
    "client": "deploy/base/client-deployment.yaml",
    "gateway": "deploy/overlays/gateway/gateway.yaml",
}


class Prometheus:
    """Scrapes a backend, a client and a gateway. `began` is the time of its start, in seconds since 1970."""

    def __init__(self, processes, directory, ports):
        """`ports` are those of the services, by the names in DEPLOYMENTS."""
        write_configuration(directory, ports)
        port = processes.free_port()
        options = ["--config.file", directory / "prometheus.yaml", "--storage.tsdb.path", directory / "data"]
        options += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
        self._process = processes.start("prometheus", ["prometheus", *options], port)
        self._process.await_answer("/-/ready")
        self.began = time.time()

    def ask(self, path, **fields):
        """Sends a request to the API. Returns the data of the answer."""
        answer = http.get(self._process.url(f"/api/v1/{path}?{urlencode(fields)}"), seconds=20)
        assert answer["status"] == "success", f"{fields}: {answer['error']}"
        return answer["data"]

    def now(self, query):
        return self.ask("query", query=query)["result"]

    def over_time(self, query, since=None):
        """The result over the time since `since`, or since the start of Prometheus."""
        fields = {"start": since or self.began, "end": time.time(), "step": 0.5}
        return self.ask("query_range", query=query, **fields)["result"]

    def value(self, query):
        """The current value of the first series; None if there is none."""
        found = self.now(query)
        return float(found[0]["value"][1]) if found else None

    def is_firing(self, alert):
        return bool(self.now(f'ALERTS{{alertname="Played{alert}",alertstate="firing"}}'))

    def await_alert(self, alert, seconds=40):
        """Checks that the alert fires in time, and that its texts have no missing value."""
        assert wait_for(lambda: self.is_firing(alert), seconds), f"{alert} does not fire within {seconds} s"
        groups = self.ask("rules", type="alert")["groups"]
        (rule,) = (rule for group in groups for rule in group["rules"] if rule["name"] == f"Played{alert}")
        annotations = rule["alerts"][0]["annotations"]
        assert {"summary", "description", "runbook"} <= annotations.keys()
        for text in annotations.values():
            assert not any(mark in text for mark in ("<no value>", "{{", "error expanding template")), text

    def await_silence(self, alert, seconds=40):
        assert wait_for(lambda: not self.is_firing(alert), seconds), f"{alert} is not over within {seconds} s"


def write_configuration(directory, ports):
    """Writes prometheus.yaml with shorter intervals, a list of pods in place of the discovery, and the rules twice."""
    pods = [running(name, port) for name, port in ports.items()]
    pods += [
        pod((NAMESPACE, "client-0", "client-service"), "Succeeded", ports["client"], "true", "/metrics"),
        pod((NAMESPACE, "other", "other"), "Running", ports["client"], "", ""),
    ]
    configuration = yaml.safe_load((rules.MONITORING / "prometheus.yaml").read_text(encoding="utf-8"))
    configuration["global"] = dict.fromkeys(configuration["global"], "500ms")
    configuration["rule_files"].append("played.yaml")
    (job,) = configuration["scrape_configs"]
    del job["kubernetes_sd_configs"]
    job["static_configs"] = pods
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    (directory / "alerts.yaml").write_text(rules.ALERTS, encoding="utf-8")
    (directory / "played.yaml").write_text(rules.played(), encoding="utf-8")


def pod(identity, phase, port, scrape, path):
    """A pod as the discovery of Kubernetes describes it. Its identity: namespace, name, and label for the job."""
    namespace, name, job = identity
    meta = {
        "namespace": namespace,
        "pod_name": name,
        "pod_label_app_kubernetes_io_name": job,
        "pod_phase": phase,
        "pod_annotation_prometheus_io_port": str(port),
        "pod_annotation_prometheus_io_scrape": scrape,
        "pod_annotation_prometheus_io_path": path,
    }
    return {"targets": ["127.0.0.1"], "labels": {f"__meta_kubernetes_{key}": value for key, value in meta.items()}}


def running(service, port):
    """A pod of a Deployment in deploy/. Checks that the annotated port is the container's."""
    text = (ROOT / DEPLOYMENTS[service]).read_text(encoding="utf-8")
    (deployment,) = (item for item in yaml.safe_load_all(text) if item["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    found = template["metadata"]["annotations"]
    ports = [port["containerPort"] for port in template["spec"]["containers"][0]["ports"]]
    assert int(found["prometheus.io/port"]) in ports, f"{service}: prometheus.io/port is not a port of the container"
    job = template["metadata"]["labels"]["app.kubernetes.io/name"]
    identity = (deployment["metadata"]["namespace"], f"{service}-1", job)
    return pod(identity, "Running", port, found["prometheus.io/scrape"], found["prometheus.io/path"])

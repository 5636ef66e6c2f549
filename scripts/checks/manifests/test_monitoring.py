"""deploy/monitoring finds each pod that says it can be scraped, once, and misses only what was deployed."""

import re

import pytest
import yaml

from objects import GATEWAYS, LABS, ROOT, manifests

MONITORING = ROOT / "deploy/monitoring"
MONITOR = manifests("monitoring").the("ServiceMonitor", "resilience-lab")["spec"]

each_deployment = pytest.mark.parametrize("name", (*LABS, *GATEWAYS))


def scraped(name):
    """The namespace, the label for the job, and the labels of each pod that says it can be scraped."""
    for (kind, _), item in manifests(name).items():
        template = item["spec"]["template"]["metadata"] if kind == "Deployment" else {}
        if template.get("annotations", {}).get("prometheus.io/scrape") == "true":
            labels = template["labels"]
            yield item["metadata"]["namespace"], labels["app.kubernetes.io/name"], labels


def all_scraped(index):
    return {found[index] for name in (*LABS, *GATEWAYS) for found in scraped(name)}


def test_prometheus_looks_into_each_namespace_with_such_pods_and_no_other():
    configuration = yaml.safe_load((MONITORING / "prometheus.yaml").read_text(encoding="utf-8"))
    (job,) = configuration["scrape_configs"]
    (discovery,) = job["kubernetes_sd_configs"]
    assert set(discovery["namespaces"]["names"]) == all_scraped(0)
    assert set(MONITOR["namespaceSelector"]["matchNames"]) == all_scraped(0)


def is_monitored(service):
    """True if the ServiceMonitor selects the Service and keeps its targets."""
    (expression,) = MONITOR["selector"]["matchExpressions"]
    assert expression["operator"] == "In"
    if service["metadata"]["labels"].get(expression["key"]) not in expression["values"]:
        return False
    (endpoint,) = MONITOR["endpoints"]
    if endpoint["port"] not in [port["name"] for port in service["spec"]["ports"]]:
        return False
    drops = [rule["regex"] for rule in endpoint["relabelings"] if rule["action"] == "drop"]
    assert not [rule for rule in endpoint["relabelings"] if rule["action"] == "keep"]
    return not any(re.fullmatch(regex, service["metadata"]["name"]) for regex in drops)


@each_deployment
def test_the_operator_scrapes_each_pod_through_one_service_with_the_same_job(name):
    services = [item for (kind, _), item in manifests(name).items() if kind == "Service" and is_monitored(item)]
    pods = list(scraped(name))
    assert len(services) == len(pods)
    for namespace, job, labels in pods:
        found = [each for each in services if each["spec"]["selector"].items() <= labels.items()]
        assert [each["metadata"]["namespace"] for each in found] == [namespace], job
        assert found[0]["metadata"]["labels"][MONITOR["jobLabel"]] == job


def test_each_job_is_missed_by_one_alert_and_its_processes_are_in_the_dashboard():
    (group,) = yaml.safe_load((MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    absent = [rule["expr"] for rule in group["rules"] if rule.get("alert", "").endswith("Absent")]
    missed = [job for expression in absent for job in re.search(r'job=~?"([^"]+)"', expression)[1].split("|")]
    assert sorted(missed) == sorted(all_scraped(1))
    (known,) = (rule["expr"] for rule in group["rules"] if rule.get("record") == "resilience:targets_up:count")
    dashboard = (MONITORING / "dashboard.json").read_text(encoding="utf-8")
    filters = re.findall(r'job=~"([^"]+)"', known) + re.findall(r'process_\w+\{job=~\\"([^"\\]+)', dashboard)
    assert len(filters) == 6
    for jobs in filters:
        assert set(jobs.split("|")) == all_scraped(1)


def test_objects_are_in_a_namespace_that_neither_the_lab_nor_the_gateway_makes():
    namespaces = {item["metadata"]["namespace"] for item in manifests("monitoring").values()}
    assert namespaces == {"monitoring"}

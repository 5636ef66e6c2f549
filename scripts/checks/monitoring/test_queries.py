"""The size of the scrapes, and that each query returns data, which the tests before have made."""

import json
import re
import subprocess
import time

import pytest
from gateway import UPSTREAMS
from prometheus import GATEWAY_NAMESPACE, NAMESPACE, ROOT
from rules import MONITORING

from harness import http

# Queries of the dashboard that may return only zeros.
MAY_BE_ZERO = ("Mailbox",)
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))

# The queries of resilience4j's dashboard (grafana_dashboard.json in its repository), except those for a window of calls
# with a maximum size, which this breaker does not have.
RESILIENCE4J = """\
sum(resilience4j_circuitbreaker_state{state="closed"})
sum(resilience4j_circuitbreaker_state{state=~"open|forced_open"})
sum(resilience4j_circuitbreaker_state{state="half_open"})
resilience4j_circuitbreaker_state{instance=~".+",name="backend"}
resilience4j_circuitbreaker_failure_rate{instance=~".+",name="backend"}
resilience4j_circuitbreaker_buffered_calls{instance=~".+",name="backend",kind="failed"}
rate(resilience4j_circuitbreaker_calls_seconds_count{instance=~".+",name="backend",kind="successful"}[1m])
rate(resilience4j_circuitbreaker_calls_seconds_count{instance=~".+",name="backend",kind="failed"}[1m])
rate(resilience4j_circuitbreaker_calls_seconds_count{instance=~".+",name="backend",kind="ignored"}[1m])
rate(resilience4j_circuitbreaker_not_permitted_calls_total{name="backend",kind="not_permitted"}[1m])
increase(resilience4j_circuitbreaker_calls_seconds_sum{name="backend",kind="successful"}[1m])
histogram_quantile(0.95, sum(rate(resilience4j_circuitbreaker_calls_seconds_bucket{name="backend"}[1m])) by (le))
rate(resilience4j_retry_calls_total{application="client-service",kind="successful_without_retry"}[1m])
rate(resilience4j_retry_calls_total{application="client-service",kind="successful_with_retry"}[1m])
rate(resilience4j_retry_calls_total{application="client-service",kind="failed_without_retry"}[1m])
rate(resilience4j_retry_calls_total{application="client-service",kind="failed_with_retry"}[1m])
""".splitlines()


@pytest.fixture(scope="module")
def promised():
    """The maximum of series and of bytes that a client and a backend together may have."""
    text = " ".join((ROOT / "deploy" / "README.md").read_text(encoding="utf-8").split())
    found = re.search(r"at most (\d+) series and (\d+) kB", text)
    assert found, "deploy/README.md does not say how large a scrape is"
    return int(found[1]), int(found[2]) * 1000


def test_promtool_accepts_the_metrics_and_they_are_small(lab, promised):
    size = 0
    for service in (lab.backend, lab.client):
        metrics = http.content(service.url("/metrics"))
        checked = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True)
        assert checked.returncode == 0, checked.stderr.decode()
        size += len(metrics)
    assert size <= promised[1]


def make_up(lab, word):
    """Makes requests with unknown paths, methods and headers, and waits for the next scrape."""
    for service in (lab.client, lab.backend):
        for number in range(50):
            http.content(service.url(f"/{word}/{number}?{word}=1"))
            http.content(service.url(f"/api/{word}-{number}"))
            http.content(service.url(f"/{word}-{number}"), method=word.upper())
            http.content(service.url(f"/health?{word}={number}"), headers={"traceparent": word, "user-agent": word})
        for _ in range(3):
            http.content(service.url("/health"), method=word.upper())
    time.sleep(1.5)


def test_unknown_paths_and_methods_make_series_only_once(lab, prometheus, promised):
    make_up(lab, "first")
    size = f'sum(scrape_samples_scraped{{namespace="{NAMESPACE}"}})'
    before = prometheus.value(size)
    make_up(lab, "second")
    after = prometheus.value(size)
    assert before == after <= promised[0]


def assert_data(series, query, zeros=False):
    """Checks that the series have numbers, and not only zeros, unless that is allowed."""
    values = [value for each in series for _, value in each.get("values") or [each["value"]]]
    numbers = [value for value in values if re.fullmatch(r"[-0-9.e+]+", value)]
    assert numbers, f"no data from {query}"
    assert zeros or set(numbers) != {"0"}, f"nothing but zeros from {query}"


def with_values(query, prometheus, variables):
    """Replaces variables as Grafana does. Grafana's minimum interval for a rate is four scrapes."""
    known = {"__rate_interval": "2s", "__range": f"{int(time.time() - prometheus.began)}s", **variables}
    return re.sub(r"\$(\w+)", lambda found: known[found[1]], query)


def queries_of_the_dashboard():
    for panel in DASHBOARD["panels"]:
        for part in (panel, *panel.get("panels", [])):
            for target in part.get("targets", []):
                yield part["title"], target["expr"], target.get("instant", False)
    for note in DASHBOARD["annotations"]["list"]:
        if query := note.get("target", {}).get("expr"):
            yield note["name"], query, False


def test_every_query_and_variable_of_the_dashboard_returns_data(prometheus):
    variables, values = {}, {}
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            query = with_values(variable["query"]["query"], prometheus, variables)
            series, label = re.fullmatch(r"label_values\((.+), ([a-z_]+)\)", query).groups()
            found = prometheus.ask(f"label/{label}/values", **{"match[]": series})
            assert found, f"variable {variable['name']} has no values"
            # As Grafana escapes values in a regular expression, in a string of PromQL.
            variables[variable["name"]] = "|".join(map(re.escape, found)).replace("\\", "\\\\")
            values[variable["name"]] = set(found)
    assert values["namespace"] == {NAMESPACE, GATEWAY_NAMESPACE}
    assert values["name"] == {"backend", "backend (lab)", *UPSTREAMS}
    queries = list(queries_of_the_dashboard())
    assert queries
    for title, query, instant in queries:
        query = with_values(query, prometheus, variables)
        series = prometheus.now(query) if instant else prometheus.over_time(query)
        assert_data(series, f"{title}: {query}", title in MAY_BE_ZERO)


def test_every_recording_rule_and_every_alert_without_its_threshold_returns_data(prometheus):
    groups = prometheus.ask("rules")["groups"]
    assert not [rule for group in groups for rule in group["rules"] if rule["health"] != "ok"]
    (rules,) = (group["rules"] for group in groups if group["name"] == "resilience-lab")
    for rule in rules:
        query = rule["name"]
        if rule["type"] == "alerting":
            query = re.sub(r" (==|!=|>=|<=|>|<) -?[0-9.]+$", "", rule["query"])
            assert query != rule["query"], f"{rule['name']} does not end in a comparison with a number"
        # Most of them should be zero.
        assert_data(prometheus.over_time(query), f"{rule['name']}: {query}", zeros=True)


@pytest.mark.parametrize("query", RESILIENCE4J)
def test_every_query_of_the_dashboard_of_resilience4j_returns_data(prometheus, query):
    assert_data(prometheus.over_time(query), query)

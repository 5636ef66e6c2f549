"""The files in deploy/monitoring: rules, configuration, dashboard."""

import json
import re
import subprocess
from collections import Counter

import prometheus
import pytest
import rules

MONITORING = rules.MONITORING
# The finding of a promtool without Kubernetes discovery, such as Debian's.
NO_KUBERNETES = "field kubernetes_sd_configs not found in type config.ScrapeConfig"


def promtool(*arguments):
    """True if promtool accepts, and its output."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode == 0, done.stdout


@pytest.mark.parametrize(("what", "file"), [("check", "alerts.yaml"), ("test", "alerts_test.yaml")])
def test_promtool_accepts_the_rules_and_their_unit_tests(what, file):
    accepted, output = promtool(what, "rules", MONITORING / file)
    assert accepted, output


def test_prometheus_operator_gets_the_same_rules():
    text = (MONITORING / "prometheusrule.yaml").read_text(encoding="utf-8")
    made = "scripts/checks/monitoring.sh --make-rule >deploy/monitoring/prometheusrule.yaml"
    assert text == rules.prometheus_rule(), made


def test_all_durations_are_whole_minutes_so_that_they_can_be_played():
    assert not [duration for duration in rules.durations() if not re.fullmatch(r"\d+m", duration)]


def test_promtool_accepts_the_configuration():
    accepted, output = promtool("check", "config", MONITORING / "prometheus.yaml")
    findings = re.findall(r"(?m)field [a-z_]+ not found.*|FAILED: .*[^:\n]$", output)
    assert accepted or findings == [NO_KUBERNETES], output


def test_promtool_accepts_the_configuration_that_is_played(tmp_path):
    prometheus.write_configuration(tmp_path, {"backend": 1, "client": 2, "gateway": 3})
    accepted, output = promtool("check", "config", tmp_path / "prometheus.yaml")
    assert accepted, output


@pytest.fixture
def dashboard():
    return json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))


@pytest.fixture
def panels(dashboard):
    return [part for panel in dashboard["panels"] for part in (panel, *panel.get("panels", []))]


def repeated(values):
    return [value for value, count in Counter(values).items() if count > 1]


def test_dashboard_has_its_identity_and_variables(dashboard):
    assert dashboard.get("id") is None
    assert dashboard["uid"] == "resilience-lab"
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "namespace", "name"]


def test_panels_are_sound(panels):
    """Grafana would not report these errors."""
    assert not repeated(panel["id"] for panel in panels)
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels:
        if panel["type"] != "row":
            title, targets = panel["title"], panel["targets"]
            sources = [panel["datasource"], *(target["datasource"] for target in targets)]
            assert all(each == source for each in sources), f"{title}: not the data source of the variable"
            assert not repeated(target["refId"] for target in targets), f"{title}: refIds repeat"
            assert panel.get("description"), f"{title}: no description"
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, f"{title}: too far right"

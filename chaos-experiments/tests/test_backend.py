"""Actions on the backend, and on the lab before an experiment, with a fake cluster."""

from unittest import mock

import pytest
from chaoslib.exceptions import ActivityFailed, InterruptExecution

from resilience_lab import backend, cluster, network, quiet, users
from resilience_lab.local.changes import merge_patch
from resilience_lab.traffic import Call, Record


def pod(name: str, ready: bool = True):
    made = mock.Mock()
    made.metadata.name = name
    made.status.conditions = [mock.Mock(type="Ready", status=str(ready))]
    return made


CONFIG_MAP, DEPLOYMENT = "/configmaps/backend", "/deployments/backend-service"


class Lab:
    """In place of the cluster: the objects that are read and patched, and mocks of the rest."""

    def __init__(self):
        self.data = {"FAILURE_RATE": "0.3", "SLOW_RESPONSE_RATE": "0.2", "TRANSIENT_FAILURE_RATE": "0.6", "X": "y"}
        self.objects = {
            CONFIG_MAP: {"metadata": {}, "data": self.data},
            DEPLOYMENT: {"metadata": {"annotations": {"other": "a"}}, "spec": {"replicas": 2}},
        }
        self.pods = mock.Mock(return_value=[])
        self.ask_backend = mock.Mock(return_value=None)
        self.config_map = mock.Mock(return_value=CONFIG_MAP)

    def patch(self, path, change):
        self.objects[path] = merge_patch(self.objects[path], change)


@pytest.fixture
def lab(monkeypatch):
    lab = Lab()
    for name in ("pods", "ask_backend", "config_map", "patch"):
        monkeypatch.setattr(cluster, name, getattr(lab, name))
    monkeypatch.setattr(cluster, "deployment", lambda app: DEPLOYMENT)
    monkeypatch.setattr(cluster, "read", lambda path: lab.objects[path])
    return lab


def test_new_pods_have_no_faults_until_the_backend_is_restored(lab):
    before = lab.objects[CONFIG_MAP]["data"]
    backend.calm_from_the_start()
    data = lab.objects[CONFIG_MAP]["data"]
    calm = {"FAILURE_RATE": "0", "SLOW_RESPONSE_RATE": "0", "TRANSIENT_FAILURE_RATE": "0", "X": "y"}
    assert data == calm
    lab.pods.return_value = [pod("new")]
    backend.restore()
    assert lab.objects[CONFIG_MAP] == {"metadata": {"annotations": {}}, "data": before}
    plan = {"failure_rate": 0.3, "slow_response_rate": 0.2, "transient_failure_rate": 0.6}
    lab.ask_backend.assert_called_with("new", "PUT", "/api/faults", plan)


def test_changes_left_by_a_killed_run_are_not_saved_as_the_original(lab):
    for _ in range(2):
        backend.calm_from_the_start()
        backend.scale_to_none()
    assert cluster.replicas(cluster.BACKEND) == 0
    backend.restore()
    assert lab.objects[CONFIG_MAP]["data"]["FAILURE_RATE"] == "0.3"
    assert lab.objects[DEPLOYMENT] == {"metadata": {"annotations": {"other": "a"}}, "spec": {"replicas": 2}}


def test_without_a_change_nothing_is_restored(lab):
    assert not backend.scale_back()
    lab.objects[DEPLOYMENT]["spec"]["replicas"] = 5
    backend.restore()
    assert cluster.replicas(cluster.BACKEND) == 5


def test_pods_are_restored_even_if_the_faults_cannot_be(lab):
    backend.scale_to_none()
    lab.config_map.side_effect = ActivityFailed("no ConfigMap")
    with pytest.raises(ActivityFailed, match="no ConfigMap"):
        backend.restore()
    assert cluster.replicas(cluster.BACKEND) == 2


def test_a_config_map_without_the_faults_is_refused(lab):
    del lab.data["FAILURE_RATE"]
    with pytest.raises(ActivityFailed, match="no FAILURE_RATE"):
        backend.calm_from_the_start()


def test_a_pod_that_is_not_ready_does_not_prevent_restoring_the_others(lab):
    lab.pods.return_value = [pod("a", ready=False), pod("b")]
    lab.ask_backend.side_effect = [ActivityFailed("not running"), {}]
    assert backend.restore_faults() == ["b"]


def test_a_ready_pod_that_was_not_restored_is_a_failure(lab):
    lab.pods.return_value = [pod("a"), pod("b")]
    lab.ask_backend.side_effect = [ActivityFailed("no answer"), {}]
    with pytest.raises(ActivityFailed):
        backend.restore_faults()
    assert lab.ask_backend.call_count == 2


def test_recovery_fails_if_no_pod_was_terminated(lab):
    lab.pods.return_value = [pod("a"), pod("b")]
    backend.calm()
    with pytest.raises(ActivityFailed, match="none was terminated"):
        backend.wait_until_back()
    lab.pods.return_value = [pod("a"), pod("c")]
    with mock.patch.object(users, "_users", mock.Mock()):
        assert backend.wait_until_back() == ["a", "c"]
        with pytest.raises(ActivityFailed, match="none was terminated"):
            backend.wait_until_back()


def faults(*calls: Call) -> list[float]:
    record = Record()
    record.calls = list(calls)
    record.mark("fault", "cut", at=5.0)
    network.note_late_effect(record)
    return [event["at"] for event in record.events]


def test_the_fault_begins_with_the_policy():
    assert faults(Call(4, 0.1, 200), Call(5.1, 0.1, 200), Call(9, 3, 502)) == [5.0]


def test_a_second_fault_is_recorded_when_old_connections_fail_later():
    assert faults(Call(4, 0.1, 200), Call(60, 0.1, 200), Call(61, 3, 502)) == [5.0, 60]


@pytest.fixture
def begin(monkeypatch):
    """Makes a lab like this quiet; returns the mocks of the reset and of the wait for pods."""

    def run(clients=1, reset_timeout=30.0, state="closed", mode="auto", left=False):
        settings = {"circuit_breaker": {"reset_timeout": reset_timeout}, "retry": {"attempt_timeout": 3.0}}
        circuit, reset, wait = mock.Mock(), mock.Mock(), mock.Mock()
        circuit.json.return_value = {"state": state, "mode": mode}
        monkeypatch.setattr(cluster, "replicas", lambda app: clients)
        monkeypatch.setattr(users, "ask", lambda url: settings)
        monkeypatch.setattr(backend, "calm_from_the_start", lambda: None)
        monkeypatch.setattr(backend, "scale_back", lambda: left)
        monkeypatch.setattr(quiet, "wait_for", wait)
        monkeypatch.setattr(quiet.requests, "get", lambda *_, **__: circuit)
        monkeypatch.setattr(quiet.requests, "post", reset)
        quiet.before_experiment_control({}, {"client_url": "http://127.0.0.1:1/"})
        return reset, wait

    return run


def test_a_closed_circuit_is_not_reset(begin):
    reset, _ = begin()
    reset.assert_not_called()


@pytest.mark.parametrize("circuit", [{"state": "open"}, {"mode": "disabled"}])
def test_a_circuit_that_is_open_or_disabled_is_reset(begin, circuit):
    reset, _ = begin(**circuit)
    reset.assert_called_once()


@pytest.mark.parametrize("left", [False, True])
def test_pods_removed_by_a_killed_run_are_restored_first(begin, left):
    _, wait = begin(left=left)
    assert wait.call_count == left


def test_two_client_pods_are_refused(begin):
    with pytest.raises(InterruptExecution, match="2 pods of client-service"):
        begin(clients=2)


def test_a_reset_timeout_too_short_to_observe_is_refused(begin):
    with pytest.raises(InterruptExecution, match="for 5 s only"):
        begin(reset_timeout=5)
    begin(reset_timeout=10)

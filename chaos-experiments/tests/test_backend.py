"""What is done to the backend, and to the lab before an experiment, on pods that were made up."""

import unittest
from unittest import mock

from chaoslib.exceptions import ActivityFailed, InterruptExecution

from resilience_lab import backend, cluster, network, quiet, users
from resilience_lab.traffic import Call, Record


def pod(name: str, ready: bool = True):
    made = mock.Mock()
    made.metadata.name = name
    made.status.conditions = [mock.Mock(type="Ready", status=str(ready))]
    return made


CONFIG_MAP, DEPLOYMENT = "/configmaps/backend", "/deployments/backend-service"


class Objects:
    """The API's objects, as far as they are read and patched."""

    def __init__(self):
        self.data = {"FAILURE_RATE": "0.3", "SLOW_RESPONSE_RATE": "0.2", "TRANSIENT_FAILURE_RATE": "0.6", "X": "y"}
        self.by_path = {
            CONFIG_MAP: {"metadata": {}, "data": self.data},
            DEPLOYMENT: {"metadata": {"annotations": {"other": "a"}}, "spec": {"replicas": 2}},
        }

    def patch(self, path, change):
        self.by_path[path] = merged(self.by_path[path], change)


def merged(item, change):
    if not isinstance(change, dict):
        return change
    new = {**(item or {}), **{key: merged((item or {}).get(key), value) for key, value in change.items()}}
    return {key: value for key, value in new.items() if value is not None}


class Backend(unittest.TestCase):
    def setUp(self):
        self.objects = Objects()
        self.patched = {}
        for name, made in (
            ("pods", mock.Mock(return_value=[])),
            ("ask_backend", mock.Mock(return_value=None)),
            ("config_map", mock.Mock(return_value=CONFIG_MAP)),
            ("deployment", mock.Mock(return_value=DEPLOYMENT)),
            ("read", lambda path: self.objects.by_path[path]),
            ("patch", self.objects.patch),
        ):
            patch = mock.patch.object(cluster, name, made)
            self.patched[name] = patch.start()
            self.addCleanup(patch.stop)

    def test_pods_to_come_are_calm_until_the_backend_is_restored(self):
        before = self.objects.by_path[CONFIG_MAP]["data"]
        backend.calm_from_the_start()
        data = self.objects.by_path[CONFIG_MAP]["data"]
        calm = {"FAILURE_RATE": "0", "SLOW_RESPONSE_RATE": "0", "TRANSIENT_FAILURE_RATE": "0", "X": "y"}
        self.assertEqual(data, calm)
        self.patched["pods"].return_value = [pod("new")]
        backend.restore()
        self.assertEqual(self.objects.by_path[CONFIG_MAP], {"metadata": {"annotations": {}}, "data": before})
        plan = {"failure_rate": 0.3, "slow_response_rate": 0.2, "transient_failure_rate": 0.6}
        self.patched["ask_backend"].assert_called_with("new", "PUT", "/api/faults", plan)

    def test_what_a_killed_run_has_left_is_not_taken_for_the_original(self):
        for _ in range(2):
            backend.calm_from_the_start()
            backend.scale_to_none()
        self.assertEqual(cluster.replicas(cluster.BACKEND), 0)
        backend.restore()
        self.assertEqual(self.objects.by_path[CONFIG_MAP]["data"]["FAILURE_RATE"], "0.3")
        self.assertEqual(
            self.objects.by_path[DEPLOYMENT], {"metadata": {"annotations": {"other": "a"}}, "spec": {"replicas": 2}}
        )

    def test_without_a_change_nothing_is_restored(self):
        self.assertFalse(backend.scale_back())
        self.objects.by_path[DEPLOYMENT]["spec"]["replicas"] = 5
        backend.restore()
        self.assertEqual(cluster.replicas(cluster.BACKEND), 5)

    def test_pods_come_back_also_when_the_faults_cannot_be_restored(self):
        backend.scale_to_none()
        self.patched["config_map"].side_effect = ActivityFailed("no ConfigMap")
        with self.assertRaisesRegex(ActivityFailed, "no ConfigMap"):
            backend.restore()
        self.assertEqual(cluster.replicas(cluster.BACKEND), 2)

    def test_a_config_map_without_the_faults_is_refused(self):
        del self.objects.data["FAILURE_RATE"]
        with self.assertRaisesRegex(ActivityFailed, "no FAILURE_RATE"):
            backend.calm_from_the_start()

    def test_a_pod_that_is_not_ready_keeps_no_other_from_being_restored(self):
        self.patched["pods"].return_value = [pod("a", ready=False), pod("b")]
        self.patched["ask_backend"].side_effect = [ActivityFailed("not running"), {}]
        self.assertEqual(backend.restore_faults(), ["b"])

    def test_a_ready_pod_that_was_not_restored_is_no_success(self):
        self.patched["pods"].return_value = [pod("a"), pod("b")]
        self.patched["ask_backend"].side_effect = [ActivityFailed("no answer"), {}]
        with self.assertRaises(ActivityFailed):
            backend.restore_faults()
        self.assertEqual(self.patched["ask_backend"].call_count, 2)

    def test_pods_that_were_never_gone_are_not_back(self):
        self.patched["pods"].return_value = [pod("a"), pod("b")]
        backend.calm()
        with self.assertRaisesRegex(ActivityFailed, "none was terminated"):
            backend.wait_until_back()
        self.patched["pods"].return_value = [pod("a"), pod("c")]
        with mock.patch.object(users, "_users", mock.Mock()):
            self.assertEqual(backend.wait_until_back(), ["a", "c"])
            with self.assertRaisesRegex(ActivityFailed, "none was terminated"):
                backend.wait_until_back()


class Partition(unittest.TestCase):
    def faults(self, *calls: Call) -> list[float]:
        record = Record()
        record.calls = list(calls)
        record.mark("fault", "cut", at=5.0)
        network.note_late_effect(record)
        return [event["at"] for event in record.events]

    def test_it_begins_with_the_policy(self):
        self.assertEqual(self.faults(Call(4, 0.1, 200), Call(5.1, 0.1, 200), Call(9, 3, 502)), [5.0])

    def test_it_begins_late_where_old_connections_are_spared(self):
        self.assertEqual(self.faults(Call(4, 0.1, 200), Call(60, 0.1, 200), Call(61, 3, 502)), [5.0, 60])


class Quiet(unittest.TestCase):
    def begin(self, clients=1, reset_timeout=30.0, state="closed", mode="auto", left=False):
        settings = {"circuit_breaker": {"reset_timeout": reset_timeout}, "retry": {"attempt_timeout": 3.0}}
        answer = mock.Mock()
        answer.json.return_value = {"state": state, "mode": mode}
        with (
            mock.patch.object(cluster, "replicas", return_value=clients),
            mock.patch.object(users, "ask", return_value=settings),
            mock.patch.object(backend, "calm_from_the_start"),
            mock.patch.object(backend, "scale_back", return_value=left),
            mock.patch.object(cluster, "wait_for") as self.wait_for,
            mock.patch.object(quiet.requests, "get", return_value=answer),
            mock.patch.object(quiet.requests, "post") as post,
        ):
            quiet.before_experiment_control({}, {"client_url": "http://127.0.0.1:1/"})
        return post

    def test_a_closed_circuit_is_left_alone(self):
        self.begin().assert_not_called()

    def test_a_circuit_that_is_open_or_in_somebodys_hands_is_reset(self):
        self.begin(state="open").assert_called_once()
        self.begin(mode="disabled").assert_called_once()

    def test_pods_that_a_killed_run_took_away_come_back_first(self):
        self.begin()
        self.wait_for.assert_not_called()
        self.begin(left=True)
        self.wait_for.assert_called_once()

    def test_two_clients_are_one_too_many(self):
        with self.assertRaisesRegex(InterruptExecution, "2 pods of client-service"):
            self.begin(clients=2)

    def test_an_opening_too_short_to_look_at(self):
        with self.assertRaisesRegex(InterruptExecution, "for 5 s only"):
            self.begin(reset_timeout=5)
        self.begin(reset_timeout=10)


if __name__ == "__main__":
    unittest.main()

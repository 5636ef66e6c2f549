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


class Backend(unittest.TestCase):
    def setUp(self):
        self.patched = {}
        for name, value in (("pods", []), ("ask_backend", None), ("replicas", 2)):
            patch = mock.patch.object(cluster, name, return_value=value)
            self.patched[name] = patch.start()
            self.addCleanup(patch.stop)

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
    def begin(self, clients: int = 1, reset_timeout: float = 30, state: str = "closed", mode: str = "auto"):
        settings = {"circuit_breaker": {"reset_timeout": reset_timeout}, "retry": {"attempt_timeout": 3.0}}
        answer = mock.Mock()
        answer.json.return_value = {"state": state, "mode": mode}
        with (
            mock.patch.object(cluster, "replicas", return_value=clients),
            mock.patch.object(users, "ask", return_value=settings),
            mock.patch.object(backend, "calm"),
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

    def test_two_clients_are_one_too_many(self):
        with self.assertRaisesRegex(InterruptExecution, "2 pods of client-service"):
            self.begin(clients=2)

    def test_an_opening_too_short_to_look_at(self):
        with self.assertRaisesRegex(InterruptExecution, "for 5 s only"):
            self.begin(reset_timeout=5)
        self.begin(reset_timeout=10)


if __name__ == "__main__":
    unittest.main()

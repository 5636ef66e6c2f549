"""The experiments that ship: what each has to have, so that it cannot succeed by mistake."""

import unittest
from pathlib import Path

from chaoslib.experiment import ensure_experiment_is_valid
from chaoslib.loader import load_experiment

FILES = sorted(Path(__file__).parents[1].glob("*.yaml"))


class Experiments(unittest.TestCase):
    def each(self):
        self.assertGreaterEqual(len(FILES), 6)
        for file in FILES:
            with self.subTest(file.name):
                yield file.stem, load_experiment(str(file))

    def functions(self, experiment: dict) -> list[str]:
        return [activity["provider"].get("func") for activity in experiment["method"]]

    def test_they_are_valid(self):
        for _, experiment in self.each():
            ensure_experiment_is_valid(experiment)

    def test_rollbacks_always_run(self):
        for _, experiment in self.each():
            self.assertEqual(experiment["runtime"]["rollbacks"]["strategy"], "always")
            self.assertEqual(experiment["rollbacks"][-1]["provider"]["func"], "restore")

    def test_they_are_strict(self):
        for _, experiment in self.each():
            modules = [control["provider"]["module"] for control in experiment["controls"]]
            self.assertEqual(modules, [f"resilience_lab.{name}" for name in ("quiet", "users", "strict")])

    def test_each_probe_has_a_tolerance(self):
        for _, experiment in self.each():
            for activity in experiment["method"]:
                self.assertEqual("tolerance" in activity, activity["type"] == "probe", activity["name"])

    def test_they_share_their_hypothesis(self):
        hypotheses = [experiment["steady-state-hypothesis"] for _, experiment in self.each()]
        for hypothesis in hypotheses:
            self.assertEqual(hypothesis, hypotheses[0])

    def test_a_fault_is_noted_before_anything_is_asked(self):
        for _, experiment in self.each():
            functions = self.functions(experiment)
            noted = min(functions.index(name) for name in ("mark", "break_down", "flap") if name in functions)
            self.assertLess(noted, [activity["type"] for activity in experiment["method"]].index("probe"))

    def test_where_the_circuit_opens_its_whole_story_is_asserted(self):
        for name, experiment in self.each():
            functions = self.functions(experiment)
            if name in ("partial-failure", "pod-kill"):
                self.assertIn("circuit_stayed_closed", functions)
                self.assertIn("users_were_served", functions)
                continue
            order = [
                functions.index(f) for f in ("circuit_opens", "calls_fail_fast", "circuit_closes", "transitions_logged")
            ]
            self.assertEqual(order, sorted(order))
            self.assertIn("everyone_was_answered", functions)

    def test_calls_have_to_fail_within_50_ms_and_recovery_to_take_2_s_more_than_the_reset_timeout(self):
        for _, experiment in self.each():
            for activity in experiment["method"]:
                arguments = activity["provider"].get("arguments", {})
                if activity["provider"].get("func") == "calls_fail_fast":
                    self.assertEqual(arguments["within"], 0.05)
                if activity["provider"].get("func") == "circuit_closes":
                    self.assertEqual(arguments["margin"], 2)

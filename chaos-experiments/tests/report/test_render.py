import tempfile
import unittest
from pathlib import Path

from resilience_lab.report.render import DOCUMENTS, documents, figures, find

from . import synthetic


class Documents(unittest.TestCase):
    """StrictUndefined: a placeholder without a number fails."""

    @classmethod
    def setUpClass(cls):
        cls.good = documents(find(synthetic.lab(good=True)))
        cls.bad = documents(find(synthetic.lab(good=False)))

    def test_all_are_written_either_way(self):
        for texts in (self.good, self.bad):
            self.assertEqual(tuple(texts), DOCUMENTS)
            for text in texts.values():
                self.assertNotIn("{{", text)
                self.assertNotIn("None", text)
                self.assertNotIn("  |  |", text)

    def test_head_to_head_says_what_was_met(self):
        table = [line for line in self.good["lab-report"].splitlines() if line.startswith("|") and "**" in line]
        self.assertEqual(len(table), 5)
        self.assertTrue(all(line.endswith("**met** |") for line in table))

    def test_head_to_head_says_what_was_not(self):
        table = [line for line in self.bad["lab-report"].splitlines() if line.startswith("|") and "**not met**" in line]
        self.assertEqual(len(table), 5)

    def test_claim_about_jitter_is_judged_in_words(self):
        self.assertIn("The default setting keeps it", self.good["retry-analysis"])
        self.assertIn("**The default setting does not", self.bad["retry-analysis"])

    def test_experiment_that_failed_says_why(self):
        self.assertIn("**not fulfilled**", self.bad["chaos-experiments"])
        self.assertIn("out of its tolerance", self.bad["chaos-experiments"])
        self.assertNotIn("ot fulfilled**", self.good["chaos-experiments"])

    def test_report_has_the_six_sections_of_the_lab(self):
        lines = self.good["lab-report"].splitlines()
        self.assertEqual([line[3] for line in lines if line.startswith("## ") and line[3].isdigit()], list("123456"))

    def test_lines_are_not_too_long(self):
        for text in self.good.values():
            for line in text.splitlines():
                self.assertTrue(len(line) <= 140 or line.startswith("|"), line)

    def test_experiment_that_was_not_played_is_left_out(self):
        data = synthetic.lab()
        del data["chaos-pod-failure"]
        texts = documents(find(data))
        self.assertNotIn("pod-failure.svg", texts["lab-report"])
        self.assertIn("**not measured**", texts["lab-report"])


class Figures(unittest.TestCase):
    def test_each_that_is_shown_is_drawn_and_the_same_data_gives_the_same_bytes(self):
        data = synthetic.lab()
        found = find(data)
        with tempfile.TemporaryDirectory() as directory:
            first, second = Path(directory, "first"), Path(directory, "second")
            for output in (first, second):
                figures(output, data, found)
            drawn = {path.name: path.read_bytes() for path in first.iterdir()}
            self.assertEqual(drawn, {path.name: path.read_bytes() for path in second.iterdir()})
        shown = {name for text in documents(found).values() for name in drawn if f"(figures/{name})" in text}
        self.assertEqual(shown, set(drawn))

    def test_lab_that_breaks_its_promises_is_drawn(self):
        data = synthetic.lab(good=False)
        with tempfile.TemporaryDirectory() as directory:
            figures(Path(directory), data, find(data))

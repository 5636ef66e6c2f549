"""From what was measured to figures, verdicts and tables."""

import json
import tempfile
import unittest
from pathlib import Path

from bench import limits, runtime, stats, tables
from bench.processes import Failure
from bench.stats import Estimate


class Intervals(unittest.TestCase):
    def test_the_same_values_give_the_same_interval_with_the_median_in_it(self):
        values = [1.0, 2.0, 3.0, 4.0, 100.0]
        one = stats.estimate(values)
        self.assertEqual(one, stats.estimate(values))
        self.assertEqual(one.value, 3.0)
        self.assertLessEqual(one.low, one.value)
        self.assertGreaterEqual(one.high, one.value)

    def test_what_slows_both_in_a_round_does_not_show_in_their_ratio(self):
        self.assertEqual(stats.paired([2.0, 20.0, 200.0], [1.0, 10.0, 100.0]), Estimate(2.0, 2.0, 2.0))

    def test_rounds_that_are_not_pairs_are_refused(self):
        with self.assertRaises(ValueError):
            stats.paired([1.0, 2.0], [1.0])


class Verdicts(unittest.TestCase):
    def test_a_limit_is_missed_only_where_all_of_the_interval_is_above_it(self):
        for low, verdict in ((1.04, "met"), (1.05, "met"), (1.051, "missed")):
            self.assertEqual(limits.row("it", Estimate(1.2, low, 1.3), 1.05, 1.0)["verdict"], verdict)

    def test_without_a_must_it_is_reported(self):
        row = limits.row("it", Estimate(9.0, 9.0, 9.0), None, 1.0)
        self.assertEqual((row["verdict"], row["aim_reached"]), ("reported", "no"))

    def test_only_what_was_measured_is_compared(self):
        rows = limits.compare({"open": {"cpu_us": [2.0]}, "health": {"cpu_us": [1.0]}})
        self.assertEqual([(row["name"], row["verdict"]) for row in rows], [("CPU/request, open / health", "missed")])


class Criterion(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def bench(self, name, nanoseconds, throughput=None):
        place = self.directory / name / "new"
        place.mkdir(parents=True)
        interval = {"lower_bound": nanoseconds * 0.9, "upper_bound": nanoseconds * 1.1}
        median = {"point_estimate": nanoseconds, "confidence_interval": interval}
        (place / "estimates.json").write_text(json.dumps({"median": median}))
        (place / "benchmark.json").write_text(json.dumps({"throughput": throughput}))

    def rows(self, facts=None):
        return {row["name"]: row for row in runtime.limits(runtime.read(self.directory), facts or {})}

    def test_closed_is_held_against_the_fastest_other_at_as_many_threads(self):
        for name, time in (("ours/1", 9), ("recloser/1", 12), ("failsafe/1", 50), ("ours/2", 99), ("recloser/2", 40)):
            self.bench(f"closed/{name}", time)
        rows = self.rows()
        self.assertEqual(rows["runtime: closed, 1 thread: ours / fastest other (recloser)"]["verdict"], "met")
        self.assertEqual(rows["runtime: closed, 2 threads: ours / fastest other (recloser)"]["verdict"], "missed")
        self.assertEqual(rows["runtime: closed admission and report, 1 thread"]["aim_reached"], "yes")

    def test_a_bench_of_many_elements_counts_per_element(self):
        self.bench("waiting_calls/1000", 1000 * 1000, {"Elements": 1000})
        self.bench("waiting_calls/100000", 100_000 * 3000, {"Elements": 100_000})
        row = self.rows()["runtime: cost per call, 100 000 waiting / 1 000"]
        self.assertEqual((row["value"], row["verdict"]), (3.0, "missed"))

    def test_open_rejection_and_facts_have_their_limits(self):
        self.bench("open_rejection/ours", 60)
        rows = self.rows({"allocations_per_closed_call": 1, "bytes_per_waiting_call": 600})
        self.assertEqual(rows["runtime: open rejection"]["verdict"], "missed")
        self.assertEqual(rows["runtime: allocations of a call in closed state"]["verdict"], "missed")
        memory = rows["runtime: memory per waiting call"]
        self.assertEqual((memory["verdict"], memory["aim_reached"]), ("met", "no"))

    def test_what_is_no_result_is_refused(self):
        with self.assertRaisesRegex(Failure, "has none of criterion's groups"):
            runtime.read(self.directory)
        facts = self.directory / "facts.json"
        facts.write_text('{"bytes": 1}')
        with self.assertRaisesRegex(Failure, "'?bytes'?: 1 is not known"):
            runtime.facts(facts)


class Documents(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.document = Path(directory.name) / "doc.md"
        self.data = {"contenders": {}, "limits": [limits.row("it", Estimate(1.0, 0.9, 1.1), 1.05, None)]}

    def test_only_what_is_between_the_marks_changes_and_only_once(self):
        self.document.write_text("before\n<!-- bench: limits -->\nold\n<!-- /bench -->\nafter\n")
        made = tables.within(self.document, self.data)
        self.assertTrue(made.startswith("before\n<!-- bench: limits -->\n| figure |"), made)
        self.assertTrue(made.endswith("|  |\n<!-- /bench -->\nafter\n"), made)
        self.assertNotIn("old", made)
        self.document.write_text(made)
        self.assertEqual(tables.within(self.document, self.data), made)

    def test_a_document_without_places_is_refused(self):
        for text in (
            "nothing",
            "<!-- bench: limits -->\nno end",
            "<!-- bench: limits -->\n<!-- bench: runtime -->\n<!-- /bench -->",
        ):
            self.document.write_text(text)
            with self.assertRaises(Failure):
                tables.check_places(self.document)

    def test_numbers_have_three_digits_that_mean_something(self):
        shown = [tables.number(value) for value in (0.0, 0.0312, 1.234, 12.34, 123.4, 12345.6)]
        self.assertEqual(shown, ["0", "0.031", "1.23", "12.3", "123", "12 346"])


if __name__ == "__main__":
    unittest.main()

import unittest
from pathlib import Path

from resilience_lab.report import trips

DATA = Path(__file__).parents[3] / "docs/data/trips.csv"


class Tables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.points = trips.load(DATA)

    def test_formula_is_the_expected_length_until_a_streak(self):
        self.assertEqual(trips.failures_in_a_row(1.0), 5)
        self.assertAlmostEqual(trips.failures_in_a_row(0.5), 62)
        self.assertAlmostEqual(trips.failures_in_a_row(0.5, length=1), 2)

    def test_measured_means_are_near_the_formula(self):
        for point in trips.select(self.points, fault="steady", trip="5 in a row"):
            if point["calls_mean"] is not None:
                expected = trips.failures_in_a_row(point["rate"])
                # Four standard errors of a mean of 100 runs.
                self.assertLess(abs(point["calls_mean"] - expected), 0.4 * expected, point)

    def test_trip_that_did_not_open_says_so(self):
        self.assertEqual(trips.opening({"seconds_median": None, "calls_median": None}), "never")

    def test_each_table_has_a_place_in_the_document(self):
        empty = "".join(f"<!-- trips: {name} -->\nold\n{trips.END}\n" for name in trips.TABLES)
        made = trips.with_tables(empty, self.points)
        self.assertNotIn("old", made)
        self.assertEqual(trips.with_tables(made, self.points), made)
        with self.assertRaises(ValueError):
            trips.with_tables("no place", self.points)


if __name__ == "__main__":
    unittest.main()

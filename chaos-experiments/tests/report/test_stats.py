import random
import unittest

from resilience_lab.report.stats import bins, busiest_window, share


class Shares(unittest.TestCase):
    def test_interval_is_wilsons(self):
        # R: prop.test(47, 100, correct = FALSE), and binom::binom.wilson(0, 10).
        some = share(47, 100)
        self.assertAlmostEqual(some.low, 0.3751, 3)
        self.assertAlmostEqual(some.high, 0.5671, 3)
        self.assertEqual(share(0, 10).low, 0.0)
        self.assertAlmostEqual(share(0, 10).high, 0.2775, 3)

    def test_interval_stays_between_nothing_and_all(self):
        for total in (1, 2, 600):
            for count in (0, total):
                found = share(count, total)
                self.assertLessEqual(0.0, found.low)
                self.assertLessEqual(found.low, found.value)
                self.assertLessEqual(found.value, found.high)
                self.assertLessEqual(found.high, 1.0)

    def test_share_of_nothing_is_none(self):
        for count, total in ((0, 0), (2, 1), (-1, 5)):
            with self.assertRaises(ValueError):
                share(count, total)


class Windows(unittest.TestCase):
    def test_window_slides_over_the_edges_of_bins(self):
        times = [0.05, 0.09, 0.11, 0.14, 0.30]
        self.assertEqual(busiest_window(times, 0.1), (4, 0.05))
        self.assertEqual(bins(times, 0.1, 0.0, 0.4), [2, 2, 0, 1])

    def test_window_is_open_at_its_end(self):
        self.assertEqual(busiest_window([0.0, 0.5, 1.0], 1.0), (2, 0.0))

    def test_order_does_not_matter(self):
        times = [0.3, 0.1, 0.2]
        self.assertEqual(busiest_window(times, 1.0), (3, 0.1))

    def test_nothing_happened(self):
        self.assertEqual(busiest_window([], 0.1), (0, 0.0))
        self.assertEqual(bins([], 0.1, 0.0, 0.3), [0, 0, 0])

    def test_agrees_with_the_definition(self):
        chance = random.Random(3)
        for _ in range(50):
            times = [chance.random() for _ in range(40)]
            most = max(sum(begin <= at < begin + 0.1 for at in times) for begin in times)
            self.assertEqual(busiest_window(times, 0.1)[0], most)

    def test_bins_leave_out_what_lies_outside(self):
        self.assertEqual(bins([-0.1, 0.0, 0.99, 1.0], 0.5, 0.0, 1.0), [1, 1])

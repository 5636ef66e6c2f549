import tempfile
import unittest
from pathlib import Path

from resilience_lab.local.logs import PodLog, timestamp


class Logs(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "pod.log"
        self.log = PodLog(self.path)
        self.addCleanup(self.log.close, 0.0)

    def texts(self, **which):
        return [line.text for line in self.log.lines(**which)]

    async def test_lines_are_put_together_from_pieces_and_the_file_has_all(self):
        self.log.feed(b"one\ntw", 1.0)
        self.assertEqual(self.texts(), [b"one"])
        self.log.feed(b"o\nrest", 2.0)
        self.log.close(3.0)
        self.assertEqual(self.texts(), [b"one", b"two", b"rest"])
        self.assertEqual(self.path.read_bytes(), b"one\ntwo\nrest\n")

    async def test_since_comes_before_tail(self):
        for second in range(5):
            self.log.feed(b"%d\n" % second, float(second))
        self.assertEqual(self.texts(since=2.0), [b"2", b"3", b"4"])
        self.assertEqual(self.texts(since=2.0, tail=1), [b"4"])
        self.assertEqual(self.texts(tail=0), [])

    async def test_following_ends_with_the_pod(self):
        self.log.feed(b"before\n", 1.0)
        start = self.log.count
        self.log.feed(b"after\n", 2.0)
        self.log.close(3.0)
        self.assertEqual([line.text async for line in self.log.follow(start)], [b"after"])

    async def test_times_are_shown_in_utc_with_nine_digits(self):
        self.log.feed(b"x\n", 1.5)
        self.assertEqual(self.log.lines()[0].shown(timestamps=True), b"1970-01-01T00:00:01.500000000Z x\n")
        self.assertEqual(timestamp(1.5), "1970-01-01T00:00:01Z")

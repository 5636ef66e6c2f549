import json
import tempfile
import unittest
from pathlib import Path

from resilience_lab.report import store


class Files(unittest.TestCase):
    def test_what_was_saved_is_loaded(self):
        data = {"a": [1, 2.5, "x"], "calls": [{"at": 0.1, "status": 200}, {"at": 0.2}], "deep": {"list": [[1]] * 200}}
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "below" / "data.json"
            store.save(path, data)
            self.assertEqual(store.load(path), data)
            self.assertEqual([path.name for path in path.parent.iterdir()], [path.name])

    def test_each_record_of_a_table_has_a_line(self):
        text = store.dump({"calls": [{"at": 1}, {"at": 2}]})
        self.assertIn('\n  {"at":1},\n  {"at":2}\n', text)
        self.assertEqual(json.loads(text), {"calls": [{"at": 1}, {"at": 2}]})

    def test_what_is_not_known_is_left_out(self):
        self.assertEqual(store.tidy({"status": None, "seconds": 0.12345678}), {"seconds": 0.123457})

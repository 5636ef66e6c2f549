import json

from resilience_lab.report import store


def test_saved_data_loads_unchanged(tmp_path):
    data = {"a": [1, 2.5, "x"], "calls": [{"at": 0.1, "status": 200}, {"at": 0.2}], "deep": {"list": [[1]] * 200}}
    path = tmp_path / "below" / "data.json"
    store.save(path, data)
    assert store.load(path) == data
    assert [path.name for path in path.parent.iterdir()] == [path.name]


def test_each_record_of_a_table_is_one_line():
    text = store.dump({"calls": [{"at": 1}, {"at": 2}]})
    assert '\n  {"at":1},\n  {"at":2}\n' in text
    assert json.loads(text) == {"calls": [{"at": 1}, {"at": 2}]}


def test_null_values_are_omitted():
    assert store.tidy({"status": None, "seconds": 0.12345678}) == {"seconds": 0.123457}

import pytest

from resilience_lab.report.render import DOCUMENTS, documents, figures, find

from . import synthetic


@pytest.fixture(scope="module")
def good():
    return documents(find(synthetic.lab(good=True)))


@pytest.fixture(scope="module")
def bad():
    return documents(find(synthetic.lab(good=False)))


def test_all_are_written_either_way(good, bad):
    for texts in (good, bad):
        assert tuple(texts) == DOCUMENTS
        for text in texts.values():
            assert "{{" not in text
            assert "None" not in text
            assert "  |  |" not in text


def test_head_to_head_says_what_was_met(good):
    table = [line for line in good["lab-report"].splitlines() if line.startswith("|") and "**" in line]
    assert len(table) == 5
    assert all(line.endswith("**met** |") for line in table)


def test_head_to_head_says_what_was_not(bad):
    table = [line for line in bad["lab-report"].splitlines() if line.startswith("|") and "**not met**" in line]
    assert len(table) == 5


def test_claim_about_jitter_is_judged_in_words(good, bad):
    assert "The default setting keeps it" in good["retry-analysis"]
    assert "**The default setting does not" in bad["retry-analysis"]


def test_experiment_that_failed_says_why(good, bad):
    assert "**not fulfilled**" in bad["chaos-experiments"]
    assert "out of its tolerance" in bad["chaos-experiments"]
    assert "ot fulfilled**" not in good["chaos-experiments"]


def test_report_has_the_six_sections_of_the_lab(good):
    lines = good["lab-report"].splitlines()
    assert [line[3] for line in lines if line.startswith("## ") and line[3].isdigit()] == list("123456")


def test_lines_are_not_too_long(good):
    for text in good.values():
        for line in text.splitlines():
            assert len(line) <= 120 or line.startswith(("|", "![")), line


def test_experiment_that_was_not_played_is_left_out():
    data = synthetic.lab()
    del data["chaos-pod-failure"]
    texts = documents(find(data))
    assert "pod-failure.svg" not in texts["lab-report"]
    assert "**not measured**" in texts["lab-report"]


def test_each_that_is_shown_is_drawn_and_the_same_data_gives_the_same_bytes(tmp_path):
    data = synthetic.lab()
    found = find(data)
    first, second = tmp_path / "first", tmp_path / "second"
    for output in (first, second):
        figures(output, data, found)
    drawn = {path.name: path.read_bytes() for path in first.iterdir()}
    assert drawn == {path.name: path.read_bytes() for path in second.iterdir()}
    shown = {name for text in documents(found).values() for name in drawn if f"(figures/{name})" in text}
    assert shown == set(drawn)


def test_lab_that_breaks_its_promises_is_drawn(tmp_path):
    data = synthetic.lab(good=False)
    figures(tmp_path, data, find(data))

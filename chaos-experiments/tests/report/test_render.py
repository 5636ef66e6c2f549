import pytest

from resilience_lab.report.render import DOCUMENTS, documents, figures, find, load

from . import synthetic


@pytest.fixture(scope="module")
def good():
    return documents(find(synthetic.lab(good=True)))


@pytest.fixture(scope="module")
def bad():
    return documents(find(synthetic.lab(good=False)))


def test_every_document_is_written_for_both_results(good, bad):
    for texts in (good, bad):
        assert tuple(texts) == DOCUMENTS
        for text in texts.values():
            assert "{{" not in text
            assert "None" not in text
            assert "  |  |" not in text


def test_the_comparison_marks_met_claims(good):
    table = [line for line in good["lab-report"].splitlines() if line.startswith("|") and "**" in line]
    assert len(table) == 5
    assert all(line.endswith("**met** |") for line in table)


def test_the_comparison_marks_unmet_claims(bad):
    table = [line for line in bad["lab-report"].splitlines() if line.startswith("|") and "**not met**" in line]
    assert len(table) == 5


def test_the_text_on_jitter_follows_the_verdict(good, bad):
    assert "The default setting keeps it" in good["retry-analysis"]
    assert "**The default setting does not" in bad["retry-analysis"]


def test_a_failed_experiment_shows_its_cause(good, bad):
    assert "**not fulfilled**" in bad["chaos-experiments"]
    assert "out of its tolerance" in bad["chaos-experiments"]
    assert "ot fulfilled**" not in good["chaos-experiments"]


def test_report_has_the_six_sections_of_the_lab(good):
    lines = good["lab-report"].splitlines()
    assert [line[3] for line in lines if line.startswith("## ") and line[3].isdigit()] == list("123456")


def test_lines_have_at_most_120_characters(good):
    for text in good.values():
        for line in text.splitlines():
            assert len(line) <= 120 or line.startswith(("|", "![")), line


def test_data_of_other_measurements_are_not_the_report_s(tmp_path):
    for name in ("machine", "herd-full", "performance"):
        (tmp_path / f"{name}.json").write_text('{"date": "2026-01-01"}')
    assert set(load(tmp_path)) == {"machine", "herd-full"}


def test_an_experiment_without_data_is_omitted():
    data = synthetic.lab()
    del data["chaos-pod-failure"]
    texts = documents(find(data))
    assert "pod-failure.svg" not in texts["lab-report"]
    assert "**not measured**" in texts["lab-report"]


def test_every_figure_is_drawn_and_identical_for_the_same_data(tmp_path):
    data = synthetic.lab()
    found = find(data)
    first, second = tmp_path / "first", tmp_path / "second"
    for output in (first, second):
        figures(output, data, found)
    drawn = {path.name: path.read_bytes() for path in first.iterdir()}
    assert drawn == {path.name: path.read_bytes() for path in second.iterdir()}
    shown = {name for text in documents(found).values() for name in drawn if f"(figures/{name})" in text}
    assert shown == set(drawn)


def test_figures_are_drawn_for_unmet_claims(tmp_path):
    data = synthetic.lab(good=False)
    figures(tmp_path, data, find(data))

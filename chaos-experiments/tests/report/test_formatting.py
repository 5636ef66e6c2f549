from resilience_lab.report import formatting
from resilience_lab.report.stats import share


def test_times_have_significant_digits_only():
    said = [formatting.seconds(value) for value in (0.000049, 0.0021, 0.0956, 0.9996, 7.345, 25.04, None)]
    assert said == ["0.049 ms", "2.1 ms", "96 ms", "1.00 s", "7.34 s", "25.0 s", "never"]


def test_shares():
    assert formatting.percent(share(1, 8)) == "12.5 %"
    assert formatting.percent(0.9, 0) == "90 %"


def test_numbers_have_no_trailing_zeros():
    assert [formatting.number(value) for value in (30.0, 0.1, 1.875)] == ["30", "0.1", "1.88"]
    assert formatting.number(20.0, 0) == "20"


def test_paragraphs_are_reflowed():
    assert formatting.reflow("one\ntwo\n\nthree\n") == "one two\n\nthree\n"


def test_tables_code_and_headings_are_not_reflowed():
    text = "# one\n\n| a |\n|---|\n\n```text\n  x\n\n\n  y\n```\n"
    assert formatting.reflow(text) == text


def test_list_items_are_indented():
    item = "- " + "word " * 40
    first, second = formatting.reflow(item).splitlines()
    assert first.startswith("- word")
    assert second.startswith("  word")


def test_omitted_sections_leave_one_empty_line():
    assert formatting.reflow("one\n\n\n\ntwo\n") == "one\n\ntwo\n"

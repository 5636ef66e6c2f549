import pytest

from resilience_lab.report.tables import filled, markdown, places

TABLES = {"a": markdown([["x", "y"], ["1", "2"]])}


def test_only_the_text_between_the_marks_changes_and_only_once():
    made = filled("before\n<!-- kind: a -->\nold\n<!-- /kind -->\nafter\n", "kind", TABLES)
    assert made == "before\n<!-- kind: a -->\n| x | y |\n| --- | ---: |\n| 1 | 2 |\n<!-- /kind -->\nafter\n"
    assert filled(made, "kind", TABLES) == made


@pytest.mark.parametrize(
    "document", ["nothing", "<!-- kind: a -->\nno end", "<!-- kind: a -->\n<!-- kind: b -->\n<!-- /kind -->"]
)
def test_a_document_without_marks_is_refused(document):
    with pytest.raises(ValueError, match="no"):
        places(document, "kind", ["a"])

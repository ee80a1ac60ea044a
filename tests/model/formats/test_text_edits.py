"""Edits in the text of a file: what is not meant stays byte for byte."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.formats.text_edits import find_last_line, find_node, insert_lines, remove_lines, write_field

FORMAT = ("format",)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rules: []\n", "format: 1\nrules: []\n"),
        ("rules: []", "format: 1\nrules: []"),
        ("# 規則。\n\n# Two.\nrules: # here\n  - 1\n", "# 規則。\n\n# Two.\nformat: 1\nrules: # here\n  - 1\n"),
        ("# a\r\nrules: []\r\n", "# a\r\nformat: 1\r\nrules: []\r\n"),
        ("---\nrules: []\n", "---\nformat: 1\nrules: []\n"),
        ("\ufeffrules: []\n", "\ufeffformat: 1\nrules: []\n"),
        ("format: 7 # old\nrules: []\n", "format: 1 # old\nrules: []\n"),
        ("rules: []\nformat:   '7'\n", "rules: []\nformat:   1\n"),
        ('"format": 7\n', '"format": 1\n'),
        ('{"stack": "lab"}\n', '{"format": 1, "stack": "lab"}\n'),
        ('{\n  "stack": "lab"\n}\n', '{\n  "format": 1,\n  "stack": "lab"\n}\n'),
        ('{\r\n\t"stack": "lab"}', '{\r\n\t"format": 1,\r\n\t"stack": "lab"}'),
        ("? rules\n: []\n", "format: 1\n? rules\n: []\n"),
        ("{}\n", '{"format": 1}\n'),
    ],
)
def test_a_number_is_written_first_or_where_it_stands(before: str, after: str) -> None:
    assert write_field(before, FORMAT, "1") == after
    # As the policy reader reads: it allows tabs in braces.
    assert yaml.load(after, Loader=yaml.CSafeLoader)["format"] == 1
    assert write_field(after, FORMAT, "1") == after


@pytest.mark.parametrize("text", ["", "# only words\n", "- a\n", "word\n"])
def test_what_has_no_fields_gets_none(text: str) -> None:
    with pytest.raises(ValueError, match="has no fields"):
        write_field(text, FORMAT, "1")


def test_a_field_inside_a_field_keeps_its_column() -> None:
    text = "# a\nconfig:\n    tsunagu:environment: lab # b\nother: 1\n"
    expected = '# a\nconfig:\n    tsunagu:format: "2"\n    tsunagu:environment: lab # b\nother: 1\n'
    assert write_field(text, ("config", "tsunagu:format"), '"2"') == expected
    with pytest.raises(ValueError, match=r"nothing\.x cannot be added"):
        write_field(text, ("nothing", "x"), "1")


def test_the_last_line_of_a_node_is_before_the_comments_behind_it() -> None:
    text = "a:\n  b: 1\n  c:\n    - x\n    - {d: 1,\n       e: 2} # in\n  # of a\n\n# of f\nf: |\n  one\n  two\n"
    last = {key: find_last_line(node) for key in "af" if (node := find_node(text, (key,)))}
    assert last == {"a": 5, "f": 11}


def test_lines_go_in_behind_a_last_line_without_an_end() -> None:
    assert insert_lines("a: 1", 0, ["b: 2"]) == "a: 1\nb: 2\n"
    assert insert_lines("a: 1\r\nc: 3\r\n", 0, ["b: 2"]) == "a: 1\r\nb: 2\r\nc: 3\r\n"
    assert remove_lines("a\nb\nc\n", 1, 1) == "a\nc\n"


words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=20)
values = st.recursive(st.integers() | st.booleans() | words, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


@settings(deadline=None)
@given(st.dictionaries(words.filter(lambda key: key != "format"), values, min_size=1), st.lists(words), st.booleans())
def test_any_mapping_keeps_its_values_and_its_lines(document: dict[str, object], said: list[str], flow: bool) -> None:  # noqa: FBT001 both styles
    comments = "".join(f"# {one}\n" for one in said if one.isprintable())
    text = comments + yaml.safe_dump(document, allow_unicode=True, sort_keys=False, default_flow_style=flow)
    numbered = write_field(text, FORMAT, "1")
    assert yaml.safe_load(numbered) == {"format": 1, **yaml.safe_load(text)}
    assert numbered.replace('"format": 1, ' if flow else "format: 1\n", "", 1) == text

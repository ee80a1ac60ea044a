"""Text of others as it is shown: what is escaped, what stays, what is cut."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.inputs.shown_text import escape_controls, escape_json, escape_lines, shorten_text, shorten_value

HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
TEXTS = st.text(st.characters(categories=None))


def test_every_character_of_a_hidden_kind_is_escaped_and_no_other() -> None:
    # U+034F and variation selectors are marks; unassigned characters of the tag block count as tags.
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        hidden = unicodedata.category(character) in HIDDEN_CATEGORIES
        assert hidden <= (escape_controls(character) != character), hex(number)
        if unicodedata.category(character)[0] in "LNMPS":
            assert escape_controls(character) == character, hex(number)


@given(TEXTS)
def test_escaped_text_is_one_line_and_escaping_again_changes_nothing(text: str) -> None:
    shown = escape_controls(text)
    assert shown.splitlines() in ([shown], [])
    assert escape_controls(shown) == shown
    assert escape_lines(text).replace("\n", "").replace("\t", "").isprintable() or any(
        unicodedata.category(one) in {"Co", "Cn", "Zs"} for one in text
    )


@given(st.recursive(TEXTS | st.none() | st.integers(), st.lists, max_leaves=5))
def test_an_escaped_document_means_the_same(value: object) -> None:
    plain = json.dumps(value, ensure_ascii=False, indent=1)
    escaped = escape_json(plain)
    assert json.loads(escaped) == json.loads(json.dumps(value))
    assert escape_lines(escaped) == escaped


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("allow", "'allow'"),
        ("a\x1b[2J\u202e", "'a\\x1b[2J\\u202e'"),
        ("x" * 42, f"'{'x' * 40}' and 2 more characters"),
        (b"\x00", "b'\\x00'"),
        (True, "True"),
        (None, "None"),
        (1.5, "1.5"),
        pytest.param(10**5000, "a whole number of 16610 bits", id="huge"),
        pytest.param(-(10**5000), "a whole number of 16610 bits", id="huge and negative"),
        (["\x1b"] * 30, "['\\x1b', '\\x1b', '\\x1b', '\\x1b', '\\x1b',…"),
    ],
)
def test_a_value_in_a_message(value: object, shown: str) -> None:
    assert shorten_value(value) == shown


@given(TEXTS)
def test_a_shortened_text_is_short(text: str) -> None:
    # Each character becomes ten at most.
    assert len(shorten_text(text)) <= 401
    assert len(shorten_value(text)) <= 460

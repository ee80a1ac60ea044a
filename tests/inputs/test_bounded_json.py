"""JSON of others: what is read is what `json` reads; what is refused is refused with its line."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.inputs.bounded_json import JsonRefused, parse_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    # A lone surrogate is no character.
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_json_writes_is_read(value: object, ascii_only: bool) -> None:  # noqa: FBT001 drawn
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(text) == parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: is no JSON: Expecting value"),
        ('{\n"a": 1,\n"a": 2}', "line 2: the key 'a' stands twice in one object"),
        ("[1,\nNaN]", "line 2: NaN is no number of JSON"),
        ("[-Infinity]", "line 1: -Infinity is no number of JSON"),
        ("[1e400]", "line 1: the number '1e400' is longer or larger than is read"),
        ("[" + "9" * 5000 + "]", "line 1: a number of 5,000 digits is more than is read"),
        ("[0." + "9" * 5000 + "]", "line 1: the number '0." + "9" * 38 + "' and 4962 more characters is longer"),
        ("\n" * 3 + "[" * 33, "line 4: nests deeper than 32 lists and objects"),
        ('{"a":' * 200_000, "line 1: nests deeper than 32"),
        (r'["\ud800"]', "line 1: holds half of a character"),
        (r'{"\uDc00": 1}', "line 1: holds half of a character"),
        ("x" * (4 * 1024 * 1024 + 1), "line 1: is larger than 4,194,304 bytes"),
        (b'{\n"\xff": 1}', "line 2: is not UTF-8 text"),
    ],
)
def test_what_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(JsonRefused) as refused:
        parse_json(text)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("part", ['\\"', '"', "[", "{", "\\", '"\\"', "[]", '{"a":', "[1,", "\\u", '"a"'])
def test_a_repeated_part_takes_no_longer_than_its_length(part: str) -> None:
    text = '"' + part * (500_000 // len(part))
    began = time.process_time()
    with pytest.raises(JsonRefused):
        parse_json(text)
    assert time.process_time() - began < 1


@given(st.binary(max_size=60) | st.text('[]{}",:0-9eE.\\u truefalsnl\x00\ud800', max_size=60))
def test_any_input_is_a_value_or_a_refusal(text: str | bytes) -> None:
    try:
        value = parse_json(text)
    except JsonRefused:
        return
    assert parse_json(json.dumps(value, allow_nan=False).encode()) == value

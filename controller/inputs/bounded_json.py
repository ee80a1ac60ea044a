"""JSON of others: bounded in size, depth and numbers, every key once, no NaN, no half of a character."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from controller.inputs.input_file import MOST_BYTES
from controller.inputs.shown_text import shorten_value

MOST_DEPTH = 32
"""Lists and objects inside one another."""
_LONGEST_NUMBER = 40
# A string without its end is taken to the end of the text: tried again from each quote, it would take the square of it.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


class JsonRefused(ValueError):
    """A text is no JSON, or more than is read; says what is wrong and names the line."""

    def __init__(self, line: int, why: str) -> None:
        self.line = line
        self.why = why
        super().__init__(f"line {line}: {why}")


def parse_json(text: str | bytes, *, most_bytes: int = MOST_BYTES, most_depth: int = MOST_DEPTH) -> Any:  # noqa: ANN401 JSON
    """The value of a JSON text.

    >>> parse_json('{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}

    Raises:
        JsonRefused: it is no JSON in UTF-8, too large, too deep, holds NaN or a huge number, or a key twice.
    """
    if len(text) > most_bytes:
        raise JsonRefused(1, f"is larger than {most_bytes:,} bytes, the most that is read")
    text = _decode(text) if isinstance(text, bytes) else text
    _check_depth(text, most_depth)
    try:
        value = json.loads(
            text, object_pairs_hook=_build_object, parse_constant=_refuse, parse_int=_read_int, parse_float=_read_float
        )
    except json.JSONDecodeError as error:
        raise JsonRefused(error.lineno, f"is no JSON: {error.msg}") from None
    except _ValueRefused as error:
        raise JsonRefused(_find_line(text, error.text), str(error)) from None
    if "\\ud" in text or "\\uD" in text or "\\Ud" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise JsonRefused(1, "holds half of a character (a lone surrogate such as \\ud800)") from None
    return value


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonRefused(content.count(b"\n", 0, error.start) + 1, "is not UTF-8 text") from None


class _ValueRefused(Exception):
    def __init__(self, text: str, why: str) -> None:
        self.text = text
        super().__init__(why)


def _check_depth(text: str, most: int) -> None:
    depth = 0
    for found in _TOKEN.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth > most:
                line = text.count("\n", 0, found.start()) + 1
                raise JsonRefused(line, f"nests deeper than {most} lists and objects, the most that is read")
        elif found[0] in ("]", "}"):
            depth -= 1


def _build_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _ValueRefused(json.dumps(key), f"the key {shorten_value(key)} stands twice in one object")
            seen.add(key)
    return made


def _refuse(text: str) -> float:
    raise _ValueRefused(text, f"{text} is no number of JSON")


def _read_int(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _ValueRefused(text, f"a number of {len(text):,} digits is more than is read")
    return int(text)


def _read_float(text: str) -> float:
    number = float(text) if len(text) <= _LONGEST_NUMBER else math.inf
    if not math.isfinite(number):
        raise _ValueRefused(text, f"the number {shorten_value(text)} is longer or larger than is read")
    return number


def _find_line(text: str, part: str) -> int:
    at = text.find(part)
    return text.count("\n", 0, max(at, 0)) + 1

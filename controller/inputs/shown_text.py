r"""Text of others as it may be shown: control characters as `\x1b`, values cut.

What is escaped: C0 and C1 controls and DEL, format characters (bidirectional ones, zero-width ones, tags), the line and
paragraph separators, and lone surrogates. They could write to a terminal, reverse what stands beside them, or forge
a line of a log. A tab and a line feed stay where text is shown in lines.
"""

from __future__ import annotations

import re

LONGEST_VALUE = 40
"""Characters of a value that a message shows."""
LONGEST_MESSAGE = 1_000
"""Characters of a message about a file of others."""
_FORMAT = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f"
)
_SURROGATES = "\ud800-\udfff"
HIDDEN = rf"\x00-\x1f\x7f-\x9f{_FORMAT}{_SURROGATES}"
"""Every character that is escaped, as the inside of a character class of a regular expression."""
_HIDDEN = re.compile(f"[{HIDDEN}]")
_HIDDEN_IN_LINES = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_FORMAT}{_SURROGATES}]")
_HIDDEN_IN_JSON = re.compile(rf"[\x7f-\x9f{_FORMAT}{_SURROGATES}]")


def escape_controls(text: str) -> str:
    r"""The text in one line, with every control character in a visible form.

    >>> escape_controls("\x1b[2Jall is well\n\u202egnp.exe")
    '\\x1b[2Jall is well\\x0a\\u202egnp.exe'
    """
    return _HIDDEN.sub(_write_escape, text)


def escape_lines(text: str) -> str:
    r"""The same for text in lines: line feeds and tabs stay.

    >>> escape_lines("one\n\ttwo\rthree\x9b2J")
    'one\n\ttwo\\x0dthree\\x9b2J'
    """
    return _HIDDEN_IN_LINES.sub(_write_escape, text)


def escape_json(document: str) -> str:
    r"""A JSON document that means the same and holds no control character beyond its own line feeds.

    >>> escape_json('"\u202e\x9b"')
    '"\\u202e\\u009b"'
    """
    return _HIDDEN_IN_JSON.sub(_write_json_escape, document)


def shorten_value(value: object) -> str:
    """A value as a message shows it: in Python's own form, cut to 40 characters, without control characters.

    >>> shorten_value("allow")
    "'allow'"
    >>> shorten_value("x" * 41)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' and 1 more character"
    >>> shorten_value(10 ** 100)
    'a whole number of 333 bits'
    """
    if isinstance(value, str | bytes):
        rest = len(value) - LONGEST_VALUE
        shown = escape_controls(repr(value[:LONGEST_VALUE]))
        return shown if rest <= 0 else f"{shown} and {rest} more character{'s' if rest > 1 else ''}"
    if isinstance(value, int) and value.bit_length() > LONGEST_VALUE * 3:
        # Python refuses to write a number of some thousand digits.
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, int | float | complex) or value is None:
        return repr(value)
    return shorten_text(str(value))


def shorten_text(text: str, longest: int = LONGEST_VALUE) -> str:
    """Text of others inside a message: in one line, cut.

    >>> shorten_text("ab" * 30, 10)
    'ababababab…'
    """
    cut = text[:longest]
    return escape_controls(cut) + ("…" if len(text) > longest else "")


def _write_escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number <= 0xFF:  # noqa: PLR2004 two hexadecimal digits
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"  # noqa: PLR2004 four digits


def _write_json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04x}" for at in range(0, len(units), 2))

"""Which line of a file the parser could not read because of what, in words of whoever wrote it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_FULL_WIDTH_SPACE = "\N{IDEOGRAPHIC SPACE}"
_CONFLICT = re.compile(r"(?:<{7}|>{7}|\|{7}) |={7}$")
_LONGEST_LINE = 1_000
_QUOTED = re.compile(r"""\"[^\"]*\"|'[^']*'""")
_WIDE_COLON = re.compile(r"[a-z0-9]\uff1a")
_WIDE_OPENING, _WIDE_CLOSING, _WIDE_COMMA = "\uff5b\uff3b", "\uff5d\uff3d", "\uff0c\u3001"
_DASHES = "\uff0d\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\u30fb\u2022"
"""Signs that stand for a '-' at the beginning of an item: other dashes, and the points of a list."""
_OTHER_DASH = re.compile(rf"\s*[{_DASHES}]\s")
_GLUED = re.compile(r"\s*(?:- )?([A-Za-z][A-Za-z0-9_-]*):([^\s:/].*)")
_EQUALS = re.compile(r"\s*(?:- )?([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(\S.*)")
_FIELD = re.compile(r"\s*(?:- )*[A-Za-z][A-Za-z0-9_-]*: ")
_RESERVED = re.compile(r"\s*(?:- +)*(?:[A-Za-z][A-Za-z0-9_-]*: *)?([@`%*&!|>])(?:\s*$|[^\s])")
_BEFORE = 3
"""Lines above the one that the parser names, in which the cause may stand."""


def explain_syntax(text: str, line: int) -> tuple[int, str] | None:
    r"""The line and the cause of what the parser could not read at a line; None where nothing is known of it.

    >>> explain_syntax("a:\u30001\nb: 2\n", 2)
    (1, 'a full-width space stands here; write an ordinary space')
    >>> explain_syntax("a:1\nb: 2\n", 2)
    (1, "no space stands behind the colon; write 'a: 1'")
    """
    lines = [one.rstrip("\r")[:_LONGEST_LINE] for one in text.split("\n")]
    for number, shown in enumerate(lines, 1):
        if _CONFLICT.match(shown.lstrip(" ")):
            return number, "a mark of a git conflict stands here; choose one side, and delete the marks"
    shown = lines[line - 1] if line <= len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return line, "a tab stands in the indentation; YAML allows only spaces there"
    near = range(min(line, len(lines)), max(0, line - 1 - _BEFORE), -1)
    for explain in (_find_odd_sign, _find_glued_value):
        for number in near:
            odd = explain(_strip_quoted(lines[number - 1]))
            if odd is not None:
                return number, odd
    return _find_open_end(lines, line) or _find_shape(lines, line)


def explain_name(name: str) -> str | None:
    """Why a field of this name is unknown, where a sign in it only looks like one of ours; None elsewhere.

    >>> explain_name("\u00a0vlan")
    'a space that does not break (U+00A0) stands here; write an ordinary space'
    """
    if "\N{FULLWIDTH COLON}" in name:
        return "a full-width colon stands here; write ':' and a space"
    if "\N{NO-BREAK SPACE}" in name:
        return _find_odd_sign(name)
    return find_invisible_sign(name)


def find_invisible_sign(text: str) -> str | None:
    r"""Name the first character of a text that nobody sees; None where there is none.

    >>> find_invisible_sign("as-e01\u200b")
    'an invisible character (U+200B) stands here; delete it'
    """
    hidden = next(
        (one for one in text if unicodedata.category(one) in {"Cf", "Cc", "Co", "Cn"} and one not in "\t\n"), None
    )
    return None if hidden is None else f"an invisible character (U+{ord(hidden):04X}) stands here; delete it"


def _strip_quoted(shown: str) -> str:
    """A line without what stands in quotes, and without its comment."""
    return _QUOTED.sub("''", shown).partition(" #")[0]


def _find_odd_sign(bare: str) -> str | None:
    """What stands in a line, without its quotes and its comment, that is no sign of YAML and looks like one."""
    values = [one.lstrip(" -") for one in bare.split(":")]
    begins = bare.lstrip(" ")
    wide_space = f":{_FULL_WIDTH_SPACE}" in bare or begins.startswith((_FULL_WIDTH_SPACE, f"-{_FULL_WIDTH_SPACE}"))
    wide_colon = "\N{FULLWIDTH COLON}" in bare and (":" not in bare or _WIDE_COLON.search(bare) is not None)
    wide_bracket = any(one.startswith(tuple(_WIDE_OPENING)) for one in values)
    causes = (
        (wide_space, "a full-width space stands here; write an ordinary space"),
        (wide_colon, "a full-width colon stands here; write ':' and a space"),
        ("\N{NO-BREAK SPACE}" in bare, "a space that does not break (U+00A0) stands here; write an ordinary space"),
        (_OTHER_DASH.match(bare), "another dash than '-' stands here; write '-' and a space"),
        (
            wide_bracket or _stands_in_brackets(bare, _WIDE_CLOSING),
            "a full-width bracket stands here; write an ordinary one, such as { or [",
        ),
        (_stands_in_brackets(bare, _WIDE_COMMA), "a full-width comma stands here; write ',' and a space"),
    )
    return next((cause for found, cause in causes if found), None) or find_invisible_sign(bare)


def _stands_in_brackets(bare: str, signs: str) -> bool:
    """Tell if one of these signs stands behind a bracket that is not closed before it."""
    is_open = False
    for sign in bare:
        if is_open and sign in signs:
            return True
        is_open = sign in "[{" or (is_open and sign not in "]}")
    return False


def _find_glued_value(bare: str) -> str | None:
    """A field and its value that are not parted by a colon and a space."""
    if "\t" in bare:
        return "a tab stands here; write spaces"
    if _FIELD.match(bare):
        return None
    glued = _GLUED.fullmatch(bare)
    if glued:
        return f"no space stands behind the colon; write '{glued[1]}: {glued[2].strip()[:40]}'"
    equals = _EQUALS.fullmatch(bare)
    return (
        f"'=' stands between a field and its value; write '{equals[1]}: {equals[2].strip()[:40]}'" if equals else None
    )


def _find_open_end(lines: Sequence[str], line: int) -> tuple[int, str] | None:
    """The line, up to the one that the parser names, whose quote or bracket is not closed."""
    for number, shown in enumerate(lines[:line], 1):
        whole = shown.partition(" #")[0]
        for quote in ('"', "'"):
            value = whole.partition(": ")[2].strip() or whole.strip(" -")
            if value.startswith(quote) and value.count(quote) % 2:
                return number, f"a quote ({quote}) is opened here and not closed; close it in the same line"
    bare = _strip_quoted(lines[line - 1]) if line <= len(lines) else ""
    for first, last in ("[]", "{}"):
        if bare.count(first) > bare.count(last):
            return line, f"a bracket is opened here and not closed; write the missing '{last}'"
        if bare.count(first) < bare.count(last):
            return line, f"a bracket is closed here and was not opened; delete '{last}', or write '{first}' before it"
    return None


def _find_shape(lines: Sequence[str], line: int) -> tuple[int, str] | None:
    """What is wrong with a line among the others: a sign that begins no value, a second colon, another column."""
    if line > len(lines):
        return None
    bare = _strip_quoted(lines[line - 1])
    reserved = _RESERVED.match(bare)
    if reserved and reserved[1] not in "&|>":
        return line, f"a value cannot begin with '{reserved[1]}'; put it in quotes"
    if bare.count(": ") > 1 and not any(sign in bare for sign in "{["):
        return line, "a second ': ' stands in this line; put the value in quotes"
    above = next((one for one in reversed(lines[: line - 1]) if one.strip() and not one.lstrip().startswith("#")), "")
    column, before = _find_column(bare), _find_column(above)
    if _FIELD.match(f"{above} ") and bare.strip() and column != before:
        return line, (
            f"this line begins at column {column + 1}, the field above it at {before + 1}; fields of one item begin at "
            "the same column, an item of a list with '- '"
        )
    return None


def _find_column(shown: str) -> int:
    """The column at which the field of a line begins, behind the '- ' of its item."""
    return len(shown) - len(shown.lstrip(" -"))

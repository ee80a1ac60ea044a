"""What people most likely meant where a policy file cannot be read: said in words, with what to write instead.

The parser and pydantic say what they found wrong; these say what a person did: a full-width character, a merge that is
not ended, a netmask, a table of a spreadsheet.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date

_FULL_WIDTH_SPACE = "\N{IDEOGRAPHIC SPACE}"
_CONFLICT = re.compile(r"(?:<{7}|>{7}|\|{7}) |={7}$")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"([-+]?)0([0-9]+)")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?")
_TRUTH = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NETMASK = re.compile(r"(\S+)[ /]((?:[0-9]{1,3}\.){3}[0-9]{1,3})")
_DATE = re.compile(r"(?=[0-9]{8}$|[0-9]{4}[^0-9])([0-9]{4})[-./年]?([0-9]{1,2})[-./月]?([0-9]{1,2})日?")
_LONGEST_NUMBER = 20
_LONGEST_LINE = 1_000
_QUOTED = re.compile(r"""\"[^\"]*\"|'[^']*'""")
_WIDE_COLON = re.compile(r"[a-z0-9]\uff1a")
_WIDE_OPENING, _WIDE_CLOSING, _WIDE_COMMA = "\uff5b\uff3b", "\uff5d\uff3d", "\uff0c\u3001"
_BEFORE = 3
"""Lines above the one that the parser names, in which the cause may stand."""
_ID_PATTERN = "^[a-z0-9][a-z0-9-]"
_PATTERN_MESSAGE = "String should match pattern '"


def explain_syntax(text: str, line: int) -> tuple[int, str] | None:
    r"""The line and the cause of what the parser could not read at a line; None where nothing is known of it.

    >>> explain_syntax("a:\u30001\nb: 2\n", 2)
    (1, 'a full-width space stands here; write an ordinary space')
    """
    lines = text.split("\n")
    for number, shown in enumerate(lines, 1):
        if _CONFLICT.match(shown.lstrip(" ")):
            return number, "a mark of a git conflict stands here; choose one side, and delete the marks"
    shown = lines[line - 1] if line <= len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return line, "a tab stands in the indentation; YAML allows only spaces there"
    for number in range(min(line, len(lines)), max(0, line - 1 - _BEFORE), -1):
        bare = _QUOTED.sub("''", lines[number - 1][:_LONGEST_LINE]).partition(" #")[0]
        if f":{_FULL_WIDTH_SPACE}" in bare or bare.lstrip(" ").startswith((_FULL_WIDTH_SPACE, f"-{_FULL_WIDTH_SPACE}")):
            return number, "a full-width space stands here; write an ordinary space"
        odd = _find_odd_sign(bare)
        if odd is not None:
            return number, odd
    return None


def _find_odd_sign(bare: str) -> str | None:
    """What stands in a line, without its quotes and its comment, that is no sign of YAML and looks like one."""
    if "\N{FULLWIDTH COLON}" in bare and (":" not in bare or _WIDE_COLON.search(bare)):
        return "a full-width colon stands here; write ':' and a space"
    if "\N{NO-BREAK SPACE}" in bare:
        return "a space that does not break (U+00A0) stands here; write an ordinary space"
    values = (one.lstrip(" -") for one in bare.split(":"))
    if any(one.startswith(tuple(_WIDE_OPENING)) for one in values) or _stands_in_brackets(bare, _WIDE_CLOSING):
        return "a full-width bracket stands here; write an ordinary one, such as { or ["
    if _stands_in_brackets(bare, _WIDE_COMMA):
        return "a full-width comma stands here; write ',' and a space"
    return None


def _stands_in_brackets(bare: str, signs: str) -> bool:
    """Tell if one of these signs stands behind a bracket that is not closed before it."""
    is_open = False
    for sign in bare:
        if is_open and sign in signs:
            return True
        is_open = sign in "[{" or (is_open and sign not in "]}")
    return False


def explain_field(name: str) -> str | None:
    """Why a field of this name is unknown, where a sign in it only looks like one of ours; None elsewhere.

    >>> explain_field("\u00a0vlan")
    'a space that does not break (U+00A0) stands here; write an ordinary space'
    """
    if "\N{FULLWIDTH COLON}" in name:
        return "a full-width colon stands here; write ':' and a space"
    if "\N{NO-BREAK SPACE}" in name:
        return _find_odd_sign(name)
    return _explain_width(name)


def explain_number(written: str) -> str | None:
    """Why an unquoted whole number is not read: YAML 1.1 means another one than people do. None where it is plain.

    >>> explain_number("010")
    'a number with leading zeros; write 10, or put it in quotes if it is text'
    >>> explain_number("0x1f")
    'not a plain decimal number; write it in digits, or put it in quotes if it is text'
    """
    if _DECIMAL.fullmatch(written):
        return None
    zeros = _LEADING_ZERO.fullmatch(written)
    if zeros:
        plain = zeros[2].lstrip("0") or "0"
        return f"a number with leading zeros; write {zeros[1]}{plain}, or put it in quotes if it is text"
    if _CLOCK.fullmatch(written):
        return f'a number to YAML; write the time as "{written}", in quotes, and a number in digits'
    return "not a plain decimal number; write it in digits, or put it in quotes if it is text"


def looks_like_padded_number(written: str) -> bool:
    """Tell if a text is digits behind a zero: YAML 1.1 takes 08 for text, and 07 for a number."""
    return _LEADING_ZERO.fullmatch(written) is not None


def explain_fraction(written: str) -> str | None:
    """Why an unquoted number with a fraction is not read: as `explain_number`. None where it is plain.

    >>> explain_fraction("0.5"), explain_fraction("1_0.5")
    (None, 'not a plain decimal number; write it in digits, or put it in quotes if it is text')
    """
    return None if _FRACTION.fullmatch(written) else explain_number(written)


def explain_truth(written: str) -> str | None:
    """Why an unquoted word is not read as true or false; None where it is one of these."""
    if written in _TRUTH:
        return None
    return "read as true or false by some programs; write true or false, or put it in quotes if it is text"


def explain_day(written: str) -> str | None:
    """Why what looks like a day is none; None where it is one, or a moment."""
    parts = _DATE.fullmatch(written)
    if parts is None or _find_day(parts) is not None:
        return None
    return "no day of any calendar; write a date as 2026-12-01, or put it in quotes if it is text"


def explain_value(kind: str, message: str, found: object) -> str | None:
    """What a refused value most likely was meant to be; None where nothing is known of it.

    Args:
        kind: pydantic's name of what is wrong.
        message: pydantic's words, or Python's.
        found: what stood there.

    >>> explain_value("date_parsing", "", "2026/4/6")
    'write a date as 2026-04-06'
    """
    if not isinstance(found, str):
        return _explain_other_kind(kind, found)
    small = found.lower() if message.startswith(f"{_PATTERN_MESSAGE}{_ID_PATTERN}") else found
    return _explain_width(small) or _find_explanation(kind, message)(found)


def _explain_other_kind(kind: str, found: object) -> str | None:
    """What a number, a truth value or a time was meant to be, where something else is needed.

    >>> _explain_other_kind("int_type", 10.0), _explain_other_kind("date_parsing", 20270331)
    ('write a whole number in digits, without a fraction', 'write a date as 2027-03-31')
    """
    if kind == "string_type" and isinstance(found, bool):
        return "read as true or false; put it in quotes if it is text"
    if kind == "date_parsing":
        return explain_date(str(found))
    fraction = ", without a fraction" if isinstance(found, float) else ""
    return {
        "int_type": f"write a whole number in digits{fraction}",
        "float_type": "write a number in digits",
        "bool_type": "write true or false",
    }.get(kind)


def _explain_whole_number(found: str) -> str:
    plain = found.strip()
    if _DECIMAL.fullmatch(plain) or looks_like_padded_number(plain):
        return f"write {int(plain) if len(plain) < _LONGEST_NUMBER else 'it'} without quotes"
    return "write a whole number in digits"


def _find_explanation(kind: str, message: str) -> Callable[[str], str | None]:
    if "does not appear to be an IPv" in message:
        return _explain_network
    if message.startswith(f"{_PATTERN_MESSAGE}{_ID_PATTERN}"):
        return _explain_id
    return _EXPLAINED.get(kind, _explain_nothing)


def _explain_id(found: str) -> str:
    example = re.sub(r"[^a-z0-9]+", "-", found.lower()).strip("-")[:38] or "kw-e01"
    return f"write lower-case letters, digits and '-', such as {example}; a name for people goes into 'name'"


def _explain_width(found: str) -> str | None:
    narrow = unicodedata.normalize("NFKC", found)
    if narrow != found and narrow.isascii():
        return f"full-width characters; write {narrow[:40]}"
    return None


def _explain_table(found: str) -> str | None:
    if found.count(",") > 1:
        return "looks like a table of comma-separated values; a policy file is YAML"
    if "\t" in found:
        return "looks like a table, its values between tabs; a policy file is YAML"
    return None


def _explain_network(found: str) -> str | None:
    netmask = _NETMASK.fullmatch(found)
    if netmask:
        bits = "".join(f"{int(part) & 255:08b}" for part in netmask[2].split("."))
        length = f"/{bits.count('1')}" if "01" not in bits else "/LENGTH"
        return f"write a prefix with its length, such as {netmask[1][:40]}{length}"
    return "write an address or a prefix with its length, such as 10.0.0.0/8 or 2001:db8::/32"


def explain_date(found: str) -> str:
    """How a day is written, and if what was found can be made out, that day."""
    parts = _DATE.fullmatch(found)
    if parts is None:
        return "write a date as 2026-12-01"
    day = _find_day(parts)
    return f"write a date as {day}" if day else "there is no such day; write a date as 2026-12-01"


def _find_day(parts: re.Match[str]) -> date | None:
    try:
        return date(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError:
        return None


def _explain_nothing(found: str) -> str | None:
    del found
    return None


_EXPLAINED: dict[str, Callable[[str], str | None]] = {
    "date_from_datetime_parsing": explain_date,
    "date_parsing": explain_date,
    "model_type": _explain_table,
    "int_type": _explain_whole_number,
    "float_type": lambda _: "write a number in digits, without quotes",
    "bool_type": lambda _: "write true or false, without quotes",
}

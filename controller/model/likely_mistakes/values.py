"""What a refused value, number or name most likely was meant to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from functools import partial
from ipaddress import ip_interface

from controller.inputs.near_matches import suggest_names
from controller.model.likely_mistakes.syntax import find_invisible_sign

_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"([-+]?)0([0-9]+)")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?")
_TRUTH = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_NETMASK = re.compile(r"(\S+)[ /]((?:[0-9]{1,3}\.){3}[0-9]{1,3})")
_DATE = re.compile(r"(?=[0-9]{8}$|[0-9]{4}[^0-9])([0-9]{4})[-./年]?([0-9]{1,2})[-./月]?([0-9]{1,2})日?")
_LONGEST_NUMBER = 20
_ID_PATTERN = "^[a-z0-9][a-z0-9-]"
_PATTERN_MESSAGE = "String should match pattern '"
_NAMED = re.compile(r"'([^']*)'")
_BOUND = re.compile(r"Input should be (greater|less) than (or equal to )?(-?[0-9.]+)")
_ITEMS = re.compile(r"(?:Tuple|List) should have at (least|most) ([0-9]+) items?")
_BEGIN = re.compile(r"\^([A-Za-z:/]+)(?![?*{])")
_CLASS = re.compile(r"\[((?:[^\[\]\\]|\\.){1,80})\]")
"""A class of signs in a pattern of a model; ours hold no bracket and are short."""
_HOST_BITS = "has host bits set"


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
    bound = _explain_bound(message)
    if bound is not None:
        return bound
    if not isinstance(found, str):
        return _explain_choice(kind, message, str(found)) or _explain_other_kind(kind, found)
    hidden = find_invisible_sign(found)
    if hidden is not None and not message.startswith("may not hold"):
        return hidden
    small = found.lower() if message.startswith(f"{_PATTERN_MESSAGE}{_ID_PATTERN}") else found
    return explain_width(small) or _explain_choice(kind, message, found) or _find_explanation(kind, message)(found)


def _explain_bound(message: str) -> str | None:
    """What lies within the bounds of a number or a list; None where the message is about something else.

    >>> _explain_bound("Input should be greater than or equal to 0")
    'write 0 or more'
    """
    number = _BOUND.match(message)
    if number:
        way = "more" if number[1] == "greater" else "less"
        return f"write {number[3]} or {way}" if number[2] else f"write {way} than {number[3]}"
    items = _ITEMS.match(message)
    if items:
        return f"needs at {items[1]} {items[2]} {'item' if items[2] == '1' else 'items'}"
    return None


def _explain_choice(kind: str, message: str, found: str) -> str | None:
    """The words that may stand there, and the one that was most likely meant.

    >>> _explain_choice("literal_error", "Input should be 'permit' or 'forbid'", "Permit")
    'write one of: permit, forbid; did you mean permit?'
    """
    if kind not in {"literal_error", "enum"}:
        return None
    words = _NAMED.findall(message)
    return f"write one of: {', '.join(words)}{suggest_names(found, words)}" if words else None


def _explain_other_kind(kind: str, found: object) -> str | None:
    """What a number, a truth value or a time was meant to be, where something else is needed.

    >>> _explain_other_kind("int_type", 10.0), _explain_other_kind("date_parsing", 20270331)
    ('write a whole number in digits, without a fraction', 'write a date as 2027-03-31')
    """
    if kind == "string_type" and isinstance(found, bool):
        return "read as true or false; put it in quotes if it is text"
    if kind == "string_type":
        return "write a text" if found is None or isinstance(found, list | dict) else "write it in quotes: it is a text"
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
    if "does not appear to be an IPv" in message or "Octet" in message:
        return _explain_network
    if _HOST_BITS in message:
        return _explain_host_bits
    if message.startswith(f"{_PATTERN_MESSAGE}{_ID_PATTERN}"):
        return _explain_id
    if message.startswith(_PATTERN_MESSAGE):
        return partial(_explain_pattern, message.removeprefix(_PATTERN_MESSAGE).removesuffix("'"))
    return _EXPLAINED.get(kind, _explain_nothing)


def _explain_pattern(pattern: str, found: str) -> str:
    """Say in words how a pattern begins, or which signs it takes; people are shown no regular expression.

    >>> _explain_pattern("^[a-z][a-z0-9.-]{0,14}$", "Q")
    "write only small letters, digits, '-', '.', and no more than may stand there"
    >>> _explain_pattern("^https://[a-z]{1,9}$", "http://x"), _explain_pattern("^[a-z]{1,9}@[a-z]{1,9}$", "nobody")
    ("begin it with 'https://'", "'@' is missing")
    """
    begin = _BEGIN.match(pattern)
    if begin is not None and not found.startswith(begin[1]):
        return f"begin it with '{begin[1]}'"
    if "@" in _CLASS.sub("", pattern) and "@" not in found:
        return "'@' is missing"
    classes = [one for one in _CLASS.findall(pattern) if not one.startswith("^")]
    if not classes:
        return "write a text that is not empty"
    allowed = [re.compile(f"[{one}]") for one in classes]
    kinds = {"small letters": "m", "large letters": "M", "digits": "5", **{f"'{sign}'": sign for sign in "-_./:@+ "}}
    words = [word for word, sample in kinds.items() if any(one.match(sample) for one in allowed)]
    return f"write only {', '.join(words)}, and no more than may stand there"


def _explain_id(found: str) -> str:
    example = re.sub(r"[^a-z0-9]+", "-", found.lower()).strip("-")[:38] or "kw-e01"
    return f"write lower-case letters, digits and '-', such as {example}; a name for people goes into 'name'"


def explain_width(found: str) -> str | None:
    r"""What a text in full-width characters is in ordinary ones; None where it holds none.

    >>> explain_width("\uff11\uff15\uff14")
    'full-width characters; write 154'
    """
    narrow = unicodedata.normalize("NFKC", found)
    if narrow != found and narrow.isascii():
        return f"full-width characters; write {narrow[:40]}"
    return None


def _explain_table(found: str) -> str | None:
    if found.lstrip().lower().startswith(("<!doctype", "<html", "<?xml")):
        return "looks like a web page; a policy file is YAML"
    if found.count(",") > 1:
        return "looks like a table of comma-separated values; a policy file is YAML"
    if "\t" in found:
        return "looks like a table, its values between tabs; a policy file is YAML"
    return None


def _explain_network(found: str) -> str | None:
    netmask = _NETMASK.fullmatch(found)
    if netmask:
        bits = "".join(f"{int(part) & 255:08b}" for part in netmask[2].split("."))
        # 1s before 0s are a netmask, 0s before 1s the wildcard of an access list.
        ones = bits.count("1") if "01" not in bits else bits.count("0") if "10" not in bits else None
        length = "LENGTH" if ones is None else str(ones)
        return f"write a prefix with its length, such as {netmask[1][:40]}/{length}"
    plain = "/".join(part.strip(" .,") for part in found.replace("\u3002", ".").replace("\u3000", " ").split("/"))
    if plain != found:
        meant = _read_prefix(plain)
        if meant:
            return f"write a prefix with its length, such as {meant}"
    return "write an address or a prefix with its length, such as 10.0.0.0/8 or 2001:db8::/32"


def _explain_host_bits(found: str) -> str | None:
    meant = _read_prefix(found)
    return f"has host bits set; write {meant}, or the prefix that is meant" if meant else None


def _read_prefix(text: str) -> str:
    """Return a text as a prefix; empty where it is none.

    >>> _read_prefix("10.0.0.1/8")
    '10.0.0.0/8'
    """
    try:
        return str(ip_interface(text).network)
    except ValueError:
        return ""


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

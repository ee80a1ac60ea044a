"""One value against what the provider's source says of it: enums, patterns, ranges, lengths, formats."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from controller.offline_google.schema.pulumi_values import Value

_SCALARS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "number": (int, float),
    "bool": (bool,),
    "object": (dict,),
}
_UNICODE_LETTER = r"[^\W\d_]"
"""What `\\p{L}` means, in the words of Python's `re`."""


def has_type(value: Value, name: str) -> bool:
    """A value is of a type of the facts; a bool is no number."""
    if name == "any":
        return True
    if isinstance(value, bool):
        return name == "bool"
    return isinstance(value, _SCALARS.get(name, (object,)))


def find_complaints(facts: Mapping[str, Any], value: Value) -> Iterator[str]:
    """What is wrong with a known value of the right type."""
    if isinstance(value, str):
        if value == "" and (facts.get("orEmpty") or "" in facts.get("enum", ())):
            return
        yield from _of_text(facts, value)
    elif isinstance(value, bool):
        pass
    elif isinstance(value, int | float):
        yield from _of_number(facts, value)
    elif isinstance(value, dict):
        yield from _of_keys(facts, value)
    elif isinstance(value, list):
        yield from _of_length(facts, value)
    yield from _of_enum(facts, value)


def _of_enum(facts: Mapping[str, Any], value: Value) -> Iterator[str]:
    allowed = facts.get("enum")
    if allowed is not None and not isinstance(value, list | dict):
        fold = facts.get("enumIgnoreCase")
        matches = str(value).lower() in {str(entry).lower() for entry in allowed} if fold else value in allowed
        if not matches:
            listed = ", ".join(repr(entry) for entry in allowed if entry != "")
            yield f"expected one of {listed}; got {value!r}"
    if value in facts.get("notEnum", ()):
        yield f"{value!r} is not allowed"


def _of_text(facts: Mapping[str, Any], text: str) -> Iterator[str]:
    pattern = facts.get("pattern")
    if pattern is not None and not _compiled(pattern).search(text):
        yield f"{text!r} does not match the pattern {pattern}"
    forbidden = facts.get("notPattern")
    if forbidden is not None and _compiled(forbidden).search(text):
        yield f"{text!r} matches the pattern {forbidden}, which is not allowed"
    if "len" in facts:
        least, most = facts["len"]
        if not _between(len(text.encode()), least, most):
            yield f"expected {_bounds(least, most)} bytes; got {len(text.encode())}"
    if "secondsRange" in facts and re.fullmatch(r"[0-9.]*\d(s)", text):
        least, most = facts["secondsRange"]
        if not _between(float(text.removesuffix("s")), least, most):
            yield f"expected {_bounds(least, most)} seconds; got {text!r}"
    named = str(facts.get("format"))
    if named in _FORMATS and not _FORMATS[named](text):
        yield f"{text!r} is not of the format {named}"
    if "prefix" in facts:
        least, most = facts["prefix"]
        if not _between(int(text.rpartition("/")[2] or -1), least, most):
            yield f"expected a prefix length of {_bounds(least, most)}; got {text!r}"


def _of_number(facts: Mapping[str, Any], number: float) -> Iterator[str]:
    ranges: Sequence[Sequence[float | None]] = facts.get("ranges") or ([facts["range"]] if "range" in facts else ())
    if ranges and not any(_between(number, *limits) for limits in ranges):
        listed = " or ".join(_bounds(*limits) for limits in ranges)
        yield f"expected {listed}; got {number}"
    elif facts.get("exclusiveMin") and ranges and number == ranges[0][0]:
        yield f"expected more than {ranges[0][0]}; got {number}"


def _of_keys(facts: Mapping[str, Any], entries: Mapping[str, Value]) -> Iterator[str]:
    if "keys" in facts:
        wrong = [key for key in entries if not _compiled(facts["keys"]).search(key)]
        if wrong:
            yield f"the keys {wrong} do not match the pattern {facts['keys']}"
    if "notKeys" in facts:
        wrong = [key for key in entries if _compiled(facts["notKeys"]).search(key)]
        if wrong:
            yield f"the keys {wrong} match the pattern {facts['notKeys']}, which is not allowed"


def _of_length(facts: Mapping[str, Any], items: Sequence[Value]) -> Iterator[str]:
    if not _between(len(items), facts.get("minItems"), facts.get("maxItems")):
        yield f"expected {_bounds(facts.get('minItems'), facts.get('maxItems'))} items; got {len(items)}"


def _between(number: float, least: float | None, most: float | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def _bounds(least: float | None, most: float | None) -> str:
    if most is None:
        return f"at least {least}"
    if least is None:
        return f"at most {most}"
    return f"{least} to {most}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace(r"\p{L}", _UNICODE_LETTER).replace(r"\z", r"\Z"))


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def judge(text: str) -> bool:
        try:
            parse(text)
        except (ValueError, binascii.Error):
            return False
        return True

    return judge


def _cidr(text: str) -> object:
    if "/" not in text:
        message = "no prefix length"
        raise ValueError(message)
    return ipaddress.ip_interface(text)


def _json_list(text: str) -> None:
    if not isinstance(json.loads(text), list):
        message = "not a list"
        raise ValueError(message)  # noqa: TRY004 every format answers with the same error


def _policy(text: str) -> None:
    known = {"bindings", "auditConfigs", "etag", "version"}
    if not isinstance(found := json.loads(text), dict) or not found.keys() <= known:
        message = "not an IAM policy"
        raise ValueError(message)


_FORMATS: Mapping[str, Callable[[str], bool]] = {
    "json": _parses(json.loads),
    "json-array": _parses(_json_list),
    "iam-policy-json": _parses(_policy),
    "ip": _parses(ipaddress.ip_address),
    "cidr": _parses(_cidr),
    "cidr-network": _parses(ipaddress.ip_network),
    "rfc1918-cidr-network": _parses(ipaddress.IPv4Network),
    "rfc3339": _parses(datetime.fromisoformat),
    "HH:MM": lambda text: re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text) is not None,
    "HH:00": lambda text: re.fullmatch(r"([01]\d|2[0-3]):00", text) is not None,
    "go-duration": lambda text: re.fullmatch(r"-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+|0", text) is not None,
    "base64": _parses(lambda text: base64.b64decode(text, validate=True)),
    "regex-or-empty": _parses(re.compile),
}

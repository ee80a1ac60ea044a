"""OTLP/JSON as the protobuf message that it stands for.

It is proto3's JSON with OTLP's own rules: keys in lowerCamelCase alone, enumerations as numbers, ids of traces and
spans in hexadecimal. Keys that nobody knows are passed over, as fields of a protobuf message are.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from functools import cache
from typing import TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.shown_text import shorten_value
from monitoring.limits import MOST_UNPACKED
from monitoring.timeseries.records import MalformedRequest

Made = TypeVar("Made", bound=Message)

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
_HEX = re.compile(r"[0-9a-fA-F]*")
_WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_NO_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_EXACT = 2.0**53
_STRUCTURE = b"{[,"
"""What each value of a JSON text but the first has before it."""
_BESIDE = "stands beside another value of which there may be one alone"


class _Wrong(Exception):
    """A value is not what its field takes; `where` leads to it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.where: list[str] = []


def parse_json_request(body: bytes, kind: type[Made], most: int) -> Made:
    """The message of a JSON text with at most so many values.

    Raises:
        MalformedRequest: it is no JSON, holds more, or a value is not what its field takes.
    """
    if sum(body.count(one) for one in _STRUCTURE) > most:
        message = f"a request has at most {most} values, points and attributes included"
        raise MalformedRequest(message)
    made = kind()
    try:
        found = parse_json(body, most_bytes=MOST_UNPACKED)
        _fill(made, found)
    except JsonRefused as error:
        message = f"the body is no OTLP JSON request: {error}"
        raise MalformedRequest(message) from None
    except _Wrong as error:
        where = "".join(error.where).removeprefix(".") or "the whole"
        message = f"the body is no OTLP JSON request: {where} {error}"
        raise MalformedRequest(message) from None
    return made


def _fill(message: Message, table: object) -> None:
    """Put a JSON object into a message.

    Raises:
        _Wrong: a value is not what its field takes.
    """
    if not isinstance(table, dict):
        raise _Wrong(_expected("an object", table))
    fields = _list_fields(message.DESCRIPTOR)
    chosen: set[str] = set()
    for key, value in table.items():
        field = fields.get(key)
        if field is None or value is None:
            continue
        try:
            if field.containing_oneof is not None:
                if field.containing_oneof.name in chosen:
                    raise _Wrong(_BESIDE)  # noqa: TRY301 one place for the path
                chosen.add(field.containing_oneof.name)
            _set_field(message, field, value)
        except _Wrong as error:
            error.where.insert(0, f".{key}")
            raise


def _set_field(message: Message, field: FieldDescriptor, value: object) -> None:
    if not field.is_repeated:
        if field.message_type is None:
            _assign(message, field, _read_scalar(field, value))
            return
        inner = getattr(message, field.name)
        inner.SetInParent()
        _fill(inner, value)
        return
    if not isinstance(value, list):
        raise _Wrong(_expected("a list", value))
    items = getattr(message, field.name)
    for number, one in enumerate(value):
        try:
            if field.message_type is not None:
                _fill(items.add(), one)
            else:
                _append(items, _read_scalar(field, one))
        except _Wrong as error:
            error.where.insert(0, f"[{number}]")
            raise


def _assign(message: Message, field: FieldDescriptor, value: object) -> None:
    try:
        setattr(message, field.name, value)
    except (ValueError, OverflowError):
        raise _Wrong(_expected("a number in the field's range", value)) from None


def _append(items: list[object], value: object) -> None:
    try:
        items.append(value)
    except (ValueError, OverflowError):
        raise _Wrong(_expected("a number in the field's range", value)) from None


def _read_scalar(field: FieldDescriptor, value: object) -> object:
    """A value as its field has it.

    Raises:
        _Wrong: it is none.
    """
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return _read_bytes(field, value)
        case FieldDescriptor.CPPTYPE_STRING:
            if isinstance(value, str):
                return value
            raise _Wrong(_expected("a text", value))
        case FieldDescriptor.CPPTYPE_BOOL:
            if isinstance(value, bool):
                return value
            raise _Wrong(_expected("true or false", value))
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return _read_float(value)
        case FieldDescriptor.CPPTYPE_ENUM if isinstance(value, str):
            raise _Wrong(_expected("the number of an enumeration, not its name", value))
        case _:
            return _read_whole(value)


def _read_bytes(field: FieldDescriptor, value: object) -> bytes:
    if not isinstance(value, str):
        raise _Wrong(_expected("a text", value))
    if field.camelcase_name in _IDS:
        if len(value) % 2 or _HEX.fullmatch(value) is None:
            raise _Wrong(_expected("an id in hexadecimal", value))
        return bytes.fromhex(value)
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise _Wrong(_expected("base64", value)) from None


def _read_float(value: object) -> float:
    if isinstance(value, str) and value in _NO_NUMBERS:
        return _NO_NUMBERS[value]
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise _Wrong(_expected("a number", value))


def _read_whole(value: object) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    raise _Wrong(_expected("a whole number", value))


def _expected(what: str, value: object) -> str:
    shown = {dict: "an object", list: "a list", type(None): "null"}.get(type(value))
    return f"must be {what}, not {shown or shorten_value(value)}"


@cache  # there are as many as kinds of messages
def _list_fields(kind: Descriptor) -> dict[str, FieldDescriptor]:
    return {field.camelcase_name: field for field in kind.fields}

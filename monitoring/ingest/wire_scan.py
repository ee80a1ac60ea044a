"""How many messages a protobuf body holds, before any of them is made: two bytes can stand for an object of ours."""

from __future__ import annotations

from functools import cache
from typing import Final

from google.protobuf.descriptor import Descriptor

from monitoring.timeseries.records import MalformedRequest

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}
_LONGEST_VARINT = 10
_MORE = 0x80
"""The bit of a byte of a number that says that more follow."""
_BROKEN = "the body is no OTLP protobuf request: a field does not end within its message"


def refuse_many_messages(body: bytes, kind: Descriptor, most: int) -> None:
    """Refuse a body with more messages and repeated values, at any depth, than a number; in time linear to it.

    Raises:
        MalformedRequest: it holds more, or is no protobuf.
    """
    try:
        _count_messages(body, kind, most)
    except IndexError:
        raise MalformedRequest(_BROKEN) from None


def _count_messages(body: bytes, kind: Descriptor, most: int) -> None:
    count = 0
    waiting = [(0, len(body), kind)]
    while waiting:
        place, end, of = waiting.pop()
        inner, counted = _describe(of)
        while place < end:
            number, start, place, is_bytes = _read_field(body, place)
            if number in counted:
                count += 1
                if count > most:
                    message = f"a request has at most {most} messages, points and attributes included"
                    raise MalformedRequest(message)
            if is_bytes and start < place and number in inner:
                waiting.append((start, place, inner[number]))
        if place != end:
            raise MalformedRequest(_BROKEN)


def _read_field(body: bytes, place: int) -> tuple[int, int, int, bool]:
    """A field's number, where its value begins and ends, and whether that is bytes, e.g. a message."""
    tag, place = body[place], place + 1
    if tag >= _MORE:
        tag, place = _read_varint(body, place - 1)
    form = tag & 7
    if form == _BYTES:
        length, place = body[place], place + 1
        if length >= _MORE:
            length, place = _read_varint(body, place - 1)
        return tag >> 3, place, place + length, True
    if form == _VARINT:
        return tag >> 3, place, _read_varint(body, place)[1], False
    if form in _FIXED:
        return tag >> 3, place, place + _FIXED[form], False
    raise MalformedRequest(_BROKEN)  # groups, which no message of OTLP has, and forms that nothing has


@cache  # there are as many as kinds of messages
def _describe(kind: Descriptor) -> tuple[dict[int, Descriptor], set[int]]:
    """The fields of a kind of message that hold messages, and those that count: also what stands repeatedly."""
    inner = {field.number: field.message_type for field in kind.fields if field.message_type is not None}
    return inner, inner.keys() | {field.number for field in kind.fields if field.is_repeated}


def _read_varint(body: bytes, place: int) -> tuple[int, int]:
    """A number, and where what follows it begins."""
    value = 0
    for step in range(_LONGEST_VARINT):
        byte = body[place + step]
        value |= (byte & (_MORE - 1)) << (7 * step)
        if byte < _MORE:
            return value, place + step + 1
    raise MalformedRequest(_BROKEN)

"""Results as a request of OTLP/HTTP in protobuf, and how much of it the monitor did not take.

Only the fields that a gauge needs, by the numbers of `opentelemetry/proto/metrics/v1/metrics.proto`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from controller.probe_agent.result_store import Result

_BYTES, _FIXED64 = 2, 1
_SEVEN_BITS, _MORE = 0x7F, 0x80
_MOST_VARINT = 10
"""Bytes of a number."""


def encode_metrics(resource: Mapping[str, str], results: Sequence[Result], units: Mapping[str, str]) -> bytes:
    """An `ExportMetricsServiceRequest` with a gauge for each metric."""
    ordered = sorted(results, key=attrgetter("metric"))
    metrics = b"".join(
        _field(2, _text(1, name) + _text(3, units[name]) + _field(5, b"".join(_point(one) for one in group)))
        for name, group in groupby(ordered, key=attrgetter("metric"))
    )
    described = b"".join(_attribute(1, name, value) for name, value in resource.items())
    return _field(1, _field(1, described) + _field(2, _field(1, _text(1, "tsunagu-probe")) + metrics))


def read_refusal(answer: bytes) -> tuple[int, str]:
    """How many points of a request were not taken, and why: of an `ExportMetricsServiceResponse`; (0, "") of another.

    >>> read_refusal(bytes.fromhex("0a0608021202") + b"no"), read_refusal(b"")
    ((2, 'no'), (0, ''))
    """
    partial = _find_fields(answer).get(1, b"")
    if not isinstance(partial, bytes):
        return 0, ""
    found = _find_fields(partial)
    count, reason = found.get(1, 0), found.get(2, b"")
    if not isinstance(count, int) or not isinstance(reason, bytes):
        return 0, ""
    return count, reason.decode("utf-8", "replace")


def read_status(answer: bytes) -> str:
    """Why a request was refused: the message of a `google.rpc.Status`; empty of another.

    >>> read_status(bytes.fromhex("08071202") + b"no")
    'no'
    """
    message = _find_fields(answer).get(2, b"")
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else ""


def _point(one: Result) -> bytes:
    attributes = b"".join(_attribute(7, name, value) for name, value in one.attributes)
    moment = struct.pack("<Q", max(0, round(one.at * 1e6) * 1_000))
    return _field(1, attributes + _key(3, _FIXED64) + moment + _key(4, _FIXED64) + struct.pack("<d", one.value))


def _attribute(number: int, name: str, value: str) -> bytes:
    return _field(number, _text(1, name) + _field(2, _text(1, value)))


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(content)) + content


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > _SEVEN_BITS:
        written.append(number & _SEVEN_BITS | _MORE)
        number >>= 7
    return bytes((*written, number))


def _find_fields(message: bytes) -> dict[int, int | bytes]:
    """The numbers and byte strings of a message by their field; nothing more from where it is none."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(message):
        key, at = _take_varint(message, at)
        value, at = _take_varint(message, at)
        if at < 0 or key & 7 not in (0, _BYTES):
            break
        if key & 7 == _BYTES:
            found[key >> 3] = message[at : at + value]
            at += value
        else:
            found[key >> 3] = value
    return found


def _take_varint(message: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends; -1 where it has no end."""
    number = 0
    for place, byte in enumerate(message[at : at + _MOST_VARINT] if at >= 0 else b""):
        number |= (byte & _SEVEN_BITS) << 7 * place
        if byte < _MORE:
            return number, at + place + 1
    return 0, -1

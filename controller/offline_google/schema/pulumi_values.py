"""Pulumi's values as Python's: what comes over gRPC is a `Struct` in which some strings and objects have a meaning."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct
from google.protobuf.struct_pb2 import Value as WireValue

_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The protocol's sign for a value that a preview does not know yet."""
_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The protocol's key that makes an object a secret, an asset, ..."""
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 a marker of the protocol, no secret


class UnknownValue(Enum):
    """The value that is not known yet."""

    UNKNOWN = "unknown"

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = UnknownValue.UNKNOWN

Value = Any
"""None, bool, int, float, str, list, dict or UNKNOWN."""


def read_properties(struct: Struct) -> dict[str, Value]:
    """The properties of a message; those that are null are absent.

    Raises:
        ValueError: an asset, an archive or a reference to a resource, which no type here takes.
    """
    found = {key: _from_wire(value) for key, value in struct.fields.items()}
    return {key: value for key, value in found.items() if value is not None}


def write_properties(values: Mapping[str, Value], secret: frozenset[str] = frozenset()) -> Struct:
    """A message; the properties named in `secret` are marked so."""
    return Struct(fields={key: _to_wire(value, secret=key in secret) for key, value in values.items()})


def _from_wire(value: WireValue) -> Value:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _object_from_wire(value.struct_value)
    if kind == "list_value":
        return [_from_wire(item) for item in value.list_value.values]
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    if kind == "string_value":
        return UNKNOWN if value.string_value == _UNKNOWN else value.string_value
    return value.bool_value if kind == "bool_value" else None


def _object_from_wire(struct: Struct) -> Value:
    if _SIGNATURE not in struct.fields:
        return read_properties(struct)
    if struct.fields[_SIGNATURE].string_value == _SECRET:
        return _from_wire(struct.fields["value"])
    message = "an asset, an archive or a reference to a resource stands where a plain value is expected"
    raise ValueError(message)


def _to_wire(value: Value, *, secret: bool = False) -> WireValue:
    if secret and value is not None and value is not UNKNOWN:
        marked = {_SIGNATURE: WireValue(string_value=_SECRET), "value": _to_wire(value)}
        return WireValue(struct_value=Struct(fields=marked))
    if isinstance(value, list | tuple):
        return WireValue(list_value=ListValue(values=[_to_wire(item) for item in value]))
    return WireValue(struct_value=write_properties(value)) if isinstance(value, Mapping) else _scalar(value)


def _scalar(value: Value) -> WireValue:
    if value is UNKNOWN:
        return WireValue(string_value=_UNKNOWN)
    if isinstance(value, bool):
        return WireValue(bool_value=value)
    if isinstance(value, int | float):
        return WireValue(number_value=value)
    return WireValue(null_value=NULL_VALUE) if value is None else WireValue(string_value=str(value))

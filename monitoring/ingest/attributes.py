"""OTLP's attributes as texts."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


def read_texts(pairs: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes as texts; of one that stands twice the last."""
    return {pair.key: read_text(pair.value) for pair in pairs}


def read_text(value: AnyValue) -> str:
    """A value as a text; empty where it is a list, a table or bytes."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return str(value.bool_value).lower()
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return str(value.double_value)
        case _:
            return ""

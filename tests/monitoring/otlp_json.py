"""OTLP messages as the JSON that OTLP's specification has for them, by protobuf's own writer."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def write_json(message: Message) -> bytes:
    """A message as OTLP/JSON: enumerations are numbers, ids are in hexadecimal; the rest is proto3's."""
    return json.dumps(_with_ids(MessageToDict(message, use_integers_for_enums=True))).encode()


def _with_ids(value: Any) -> Any:  # noqa: ANN401 JSON
    if isinstance(value, dict):
        return {key: base64.b64decode(inner).hex() if key in _IDS else _with_ids(inner) for key, inner in value.items()}
    return [_with_ids(one) for one in value] if isinstance(value, list) else value

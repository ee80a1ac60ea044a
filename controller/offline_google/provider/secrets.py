"""Secrets of a resource: the offline Google keeps that there is one, and a digest to see a change, never the secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from controller.offline_google.schema.facts import PropertyFacts, ResourceType
from controller.offline_google.schema.pulumi_values import Value

_MARK = "(not shown) "


def hide_secrets(kind: ResourceType, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values with every secret in them replaced by a digest."""
    return _veiled(kind.properties, values)


def restore_secrets(kind: ResourceType, values: Mapping[str, Value], known: Mapping[str, Value]) -> dict[str, Value]:
    """The values with the secrets that the engine knows; one that has changed in the world stays a digest."""
    return _unveiled(kind.properties, values, known)


def _veiled(properties: Mapping[str, PropertyFacts], values: Mapping[str, Value]) -> dict[str, Value]:
    result = dict(values)
    for name, found in properties.items():
        value = values.get(name)
        if value is None:
            continue
        if found.facts.get("sensitive") or found.facts.get("writeOnly"):
            result[name] = value if _is_veiled(value) else _mark(value)
        elif isinstance(value, dict) and found.children and not found.container:
            result[name] = _veiled(found.children, value)
    return result


def _unveiled(
    properties: Mapping[str, PropertyFacts], values: Mapping[str, Value], known: Mapping[str, Value]
) -> dict[str, Value]:
    result = dict(values)
    for name, found in properties.items():
        value, ours = values.get(name), known.get(name)
        if _is_veiled(value):
            if ours is not None and (_is_veiled(ours) or _mark(ours) == value):
                result[name] = ours
        elif isinstance(value, dict) and isinstance(ours, dict) and found.children and not found.container:
            result[name] = _unveiled(found.children, value, ours)
    return result


def _mark(value: Value) -> str:
    return _MARK + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _is_veiled(value: Value) -> bool:
    return isinstance(value, str) and value.startswith(_MARK)

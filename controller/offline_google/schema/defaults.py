"""What the provider fills in where a program says nothing: defaults and automatic names."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.offline_google.schema.facts import PropertyFacts, ResourceType
from controller.offline_google.schema.input_checks import DEFAULTS, InputFailure
from controller.offline_google.schema.pulumi_values import Value


@dataclass(frozen=True, slots=True)
class AutomaticNaming:
    """What an automatic name is made of.

    `seed` is the engine's: with a saved plan the same name comes out again. `proposed` is the engine's own proposal,
    when the project configures automatic names; `off` when the project forbids them.
    """

    logical: str
    seed: bytes = b""
    proposed: str = ""
    off: bool = False


def fill_defaults(
    kind: ResourceType, inputs: Mapping[str, Value], before: Mapping[str, Value], naming: AutomaticNaming
) -> tuple[dict[str, Value], list[InputFailure]]:
    """The inputs with defaults and names, and what is wrong with a name."""
    values = _with_defaults(kind.properties, inputs, inputs)
    failures = []
    for name, found in kind.properties.items():
        rule = found.facts.get("autoName")
        if rule is None or values.get(name) is not None:
            continue
        if naming.off:
            failures.append(
                InputFailure(name, "this field is required: the project's configuration forbids automatic names")
            )
            continue
        kept = before.get(name) if name in before.get(DEFAULTS, ()) else None
        made = kept or naming.proposed or _automatic(rule, naming)
        if rule["max"] and len(made) > rule["max"]:
            failures.append(
                InputFailure(name, f"the automatic name {made!r} is longer than {rule['max']}; give a name")
            )
        values[name] = made
        values[DEFAULTS] = [*values[DEFAULTS], name]
    return values, failures


def is_by_default(values: Mapping[str, Value], name: str) -> bool:
    """A default filled this property, the program did not."""
    return name in values.get(DEFAULTS, ())


def _with_defaults(
    known: Mapping[str, PropertyFacts], values: Mapping[str, Value], top: Mapping[str, Value]
) -> dict[str, Value]:
    result = {name: _inside(known[name], value, top) if name in known else value for name, value in values.items()}
    # Those of a block that the engine hands back as it was stay the provider's.
    filled = values.get(DEFAULTS)
    defaults: list[Value] = (
        [one for one in filled if values.get(str(one)) is not None] if isinstance(filled, list) else []
    )
    for name, found in known.items():
        if values.get(name) is None and "default" in found.facts and found.settable and not _excluded(found, top):
            result[name] = found.facts["default"]
            defaults.append(name)
    return {**result, DEFAULTS: defaults}


def _inside(found: PropertyFacts, value: Value, top: Mapping[str, Value]) -> Value:
    if found.element != "object" or not found.children:
        return value
    if isinstance(value, list):
        return [_with_defaults(found.children, item, top) if isinstance(item, dict) else item for item in value]
    if isinstance(value, dict):
        if found.container == "map":
            entries = value.items()
            return {
                key: _with_defaults(found.children, item, top) if isinstance(item, dict) else item
                for key, item in entries
            }
        return _with_defaults(found.children, value, top)
    return value


def _excluded(found: PropertyFacts, top: Mapping[str, Value]) -> bool:
    """A default must not bring in what conflicts with something given."""
    others = {*found.facts.get("conflictsWith", ()), *found.facts.get("exactlyOneOf", ())} - {found.path}
    return any(_given(top, path) for path in others)


def _given(top: Mapping[str, Value], path: str) -> bool:
    value: Value = top
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return False
        value = value.get(name)
    return value is not None


def _automatic(rule: Mapping[str, Any], naming: AutomaticNaming) -> str:
    logical = naming.logical.lower() if rule.get("lower") else naming.logical
    digits = int(rule["rand"])
    if not digits:
        return logical
    seed = naming.seed or secrets.token_bytes(32)
    return f"{logical}{rule['sep']}{hashlib.sha256(seed + logical.encode()).hexdigest()[:digits]}"

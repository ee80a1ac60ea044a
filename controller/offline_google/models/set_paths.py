"""Which properties of a type a program sets, and which of them a stack's file may except."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.offline_google.models.type_models import find_type_model
from controller.offline_google.schema.facts import PropertyFacts, UnknownType, find_resource_type
from controller.offline_google.schema.input_checks import DEFAULTS
from controller.offline_google.schema.pulumi_values import UNKNOWN, Value


def list_set_paths(known: Mapping[str, PropertyFacts], values: Mapping[str, Value]) -> Iterator[str]:
    """The paths of the facts that something is set at, down to what holds no properties of its own.

    A block of which nothing is set counts itself: that it is there may mean something. What is not known yet is asked
    again when it is. What the provider has filled in by itself is set by nobody: the engine hands it back where a
    program leaves a resource as it is (`ignoreChanges: ["*"]`).
    """
    filled = values.get(DEFAULTS)
    for name, value in values.items():
        found = known.get(name)
        if found is None or name == DEFAULTS or value is None or value is UNKNOWN:
            continue
        # Where changes are ignored the engine hands back defaults; they say nothing that silence does not.
        if "default" in found.facts and found.facts["default"] == value:
            continue
        if isinstance(filled, list) and name in filled:
            continue
        if found.element != "object" or not found.children:
            yield found.path
            continue
        inside = [path for item in list_blocks(found, value) for path in list_set_paths(found.children, item)]
        yield from inside or ([] if _holds_unknown(value) else [found.path])


def explain_exception(token: str, path: str) -> str:
    """Return why a property cannot be excepted, or need not be; empty where it can.

    >>> explain_exception("gcp:compute/network:Network", "mtu")
    ''
    >>> explain_exception("gcp:compute/network:Network", "routingMode")
    'the offline Google models it: remove this entry'
    """
    try:
        kind = find_resource_type(token)
    except UnknownType as unknown:
        return str(unknown)
    model = find_type_model(token)
    if model is None:
        return "the offline Google does not model this type, and a type as a whole cannot be excepted"
    found = kind.by_path.get(path)
    if found is None or not found.settable:
        return f"{kind.short} has no property of this path that a program can set"
    if found.children:
        return "this is a block: name each property inside it that is not verified"
    return "the offline Google models it: remove this entry" if path in model.properties else ""


def list_blocks(found: PropertyFacts, value: Value) -> Iterator[Mapping[str, Value]]:
    """The objects that a property holds: itself, those of a list, or those of a map."""
    if found.container == "map" and isinstance(value, Mapping):
        value = list(value.values())
    yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, Mapping))


def _holds_unknown(value: Value) -> bool:
    """Whether an object or a list holds something that is not known yet."""
    held = list(value.values()) if isinstance(value, Mapping) else value
    return isinstance(held, list) and any(one is UNKNOWN or _holds_unknown(one) for one in held)

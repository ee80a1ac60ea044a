"""The inputs of a resource against the provider's facts, in the order in which the real provider applies them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from controller.offline_google.schema.facts import PropertyFacts, ResourceType
from controller.offline_google.schema.pulumi_values import UNKNOWN, Value
from controller.offline_google.schema.value_rules import find_complaints, has_type

DEFAULTS = "__defaults"
"""Pulumi's own key: which properties of an object a default filled, and not the program."""


class InputFailure(NamedTuple):
    """One thing wrong: where, and why."""

    path: str
    reason: str


def check_inputs(kind: ResourceType, inputs: Mapping[str, Value]) -> list[InputFailure]:
    """What is wrong with the inputs of a program, before defaults are filled in."""
    return list(_Walk(inputs).members(kind.properties, inputs, ""))


class _Walk:
    """Goes through an object and what is inside it; the groups are looked up from the top."""

    def __init__(self, top: Mapping[str, Value]) -> None:
        self.top = top

    def members(
        self, known: Mapping[str, PropertyFacts], values: Mapping[str, Value], path: str
    ) -> Iterator[InputFailure]:
        for name in values.keys() - known.keys() - {DEFAULTS}:
            yield InputFailure(f"{path}{name}", f"there is no such field{_closest(name, known)}")
        for name, found in known.items():
            yield from self.member(found, values.get(name), f"{path}{name}")

    def member(self, found: PropertyFacts, value: Value, path: str) -> Iterator[InputFailure]:
        if found.settable:
            yield from self.exactly_one(found, path)
            yield from self.at_least_one(found, path)
        if value is None:
            if found.mode == "required" and "autoName" not in found.facts:
                yield InputFailure(path, "this field is required")
            return
        if not found.settable:
            yield InputFailure(path, "Google computes this field; a program cannot set it")
            return
        missing = [other for other in found.facts.get("requiredWith", ()) if self.at(other) is None]
        if missing:
            yield InputFailure(path, f"it requires {', '.join(missing)} beside it")
        if value is UNKNOWN:
            return
        partners = [other for other in found.facts.get("conflictsWith", ()) if other != found.path]
        against = [other for other in partners if self.at(other) not in (None, UNKNOWN)]
        if against:
            yield InputFailure(path, f"it conflicts with {', '.join(against)}")
        yield from self.value(found, value, path)

    def value(self, found: PropertyFacts, value: Value, path: str) -> Iterator[InputFailure]:
        if found.container == "list":
            if not isinstance(value, list):
                yield _wrong_type(found, value, path)
                return
            yield from (InputFailure(path, reason) for reason in find_complaints(found.facts, value))
            for place, item in enumerate(value):
                yield from self.item(found, item, f"{path}[{place}]")
        elif found.container == "map":
            if not isinstance(value, dict):
                yield _wrong_type(found, value, path)
                return
            yield from (InputFailure(path, reason) for reason in find_complaints(found.facts, value))
            for key, item in value.items():
                if key != DEFAULTS:
                    yield from self.item(found, item, f"{path}.{key}")
        else:
            yield from self.item(found, value, path)

    def item(self, found: PropertyFacts, value: Value, path: str) -> Iterator[InputFailure]:
        if value is UNKNOWN:
            return
        if value is None or not has_type(value, found.element):
            yield _wrong_type(found, value, path)
            return
        facts = found.facts.get("elem", {}) if found.container else found.facts
        if found.element != "object":
            yield from (InputFailure(path, reason) for reason in find_complaints(facts, value))
            return
        if found.facts.get("minItems") and not found.container and not value:
            yield InputFailure(path, "this block cannot be empty")
        yield from self.members(found.children, value, f"{path}.")

    def exactly_one(self, found: PropertyFacts, path: str) -> Iterator[InputFailure]:
        group = found.facts.get("exactlyOneOf", ())
        if not group:
            return
        given = [other for other in group if self.at(other) is not None]
        known = [other for other in given if self.at(other) is not UNKNOWN]
        if len(known) > 1:
            yield InputFailure(path, f"only one of {', '.join(group)} can be given; got {', '.join(known)}")
        elif not given:
            yield InputFailure(path, f"one of {', '.join(group)} must be given")

    def at_least_one(self, found: PropertyFacts, path: str) -> Iterator[InputFailure]:
        group = found.facts.get("atLeastOneOf", ())
        if group and all(self.at(other) is None for other in group):
            yield InputFailure(path, f"at least one of {', '.join(group)} must be given")

    def at(self, path: str) -> Value:
        """The value at a path; None where nothing is given, unknown where an object above is unknown."""
        value: Value = self.top
        for name in path.split("."):
            if value is UNKNOWN:
                return UNKNOWN
            value = value.get(name) if isinstance(value, dict | Mapping) else None
        return value


def _wrong_type(found: PropertyFacts, value: Value, path: str) -> InputFailure:
    expected = found.element if path.endswith("]") or not found.container else found.type
    return InputFailure(path, f"expected {expected}; got {type(value).__name__} {value!r}")


def _closest(name: str, known: Mapping[str, PropertyFacts]) -> str:
    settable = [other for other, found in known.items() if found.settable]
    near = difflib.get_close_matches(name, settable, 1)
    return f"; did you mean {near[0]!r}?" if near else ""

"""The values of a resource against the tables: limits of single values, then the rules over the resource."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controller.offline_google.models.rules.registry import RULES
from controller.offline_google.models.set_paths import list_blocks
from controller.offline_google.models.type_models import PropertyModel, TypeModel, find_type_model
from controller.offline_google.schema.facts import PropertyFacts, ResourceType
from controller.offline_google.schema.input_checks import DEFAULTS
from controller.offline_google.schema.pulumi_values import UNKNOWN, Value

Values = Mapping[str, Value]
Refusal = tuple[str, str, str]
"""A field, why Google refuses its value, and the document that says so."""


def find_refused_values(kind: ResourceType, values: Values) -> Iterator[Refusal]:
    """What Google would refuse of a resource without looking at another one.

    >>> from controller.offline_google.schema.facts import find_resource_type
    >>> record = find_resource_type("gcp:dns/recordSet:RecordSet")
    >>> wrong = {"name": "a.example.", "type": "A", "ttl": 300, "rrdatas": ["2001:db8::1"]}
    >>> [(field, reason) for field, reason, _ in find_refused_values(record, wrong)]
    [('rrdatas[0]', "'2001:db8::1' is no IPv4 address, which a record of the type A holds")]
    """
    model = find_type_model(kind.token)
    if model is None:
        return
    yield from _walk(model, kind.properties, values, "")
    for name in model.rules:
        rule = RULES[name]
        yield from ((field, reason, rule.source) for field, reason in rule.check(values))


def _walk(model: TypeModel, known: Mapping[str, PropertyFacts], values: Values, where: str) -> Iterator[Refusal]:
    for name, value in values.items():
        found = known.get(name)
        if found is None or name == DEFAULTS or value is None or value is UNKNOWN:
            continue
        if found.element == "object" and found.children:
            several = found.container == "list"
            for place, block in enumerate(list_blocks(found, value)):
                here = f"{where}{name}[{place}]." if several else f"{where}{name}."
                yield from _walk(model, found.children, block, here)
            continue
        entry = model.properties.get(found.path)
        if entry is not None:
            source = entry.source or model.source
            yield from ((field, why, source) for field, why in _check(entry, value, f"{where}{name}"))


def _check(entry: PropertyModel, value: Value, field: str) -> Iterator[tuple[str, str]]:
    """The limits hold for each item of a list; `length` counts the items of a list, and else what a text is of."""
    if isinstance(value, list):
        yield from _check_length(entry, len(value), "items", field)
        for place, item in enumerate(value):
            if item is not UNKNOWN:
                yield from _check_one(entry, item, f"{field}[{place}]")
        return
    if isinstance(value, str):
        yield from _check_length(entry, len(value), "characters", field)
    yield from _check_one(entry, value, field)


def _check_one(entry: PropertyModel, value: Value, field: str) -> Iterator[tuple[str, str]]:
    # The provider sends nothing where the word of a list is the empty one.
    if entry.one_of and value not in (*entry.one_of, ""):
        yield field, f"{value!r} is none of {', '.join(map(str, entry.one_of))}"
    if entry.range is not None:
        least, most = entry.range
        number = _read_number(value)
        if number is None or (least is not None and number < least) or (most is not None and number > most):
            yield field, f"{value!r} is not {_say_bounds(least, most)}"
    if entry.matches and not (isinstance(value, str) and re.fullmatch(entry.matches, value)):
        yield field, f"{value!r} is not {entry.says}"


def _check_length(entry: PropertyModel, count: int, what: str, field: str) -> Iterator[tuple[str, str]]:
    if entry.length is not None:
        least, most = entry.length
        if (least is not None and count < least) or (most is not None and count > most):
            yield field, f"it has {count} {what}; Google takes {_say_bounds(least, most)}"


def _read_number(value: Value) -> float | None:
    """A number, also where the provider's schema has text for it."""
    if isinstance(value, str):
        return float(value) if re.fullmatch(r"-?\d{1,18}(\.\d{1,9})?", value) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _say_bounds(least: float | None, most: float | None) -> str:
    if most is None:
        return f"{least} or more"
    return f"{most} or less" if least is None else f"{least} to {most}"

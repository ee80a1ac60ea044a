"""Which properties of which types the offline Google models, and how it judges each: the tables, read by type.

`tables/README.md` says what an entry means and how a type is added. What stands in no table is refused
(`unmodelled.py`): a stand-in that accepts what it does not know is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

SCHEMA, FREE_TEXT, REFERENCE, LOCATION, BLOCK = "schema", "free text", "reference", "location", "block"
WORDS = frozenset({SCHEMA, FREE_TEXT, REFERENCE, LOCATION, BLOCK})
"""Judgements that need no more words; a test holds each of them against what really checks the property."""


@dataclass(frozen=True, slots=True)
class PropertyModel:
    """How one property is judged, and the document that says so where it is another than the type's.

    `word` is one of WORDS; `one_of`, `range`, `length`, `matches` are limits of the value itself; `rule` names a rule
    over the resource (`value_rules`), `world` one over the resource and what else there is (`world.world_rules`).
    """

    word: str = ""
    one_of: tuple[str | int, ...] = ()
    range: tuple[float | None, float | None] | None = None
    length: tuple[int | None, int | None] | None = None
    matches: str = ""
    says: str = ""
    rule: tuple[str, ...] = ()
    world: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class TypeModel:
    """What is modelled of a type: its properties by path, as the facts write paths."""

    token: str
    source: str
    properties: Mapping[str, PropertyModel] = field(default_factory=dict)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules over one resource of this type."""
        return _distinct(name for model in self.properties.values() for name in model.rule)

    @property
    def world_rules(self) -> tuple[str, ...]:
        """The rules over a resource of this type beside what there is."""
        return _distinct(name for model in self.properties.values() for name in model.world)


def find_type_model(token: str) -> TypeModel | None:
    """What is modelled of a type; None where nothing is."""
    return _tables().get(token)


def list_modelled_types() -> tuple[str, ...]:
    """Every type that is modelled, sorted."""
    return tuple(sorted(_tables()))


@cache
def _tables() -> dict[str, TypeModel]:
    found: dict[str, TypeModel] = {}
    for file in sorted(resources.files(__package__).joinpath("tables").iterdir(), key=lambda one: one.name):
        if file.name.endswith(".yaml"):
            # The C reader: the engine starts the provider for every command.
            table = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
            for token, entry in table.items():
                if token in found:
                    message = f"{file.name}: {token} stands in two tables"
                    raise ValueError(message)
                found[token] = _build_type(token, **entry)
    return found


def _build_type(token: str, source: str, properties: Mapping[str, Any]) -> TypeModel:
    return TypeModel(token, source, {path: _build_property(entry) for path, entry in properties.items()})


def _build_property(entry: str | Mapping[str, Any]) -> PropertyModel:
    if isinstance(entry, str):
        return PropertyModel(word=entry)
    given: dict[str, Any] = {}
    for key, value in entry.items():
        name = key.replace("-", "_")
        several = [value] if name in {"rule", "world"} and isinstance(value, str) else value
        given[name] = tuple(several) if isinstance(several, list) else several
    return PropertyModel(**given)


def _distinct(names: Any) -> tuple[str, ...]:  # noqa: ANN401 any iterable
    return tuple(dict.fromkeys(names))

"""What the real provider knows of each resource type: `facts.jsonl`, read one type at a time.

Start-up counts: the engine starts the provider for every command. So the file is read once and a line is parsed only
when its type is first asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

_BEGINNING = '{"token":"'


class UnknownType(Exception):
    """A resource type that `facts.jsonl` does not hold."""


@dataclass(slots=True)
class PropertyFacts:
    """One property: where it stands, what it holds, and what the provider's source says of it."""

    name: str
    path: str
    facts: Mapping[str, Any]
    children: dict[str, PropertyFacts] = field(default_factory=dict)

    @property
    def mode(self) -> str:
        """`required`, `optional`, `optional+computed` or `computed`."""
        return str(self.facts["mode"])

    @property
    def container(self) -> str:
        """`list`, `map`, or nothing for a single value."""
        return self.type.partition("<")[0] if self.type.endswith(">") else ""

    @property
    def type(self) -> str:
        """The type as the facts write it: `string`, `object`, `list<object>`, `map<string>`, ..."""
        return str(self.facts["type"])

    @property
    def element(self) -> str:
        """The type of the items; for a single value, its own."""
        return self.type.partition("<")[2].removesuffix(">") or self.type

    @property
    def settable(self) -> bool:
        """A program may set it."""
        return self.mode != "computed"

    @property
    def replaces(self) -> bool:
        """A change of it replaces the resource."""
        return bool(self.facts.get("replace"))


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource type."""

    token: str
    facts: Mapping[str, Any]
    properties: Mapping[str, PropertyFacts]
    by_path: Mapping[str, PropertyFacts]

    @property
    def module(self) -> str:
        """The part of the token that names Google's service: `compute`, `sql`, ..."""
        return self.token.split(":")[1].partition("/")[0]

    @property
    def name(self) -> str:
        """The class in the SDK: `BackendService`."""
        return self.token.rpartition(":")[2]

    @property
    def short(self) -> str:
        """Module and class, as people name it: `compute.BackendService`."""
        return f"{self.module}.{self.name}"

    def property_of(self, terraform_name: str) -> str:
        """The Pulumi name of a top-level property that an id template names in Terraform's way."""
        for name, found in self.properties.items():
            if found.facts.get("tf", _snake(name)) == terraform_name:
                return name
        return _camel(terraform_name)


@cache
def find_resource_type(token: str) -> ResourceType:
    """What is known of a type.

    Raises:
        UnknownType: the facts do not hold it.
    """
    line = _lines().get(token)
    if line is None:
        message = f"the offline Google does not know the resource type {token}; types.txt beside its facts lists them"
        raise UnknownType(message)
    facts = json.loads(line)
    top: dict[str, PropertyFacts] = {}
    by_path: dict[str, PropertyFacts] = {}
    for path, entry in sorted(facts.pop("props").items()):
        parent, _, name = path.rpartition(".")
        found = PropertyFacts(name.removesuffix("[]").removesuffix("{}"), path, entry)
        by_path[path] = found
        siblings = by_path[parent.removesuffix("[]").removesuffix("{}")].children if parent else top
        siblings[found.name] = found
    return ResourceType(token, facts, top, by_path)


@cache
def list_known_types() -> tuple[str, ...]:
    """Every token, sorted."""
    return tuple(sorted(_lines()))


@cache
def read_sdk_version() -> str:
    """The release of the SDK that the facts were compared with."""
    return str(json.loads(_text().partition("\n")[0])["sdk"])


@cache
def _lines() -> dict[str, str]:
    lines = _text().splitlines()[1:]
    return {line[len(_BEGINNING) : line.index('"', len(_BEGINNING))]: line for line in lines}


@cache
def _text() -> str:
    return resources.files(__package__).joinpath("facts.jsonl").read_text(encoding="utf-8")


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)

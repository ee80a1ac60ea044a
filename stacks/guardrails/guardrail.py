"""A resource as a guardrail sees it, what a guardrail is, and its words in the language of whoever deploys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from controller.messages import choose_system_language, load_catalogue
from stacks.settings.regions import DEFAULT_STACK_REGIONS, StackRegions


class Unknown:
    """A value that is not known yet, in a preview. The same resource is looked at again when it is."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()
Violations = Iterator[str]


def say(key: str, **marks: object) -> str:
    """Return a message of the guardrails in the system's language (`controller/messages/guardrails.yaml`)."""
    return load_catalogue(choose_system_language(os.environ)).say(f"guardrails.{key}", **marks)


@dataclass(frozen=True)
class CheckedResource:
    """A resource: type, name, inputs by the engine's names, stack, and whether the engine protects it.

    `regions`, `project` and `directory` (the domain of its groups) are the stack's; empty where they are not known.
    """

    type: str
    name: str
    inputs: Mapping[str, Any]
    stack: str
    protected: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    regions: StackRegions = DEFAULT_STACK_REGIONS
    project: str = ""
    directory: str = ""

    @property
    def kind(self) -> str:
        """Module and class of a type of Google's: `sql.DatabaseInstance`; any other type as it is."""
        package, _, rest = self.type.partition(":")
        module, _, name = rest.partition(":")
        return f"{module.partition('/')[0]}.{name}" if package == "gcp" else self.type

    def get_input(self, path: str) -> Any:  # noqa: ANN401 any JSON
        """Return the input at a path such as `settings.tier`; None where there is none, UNKNOWN below an unknown."""
        return get_value(self.inputs, path)

    def list_inputs(self, path: str) -> list[Any]:
        """Return every input at a path; `[]` in it stands for each item of a list: `interfaces[].address`.

        >>> replicas = [{"location": "asia-northeast1"}, {}]
        >>> CheckedResource("gcp:a:B", "it", {"replicas": replicas}, "lab").list_inputs("replicas[].location")
        ['asia-northeast1', None]
        """
        above, listed, rest = path.partition("[]")
        value = get_value(self.inputs, above)
        if not listed or value is UNKNOWN:
            return [value]
        items = value if isinstance(value, list) else []
        return [get_value(item, rest.removeprefix(".")) for item in items]

    def differs(self, path: str, wanted: object) -> bool:
        """Say if the input is known, and something else than what is wanted."""
        value = self.get_input(path)
        return value is not UNKNOWN and value != wanted


def get_value(value: Any, path: str) -> Any:  # noqa: ANN401 any JSON
    """Return what stands at a path below a value; the value itself for no path.

    >>> get_value({"settings": {"tier": "small"}}, "settings.tier")
    'small'
    """
    for part in path.split(".") if path else ():
        if value is UNKNOWN:
            return UNKNOWN
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def list_leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 any JSON
    """Yield every plain value below a value with its path; the items of a list have the path of the list.

    >>> list(list_leaves({"iap": {"enabled": True}, "regions": ["a", "b"]}))
    [('iap.enabled', True), ('regions', 'a'), ('regions', 'b')]
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from list_leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from list_leaves(item, path)
    else:
        yield path, value


@dataclass(frozen=True)
class Guardrail:
    """A rule. `clause` is of the 教育情報セキュリティポリシーに関するガイドライン (令和7年3月).

    `stops`: what breaks it is not deployed; else it is only said.
    """

    name: str
    clause: str
    check: Callable[[CheckedResource], Violations]
    stops: bool = True

    @property
    def description(self) -> str:
        """What it holds to, in English, as the reference shows it."""
        return load_catalogue("en").say(f"guardrails.rule-{self.name}")

    def describe(self) -> str:
        """Return what it holds to, with its clause, in the system's language."""
        return say("described", what=say(f"rule-{self.name}"), clause=self.clause)

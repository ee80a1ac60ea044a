"""A resource as a guardrail sees it, and what a guardrail is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stacks.settings.regions import DEFAULT_STACK_REGIONS, StackRegions


class Unknown:
    """A value that is not known yet, in a preview. The same resource is looked at again when it is."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class CheckedResource:
    """A resource: type, name, inputs by the engine's names, stack, and whether the engine protects it.

    `regions` and `project` are the stack's.
    """

    type: str
    name: str
    inputs: Mapping[str, Any]
    stack: str
    protected: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    regions: StackRegions = DEFAULT_STACK_REGIONS
    project: str = ""

    @property
    def kind(self) -> str:
        """Module and class: `sql.DatabaseInstance`."""
        module = self.type.split(":")[1].partition("/")[0]
        return f"{module}.{self.type.rpartition(':')[2]}"

    def get_input(self, path: str) -> Any:  # noqa: ANN401 any JSON
        """Return the input at a path such as `settings.tier`; None where there is none, UNKNOWN below an unknown."""
        value: Any = self.inputs
        for part in path.split("."):
            if value is UNKNOWN:
                return UNKNOWN
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def differs(self, path: str, wanted: object) -> bool:
        """Say if the input is known, and something else than what is wanted."""
        value = self.get_input(path)
        return value is not UNKNOWN and value != wanted


Violations = Iterator[str]


@dataclass(frozen=True)
class Guardrail:
    """A rule. `clause` is of the 教育情報セキュリティポリシーに関するガイドライン (令和7年3月).

    `stops`: what breaks it is not deployed; else it is only said.
    """

    name: str
    clause: str
    description: str
    check: Callable[[CheckedResource], Violations]
    stops: bool = True

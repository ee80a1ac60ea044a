"""The tables of proper and dangerous resources, as guardrails see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stacks.guardrails.guardrail import CheckedResource
from stacks.guardrails.pack import GUARDRAILS

LABELS = {"managed-by": "tsunagu", "city": "x", "environment": "production", "part": "affairs", "importance": "ii"}
BY_NAME = {guardrail.name: guardrail for guardrail in GUARDRAILS}


@dataclass(frozen=True)
class Case:
    """A resource of a table. `changed` are the paths by which it differs from the one that it is like."""

    type: str
    inputs: Mapping[str, Any]
    stops: str = ""
    changed: tuple[str, ...] = ()
    protected: bool = True

    def check(self, guardrail: str, **changes: object) -> list[str]:
        """What a guardrail says of it, with some inputs changed by path."""
        inputs = self.inputs
        for path, value in changes.items():
            inputs = change_input(inputs, path, value)
        return list(BY_NAME[guardrail].check(self._build(inputs)))

    def list_stops(self, inputs: Mapping[str, Any] | None = None) -> dict[str, list[str]]:
        """What every guardrail that stops says of it, of some other inputs if they are given."""
        resource = self._build(self.inputs if inputs is None else inputs)
        found = {one.name: list(one.check(resource)) for one in GUARDRAILS if one.stops}
        return {name: said for name, said in found.items() if said}

    def _build(self, inputs: Mapping[str, Any]) -> CheckedResource:
        return CheckedResource(
            self.type,
            "it",
            inputs,
            "production",
            protected=self.protected,
            project="school-lab",
            directory="city.example",
        )


def change_input(inputs: Mapping[str, Any], path: str, value: object) -> Mapping[str, Any]:
    """Inputs with another value at a path."""
    first, _, rest = path.partition(".")
    inner = inputs.get(first)
    return {**inputs, first: change_input(inner if isinstance(inner, Mapping) else {}, rest, value) if rest else value}


def load_table(name: str) -> dict[str, dict[str, Any]]:
    """A table as it stands in its file."""
    text = (Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8")
    table: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return table


def build_cases(table: Mapping[str, dict[str, Any]], known: Mapping[str, Case]) -> dict[str, Case]:
    """The cases of a table, whose `like` is in the table itself or among those that are known."""
    cases: dict[str, Case] = {}
    for name, row in table.items():
        like = {**known, **cases}[row["like"]] if "like" in row else Case(row["type"], _fill(row["inputs"]))
        inputs, changes = like.inputs, row.get("change", {})
        for path, value in changes.items():
            inputs = _drop(change_input(inputs, path, _fill(value)))
        cases[name] = Case(like.type, inputs, row.get("stops", ""), tuple(changes), row.get("protected", True))
    return cases


def _fill(value: Any) -> Any:  # noqa: ANN401 any JSON
    if value == "LABELS":
        return LABELS
    if isinstance(value, dict):
        return {key: _fill(item) for key, item in value.items()}
    return [_fill(item) for item in value] if isinstance(value, list) else value


def _drop(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Without the inputs that were taken away."""
    return {
        key: _drop(value) if isinstance(value, Mapping) else value for key, value in inputs.items() if value is not None
    }


PROPER = build_cases(load_table("proper"), {})
DANGEROUS = build_cases(load_table("dangerous"), PROPER)

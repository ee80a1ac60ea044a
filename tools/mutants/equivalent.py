"""Reads the list of mutants that change nothing a test could see, each with the reason why."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

LIST = Path(__file__).with_name("equivalent.yaml")


class Equivalent(BaseModel):
    """A mutant that is judged equivalent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    module: str
    mutant: str
    """Its name, as the table prints it."""
    reason: str


class StaleEntryError(ValueError):
    """An entry names a mutant that is not there any more."""


def read_equivalents(path: Path = LIST) -> list[Equivalent]:
    """Return the entries of the list."""
    found = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    return TypeAdapter(list[Equivalent]).validate_python(found)


def check_equivalents(entries: list[Equivalent], names: dict[str, set[str]]) -> None:
    """Compare the entries with the mutants that each module has.

    Raises:
        StaleEntryError: an entry matches none, stands twice, or has no reason.
    """
    wrong = [
        f"{one.module}: {one.mutant}"
        for one in entries
        if one.module not in names or one.mutant not in names[one.module]
    ]
    keys = [(one.module, one.mutant) for one in entries]
    wrong += [f"{module}: {mutant} (stands twice)" for module, mutant in set(keys) if keys.count((module, mutant)) > 1]
    wrong += [f"{one.module}: {one.mutant} (without a reason)" for one in entries if not one.reason.strip()]
    if wrong:
        message = "the list of equivalent mutants has entries that match no mutant:\n" + "\n".join(sorted(wrong))
        raise StaleEntryError(message)

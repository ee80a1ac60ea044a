"""What there is before any stack: projects, and what is the organisation's (`existing_organisation.json`, data)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class ExistingOrganisation:
    """Projects with their numbers, and the organisation's access policies: stacks refer to them."""

    projects: Mapping[str, str]
    access_policies: frozenset[str]


@cache
def read_existing_organisation() -> ExistingOrganisation:
    """The one of the configurations in `stacks/config`."""
    found = json.loads(resources.files(__package__).joinpath("existing_organisation.json").read_text(encoding="utf-8"))
    return ExistingOrganisation(found["projects"], frozenset(found["access_policies"]))

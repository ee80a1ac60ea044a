"""What must hold at schools in a stage, asked of the stage that they leave and of the one that comes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.integration.mixed_states import CityPair
from controller.model.city import City
from controller.prove.check import Check, join_checks
from controller.prove.compliance.stages import BRANCH, prove_stage


@dataclass(frozen=True, slots=True)
class StageClaims:
    """The claims of `prove_stage` before and after a change of stage."""

    before: tuple[Check, ...]
    after: tuple[Check, ...]

    @property
    def differences(self) -> tuple[str, ...]:
        """What is wrong with the stage that comes; that of today is asked too, but it is what is left."""
        return tuple(dict.fromkeys(line for one in self.after for line in one.differences))

    @property
    def branches(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """By which branch of the guideline's 6.1(7) each application is kept before, and after; or what breaks it."""
        return _list_branches(self.before), _list_branches(self.after)


def prove_stage_claims(cities: CityPair, schools: Iterable[str]) -> StageClaims:
    """Prove the claims of schools in the stage before and in the one after."""
    named = tuple(schools)
    return StageClaims(*(tuple(_prove(city, named)) for city in cities))


def _prove(city: City, schools: Iterable[str]) -> list[Check]:
    return join_checks([check for name in schools for check in prove_stage(city, city.school_by_id[name])])


def _list_branches(checks: Iterable[Check]) -> tuple[str, ...]:
    return tuple(line for one in checks if one.name == BRANCH for line in (*one.evidence, *one.differences))

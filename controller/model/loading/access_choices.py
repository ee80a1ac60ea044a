"""Which access a device is reached by: every choice names what there is, and no two disagree on a device."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from controller.errors import Problem
from controller.model.loading.policy_reader import ReadPolicy
from controller.model.loading.references import find_unknown, list_lots
from controller.model.policy_files import CITY, SCHOOLS
from controller.model.sites.schools import AccessChoice


def find_access_problems(policy: ReadPolicy) -> Iterator[Problem]:
    """Choices of schools or lots that there are not, and two that name one device as closely with other accesses."""
    city, files = policy.find(CITY), policy.find_all(SCHOOLS)
    if city is None:
        return
    choices = city.device_access.choices
    schools = None if files is None else [school.id for file in files for school in file.schools]
    lots = [lot for lot in ({lot for _, lot in list_lots(policy)} | {ward.lot for ward in city.wards}) if lot]
    for one in choices:
        yield from find_unknown(one.origin, "schools", "school", one.schools, schools)
        yield from find_unknown(one.origin, "lots", "procurement lot", one.lots, None if files is None else lots)
    for first, second in combinations(choices, 2):
        if first.access != second.access and first.weight == second.weight and _share_devices(first, second):
            message = (
                f"some devices would be reached by {second.access!r} and, as closely named ({first.origin}), "
                f"by {first.access!r}; name them more closely in one of the two"
            )
            yield Problem(second.origin, "", message)


def _share_devices(first: AccessChoice, second: AccessChoice) -> bool:
    pairs = ((first.schools, second.schools), (first.lots, second.lots), (first.roles, second.roles))
    return all(not one or bool(set(one) & set(other)) for one, other in pairs)

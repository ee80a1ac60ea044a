"""The city with every school in one stage of integration, so that a policy is judged before a school goes there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.model.city import City
from controller.model.policy_files import INTEGRATION
from controller.model.sites.schools import School
from controller.model.sites.stages import STAGES, Stage


def list_stage_variants(city: City) -> dict[Stage | None, City]:
    """Return the city in each stage, all schools in it; the city itself under None where it names no stages.

    >>> [str(stage) for stage in list_stage_variants(city)]
    ['separated', 'coexist', 'integrated']
    """
    file = city.files.find(INTEGRATION)
    if file is None:
        return {None: city}
    found: dict[Stage | None, City] = {}
    for stage in STAGES:
        entries = tuple(one.model_copy(update={"stage": stage, "next": None}) for one in file.integrations)
        found[stage] = city.replace_file(INTEGRATION, file.model_copy(update={"integrations": entries}))
    return found


def choose_example_schools(variants: Sequence[City], schools: Iterable[School]) -> list[School]:
    """Choose one of the schools that are alike but for their numbers, in each of these variants of a city.

    Those are alike that have the same blueprint and lot, and that no rule tells apart. A school of which the inventory
    lists devices, or of which anything is cut off, is like no other one.

    >>> len(choose_example_schools([city], city.schools)) < len(city.schools)
    True
    """
    scopes = [{one.id: alike[0].id for alike in there.schools_of_equal_scope for one in alike} for there in variants]
    found: dict[tuple[str, ...], School] = {}
    for school in schools:
        key = [scope[school.id] for scope in scopes]
        for there in variants:
            equipment = there.equipment
            key += [equipment.find_blueprint(school).id, equipment.find_lot(school)]
            key.append(school.id if school.id in equipment.listed or _is_cut_off(there, school) else "")
        found.setdefault(tuple(key), school)
    return list(found.values())


def _is_cut_off(city: City, school: School) -> bool:
    some = city.cut_offs.kept_rules or city.cut_offs.ports
    return bool(some) and any(city.cut_offs.touches(device) for device in city.list_devices(school))

"""The proofs that are about more than one filter: the paths of each school, admission, the cloud, the guideline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.model.city import City, Device
from controller.model.flow import Family
from controller.model.schools import School
from controller.model.state import DeviceState, Filter
from controller.prove.admission import admission_check
from controller.prove.check import Check, joined
from controller.prove.composition import Place, SchoolFilters, compose
from controller.prove.firewall import firewall_check
from controller.prove.guideline import guideline_checks


@dataclass(frozen=True, slots=True)
class Held:
    """A device and what it holds (or would hold), as parsed back from its text."""

    device: Device
    state: DeviceState


def city_checks(city: City, held: Iterable[Held]) -> list[Check]:
    """Every check of a city, those of its schools put together by name.

    Raises:
        ReplayError: a counterexample is none when replayed; a bug in Tsunagu.
    """
    return [*path_checks(city, held), admission_check(city), firewall_check(city), *guideline_checks(city)]


def path_checks(city: City, held: Iterable[Held]) -> list[Check]:
    """The checks of paths, over the schools whose filtering devices are all among what is held."""
    return joined([check for school in _schools(held) for family in Family for check in compose(city, school, family)])


def _schools(held: Iterable[Held]) -> Iterator[SchoolFilters]:
    """The filters in force at each school: the bound ones of the devices that hold any."""
    found: dict[str, tuple[School, dict[Place, tuple[str, Filter]]]] = {}
    for one in held:
        if one.device.role == "core":
            filters = {filtering.name: filtering for filtering in one.state.filters}
            _, mine = found.setdefault(one.device.school.id, (one.device.school, {}))
            for bound in one.state.bindings:
                if bound.filter in filters:
                    mine[bound.vlan, bound.direction, bound.family] = (one.device.id, filters[bound.filter])
    return (SchoolFilters(school, filters) for school, filters in found.values())

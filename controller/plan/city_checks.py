"""The proofs that are about more than one filter: the paths of each school, admission, the cloud, the guideline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.compile.campus import FILTERING
from controller.compile.intent import FilterIntent
from controller.compile.upstream import Moved
from controller.model.access import Segment
from controller.model.city import City, Device
from controller.model.flow import Family
from controller.model.state import DeviceState, Filter
from controller.prove.admission import admission_check
from controller.prove.check import Check, joined
from controller.prove.composition import Place, SchoolFilters, compose, intents_compose
from controller.prove.firewall import firewall_check
from controller.prove.guideline import guideline_checks


@dataclass(frozen=True, slots=True)
class Held:
    """A device and what it holds (or would hold), as parsed back from its text, and what is left to a router."""

    device: Device
    state: DeviceState
    moved: tuple[Moved, ...] = ()


def city_checks(city: City) -> list[Check]:
    """The checks that are about no device and take no time: 802.1X, the cloud's firewall, the guideline."""
    return [admission_check(city), firewall_check(city), *guideline_checks(city)]


def path_checks(city: City, held: Iterable[Held]) -> list[Check]:
    """The checks of paths, of every school that a filtering device of is among what is held."""
    return joined(
        [check for here in _schools(city, held) for family in Family for check in compose(city, here, family)]
    )


def _schools(city: City, held: Iterable[Held]) -> Iterator[SchoolFilters]:
    """The filters in force at each device that holds a school's filters; where there are several, each by itself."""
    return (_school(city, one) for one in held if one.device.role == FILTERING)


def _school(city: City, one: Held) -> SchoolFilters:
    by_name = {filtering.name: filtering for filtering in one.state.filters}
    filters: dict[Place, tuple[str, Filter]] = {
        (bound.vlan, bound.direction, bound.family): (one.device.id, by_name[bound.filter])
        for bound in one.state.bindings
        if bound.filter in by_name
    }
    return SchoolFilters(one.device.school, _segments(city, one.device), filters, _placed(m.intent for m in one.moved))


def paths_of_intents(city: City, device: Device, intents: Iterable[FilterIntent], moved: Iterable[Moved]) -> int | None:
    """The same of a device's filters that were proved to equal their intents; how many ways were examined.

    None where a way is not what the policy says: `path_checks` of the filters tells which.
    """
    believed = _placed(one.intent for one in moved)
    checks = intents_compose(city, device.school, _segments(city, device), _placed(intents), believed)
    return None if checks is None else sum(check.examined for check in checks)


def _placed(intents: Iterable[FilterIntent]) -> dict[Place, FilterIntent]:
    return {(one.vlan, one.direction, one.family): one for one in intents}


def _segments(city: City, device: Device) -> tuple[Segment, ...]:
    """The segments that a device with filters carries, and those of its school that no device with filters does."""
    fleet = school_devices(city, device)
    filtered = _carried([one for one in fleet if one.role == FILTERING])
    unfiltered = (_carried(fleet) | {city.file.management_segment}) - filtered
    carried = _carried([device]) | unfiltered
    return tuple(segment for name, segment in city.segments.items() if name in carried)


def _carried(devices: Iterable[Device]) -> frozenset[str]:
    return frozenset(name for device in devices for port in device.ports for name in port.segments)


def school_devices(city: City, device: Device) -> tuple[Device, ...]:
    """A device and those beside it: of its school, or of the virtual city's school where it is one of these."""
    lab = city.lab_devices(device.school)
    return lab if device in lab else city.devices(device.school)

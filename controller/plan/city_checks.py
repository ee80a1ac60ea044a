"""The proofs that are about more than one filter: the paths of each school, admission, the cloud, the guideline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.compile.cloud import cloud_intent
from controller.compile.intent import FilterIntent
from controller.compile.upstream import Moved
from controller.model.city import City, Device
from controller.model.flow import Family
from controller.model.state import DeviceState, Filter
from controller.plan.proof_cache import Counted, ProofCache, conditions_key, school_devices
from controller.prove.admission import admission_check
from controller.prove.check import Check, joined
from controller.prove.cloud import NAME as CLOUD
from controller.prove.cloud import cloud_check
from controller.prove.composition import Place, SchoolFilters, compose
from controller.prove.firewall import firewall_check
from controller.prove.guideline import guideline_checks
from controller.prove.visitors import FACTS

FILTERING = "core"
"""The role of the devices that hold a school's filters."""


@dataclass(frozen=True, slots=True)
class Held:
    """A device and what it holds (or would hold), as parsed back from its text, and what is left to a router."""

    device: Device
    state: DeviceState
    moved: tuple[Moved, ...] = ()


def city_checks(city: City, cache: ProofCache) -> list[Check]:
    """The checks that are about no device: the proxy's conditions, 802.1X, the cloud's firewall, the guideline.

    Raises:
        CelRefused: a compiled condition is none that Google's proxy would take.
    """
    return [_cloud(city, cache), admission_check(city), firewall_check(city), *guideline_checks(city)]


def _cloud(city: City, cache: ProofCache) -> Check:
    """The proxy's conditions; they take seconds, so what was proved before of the same content is believed."""
    intent = cloud_intent(city, FACTS)
    key = conditions_key(city, intent)
    counted = cache.find(key)
    if counted is not None:
        return Check(CLOUD, counted.filters, evidence=("known from an earlier proof of the same content",))
    check = cloud_check(city, intent)
    if check.holds:
        cache.add((key,), Counted(check.examined, 0))
        cache.save()
    return check


def path_checks(city: City, held: Iterable[Held]) -> list[Check]:
    """The checks of paths, of every school that a filtering device of is among what is held."""
    return joined(
        [check for here in _schools(city, held) for family in Family for check in compose(city, here, family)]
    )


def _schools(city: City, held: Iterable[Held]) -> Iterator[SchoolFilters]:
    """The filters in force at each device that holds a school's filters; where there are several, each by itself."""
    return (_school(city, one) for one in held if one.device.role == FILTERING)


def _school(city: City, one: Held) -> SchoolFilters:
    carried = _carried([one.device]) | _carried_unfiltered(city, one.device)
    by_name = {filtering.name: filtering for filtering in one.state.filters}
    filters: dict[Place, tuple[str, Filter]] = {
        (bound.vlan, bound.direction, bound.family): (one.device.id, by_name[bound.filter])
        for bound in one.state.bindings
        if bound.filter in by_name
    }
    believed: dict[Place, FilterIntent] = {
        (moved.intent.vlan, moved.intent.direction, moved.intent.family): moved.intent for moved in one.moved
    }
    segments = tuple(segment for name, segment in city.segments.items() if name in carried)
    return SchoolFilters(one.device.school, segments, filters, believed)


def _carried_unfiltered(city: City, device: Device) -> frozenset[str]:
    """Segments that devices of the school carry, and the management's, that no device with filters carries."""
    fleet = school_devices(city, device)
    filtered = _carried([one for one in fleet if one.role == FILTERING])
    return (_carried(fleet) | {city.file.management_segment}) - filtered


def _carried(devices: Iterable[Device]) -> frozenset[str]:
    return frozenset(name for device in devices for port in device.ports for name in port.segments)

"""The proofs that are about more than one filter: the paths of each school, admission, the cloud, the guideline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations

from controller.compile.cloud import cloud_intent
from controller.compile.intent import FilterIntent
from controller.compile.upstream import Moved
from controller.model.city import City, Device
from controller.model.flow import Direction, Family
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
    """The filters in force at each device that holds a school's filters, and at each two of one school.

    Two are put together both ways round: a packet comes in at the one and goes out at the other.
    """
    filtering = [one for one in held if one.device.role == FILTERING]
    for one in filtering:
        yield _school(city, one, one)
    for one, other in permutations(filtering, 2):
        if one.device.school == other.device.school:
            yield _school(city, one, other)


def _school(city: City, entered: Held, left: Held) -> SchoolFilters:
    """What judges packets that come in at one device and go out at another (or at the same)."""
    carried = _carried([entered.device, left.device]) | _carried_unfiltered(city, entered.device)
    filters: dict[Place, tuple[str, Filter]] = {}
    believed: dict[Place, FilterIntent] = {}
    for direction, nearer, farther in ((Direction.FROM, entered, left), (Direction.TO, left, entered)):
        # A segment that only the other one carries is judged there.
        for one in (farther, nearer):
            filters |= {place: kept for place, kept in _in_force(one).items() if place[1] is direction}
            believed |= {place: kept for place, kept in _believed(one).items() if place[1] is direction}
    segments = tuple(segment for name, segment in city.segments.items() if name in carried)
    return SchoolFilters(entered.device.school, segments, filters, believed)


def _in_force(one: Held) -> dict[Place, tuple[str, Filter]]:
    by_name = {filtering.name: filtering for filtering in one.state.filters}
    return {
        (bound.vlan, bound.direction, bound.family): (one.device.id, by_name[bound.filter])
        for bound in one.state.bindings
        if bound.filter in by_name
    }


def _believed(one: Held) -> dict[Place, FilterIntent]:
    return {(moved.intent.vlan, moved.intent.direction, moved.intent.family): moved.intent for moved in one.moved}


def _carried_unfiltered(city: City, device: Device) -> frozenset[str]:
    """Segments that devices of the school carry, and the management's, that no device with filters carries."""
    fleet = school_devices(city, device)
    filtered = _carried([one for one in fleet if one.role == FILTERING])
    return (_carried(fleet) | {city.file.management_segment}) - filtered


def _carried(devices: Iterable[Device]) -> frozenset[str]:
    return frozenset(name for device in devices for port in device.ports for name in port.segments)

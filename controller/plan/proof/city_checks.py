"""The proofs that are about more than one filter: the paths of each school, admission, the cloud, the guideline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations
from types import MappingProxyType

from controller.compile.network.intent import FilterIntent
from controller.compile.network.upstream import DelegatedFilter
from controller.compile.network.wanted_device_state import FILTERING_ROLE
from controller.model.access.rules import Segment
from controller.model.city import City
from controller.model.network.device_state import DeviceState, Filter
from controller.model.network.packets import Direction
from controller.model.sites.devices import Device
from controller.prove.check import Check, join_checks
from controller.prove.compliance.admission import prove_radius_rows
from controller.prove.compliance.firewall import prove_cloud_firewall
from controller.prove.compliance.guideline import check_guideline
from controller.prove.reachability.composition import FilterKey, SchoolFilters, prove_intent_paths, prove_school_paths
from controller.telemetry.traces.phases import trace_phase


@dataclass(frozen=True, slots=True)
class ParsedDevice:
    """A device and its state (or a wanted one), as parsed back from its text, and what is left to a router."""

    device: Device
    state: DeviceState
    delegated: tuple[DelegatedFilter, ...] = ()


def check_city(city: City) -> list[Check]:
    """Return the checks that are about no device and take no time: 802.1X, the cloud's firewall, the guideline."""
    with trace_phase("prove 802.1X"):
        admission = prove_radius_rows(city)
    with trace_phase("prove cloud firewall"):
        firewall = prove_cloud_firewall(city)
    with trace_phase("check guideline"):
        return [admission, firewall, *check_guideline(city)]


def check_paths(
    city: City, held: Iterable[ParsedDevice], unjudged: Mapping[str, int] = MappingProxyType({})
) -> list[Check]:
    """Return the checks of paths, for every school of which a filtering device is given.

    `unjudged` counts, by school, the ways of others that the proof does not follow. There a path that differs is still
    told, and none is said to hold.
    """
    return join_checks(
        [
            check if here.school.id not in unjudged else replace(check, not_judged=_say_unjudged(here, unjudged))
            for here in _schools(city, held)
            for family in city.families
            for check in prove_school_paths(city, here, family)
        ]
    )


def _say_unjudged(here: SchoolFilters, unjudged: Mapping[str, int]) -> str:
    return f"{here.school.id}: {unjudged[here.school.id]} ways of others there touch what is ours"


def _schools(city: City, held: Iterable[ParsedDevice]) -> Iterator[SchoolFilters]:
    """The filters in force at each device that holds a school's filters, and at each two of one school.

    Two are put together both ways round: a packet comes in at the one and goes out at the other.
    """
    by_school: dict[str, list[ParsedDevice]] = {}
    for one in held:
        if one.device.role == FILTERING_ROLE:
            by_school.setdefault(one.device.school.id, []).append(one)
    for cores in by_school.values():
        yield from (_school(city, one, one) for one in cores)
        yield from (_school(city, one, other) for one, other in permutations(cores, 2))


def _school(city: City, entered: ParsedDevice, left: ParsedDevice) -> SchoolFilters:
    """Return the filters that packets meet that come in at one device and go out at another (or at the same)."""
    filters: dict[FilterKey, tuple[str, Filter]] = {}
    assumed: dict[FilterKey, FilterIntent] = {}
    for direction, nearer, farther in ((Direction.FROM, entered, left), (Direction.TO, left, entered)):
        # A segment that only the other one carries is judged there.
        for one in (farther, nearer):
            filters |= {place: kept for place, kept in _in_force(one).items() if place[1] is direction}
            assumed |= {m.intent.key: m.intent for m in one.delegated if m.intent.direction is direction}
    return SchoolFilters(entered.device.school, _segments(city, entered.device, left.device), filters, assumed)


def _in_force(one: ParsedDevice) -> dict[FilterKey, tuple[str, Filter]]:
    by_name = {filtering.name: filtering for filtering in one.state.filters}
    return {
        (bound.vlan, bound.direction, bound.family): (one.device.id, by_name[bound.filter])
        for bound in one.state.bindings
        if bound.filter in by_name
    }


def count_intent_paths(
    city: City, device: Device, intents: Iterable[FilterIntent], delegated: Iterable[DelegatedFilter]
) -> int | None:
    """Prove the paths of a device whose filters were proved to equal their intents; return how many were examined.

    None where a path is not what the policy says: `check_paths` of the filters tells which.
    """
    wanted, assumed = {one.key: one for one in intents}, {one.intent.key: one.intent for one in delegated}
    checks = prove_intent_paths(city, device.school, _segments(city, device), wanted, assumed)
    return None if checks is None else sum(check.examined for check in checks)


def _segments(city: City, *devices: Device) -> tuple[Segment, ...]:
    """The segments that devices with filters carry, and those of their school that no device with filters does."""
    fleet = list_school_devices(city, devices[0])
    filtered = _carried([one for one in fleet if one.role == FILTERING_ROLE])
    unfiltered = (_carried(fleet) | {city.management_segment}) - filtered
    carried = _carried(devices) | unfiltered
    here = city.list_segments(devices[0].school)
    return tuple(segment for name, segment in here.items() if name in carried)


def _carried(devices: Iterable[Device]) -> frozenset[str]:
    return frozenset(name for device in devices for port in device.ports for name in port.segments)


def list_school_devices(city: City, device: Device) -> tuple[Device, ...]:
    """Return a device and those beside it, of the same school."""
    return city.list_devices(device.school)

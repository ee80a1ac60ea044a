"""The proofs that are about more than one filter: the paths of each school, admission, the cloud, the guideline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.compile.intent import FilterIntent
from controller.compile.upstream import Moved
from controller.model.city import City, Device
from controller.model.flow import Family
from controller.model.state import DeviceState, Filter
from controller.prove.admission import admission_check
from controller.prove.check import Check, joined
from controller.prove.cloud import cloud_check
from controller.prove.composition import Place, SchoolFilters, compose
from controller.prove.firewall import firewall_check
from controller.prove.guideline import guideline_checks

FILTERING = "core"
"""The role of the devices that hold a school's filters."""


@dataclass(frozen=True, slots=True)
class Held:
    """A device and what it holds (or would hold), as parsed back from its text, and what is left to a router."""

    device: Device
    state: DeviceState
    moved: tuple[Moved, ...] = ()


def city_checks(city: City, held: Iterable[Held]) -> list[Check]:
    """Every check of a city, those of its schools put together by name.

    Raises:
        ReplayError: a counterexample is none when replayed; a bug in Tsunagu.
    """
    return [
        *path_checks(city, held),
        cloud_check(city),
        admission_check(city),
        firewall_check(city),
        *guideline_checks(city),
    ]


def path_checks(city: City, held: Iterable[Held]) -> list[Check]:
    """The checks of paths, of every school that a filtering device of is among what is held."""
    return joined(
        [check for here in _schools(city, held) for family in Family for check in compose(city, here, family)]
    )


def _schools(city: City, held: Iterable[Held]) -> Iterator[SchoolFilters]:
    """The filters in force at each school: the bound ones of the devices that hold any."""
    found: dict[str, list[Held]] = {}
    for one in held:
        found.setdefault(one.device.school.id, []).append(one)
    for devices in found.values():
        if any(one.device.role == FILTERING for one in devices):
            yield _school(city, devices)


def _school(city: City, devices: list[Held]) -> SchoolFilters:
    carried = {name for one in devices for port in one.device.ports for name in port.segments}
    filters: dict[Place, tuple[str, Filter]] = {}
    believed: dict[Place, FilterIntent] = {}
    for one in devices:
        by_name = {filtering.name: filtering for filtering in one.state.filters}
        for bound in one.state.bindings:
            if bound.filter in by_name:
                filters[bound.vlan, bound.direction, bound.family] = (one.device.id, by_name[bound.filter])
        for moved in one.moved:
            believed[moved.intent.vlan, moved.intent.direction, moved.intent.family] = moved.intent
    segments = tuple(segment for name, segment in city.segments.items() if name in carried)
    return SchoolFilters(devices[0].device.school, segments, filters, believed)

"""The equipment part of what-if: who sits in which segment, what devices are, and whose addresses are believed.

The network part judges segments; a port or a network says who is in one. Where nothing asks for a certificate, the
port is the admission.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from controller.model.city import City
from controller.model.network.device_state import PortMode
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.plan.what_if.changes import (
    OUTSIDE,
    STRANGERS,
    Believed,
    EquipmentChange,
    PlatformChange,
    SeatChange,
    SourceChange,
)

Pair = tuple[City, City]
_Carried = tuple[tuple[str, str], ...]
"""Segments, each with how it is carried there: "" is untagged."""
_Seat = tuple[str, _Carried, _Carried]


@dataclass(slots=True)
class _Seats:
    """How many seats change alike, at which schools."""

    count: int = 0
    schools: dict[str, None] = field(default_factory=dict)


def find_equipment_changes(before: City, after: City) -> list[EquipmentChange]:
    """Return every port, network, platform and believed address that differs."""
    cities = (before, after)
    return [*find_seat_changes(before, after), *_find_platform_changes(cities), *_find_source_changes(cities)]


def find_seat_changes(before: City, after: City) -> Iterator[SeatChange]:
    """Yield the ports and networks that put whoever is there into another segment."""
    cities = (before, after)
    found: dict[_Seat, _Seats] = {}
    for name in dict.fromkeys((*cities[0].school_by_id, *cities[1].school_by_id)):
        for old, new in _pair_devices(cities, name):
            if old and new and old.ports == new.ports and old.networks == new.networks:
                continue
            for seat in _list_changed_seats(old, new):
                seats = found.setdefault(seat, _Seats())
                seats.count += 1
                seats.schools[name] = None
    for (network, old_way, new_way), seats in found.items():
        surprises = (STRANGERS,) if _leads_strangers_in(cities, old_way, new_way) else ()
        words = _describe_carried(before, old_way), _describe_carried(after, new_way)
        yield SeatChange(network, *words, seats.count, tuple(seats.schools), surprises)


def _pair_devices(cities: Pair, school: str) -> Iterator[tuple[Device | None, Device | None]]:
    old, new = (_index_devices(city, city.school_by_id.get(school)) for city in cities)
    return ((old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new)))


def _index_devices(city: City, school: School | None) -> dict[str, Device]:
    return {one.id: one for one in city.list_devices(school)} if school else {}


def _list_changed_seats(old: Device | None, new: Device | None) -> Iterator[_Seat]:
    before, after = (_list_carried(one) if one else {} for one in (old, new))
    for network, name in dict.fromkeys((*before, *after)):
        pair = (before.get((network, name), ()), after.get((network, name), ()))
        if pair[0] != pair[1]:
            yield network, *pair


def _list_carried(device: Device) -> dict[tuple[str, str], _Carried]:
    """Return the ports and networks of a device, each with what it puts people into."""
    ports = {
        ("", port.name): tuple((one, "tagged" if port.mode is PortMode.TRUNK else "") for one in port.segments)
        for port in device.ports
    }
    return ports | {(one.ssid, one.ssid): ((one.segment, one.protection.value),) for one in device.networks}


def _describe_carried(city: City, carried: _Carried) -> tuple[str, ...]:
    return tuple(f"{city.segments[segment].name} ({segment})" + (f" {how}" if how else "") for segment, how in carried)


def _leads_strangers_in(cities: Pair, before: _Carried, after: _Carried) -> bool:
    """Tell if a seat of others than the staff alone becomes one of the staff."""
    left, come = ({segment for segment, _ in carried} for carried in (before, after))
    staffed = [one for one in come - left if _is_of_staff(cities[1], one)]
    return bool(staffed) and not (left and all(_is_of_staff(cities[0], one) for one in left))


def _is_of_staff(city: City, segment: str) -> bool:
    """Tell if 802.1X admits staff, and nobody else, to a segment."""
    staff = {role.id for role in city.people.roles if role.audience == "staff"}
    admitted = {role for one in city.admissions if one.segment == segment for role in one.roles}
    return bool(admitted) and admitted <= staff


def _find_platform_changes(cities: Pair) -> Iterator[PlatformChange]:
    found: dict[tuple[str, str], list[str]] = {}
    for name in dict.fromkeys((*cities[0].school_by_id, *cities[1].school_by_id)):
        for old, new in _pair_devices(cities, name):
            pair = (old.platform if old else "", new.platform if new else "")
            if pair[0] != pair[1]:
                device = new or old
                assert device is not None  # noqa: S101 one of both is there
                found.setdefault(pair, []).append(device.id)
    return (PlatformChange(*pair, tuple(devices)) for pair, devices in found.items())


def _find_source_changes(cities: Pair) -> Iterator[SourceChange]:
    old, new = (_list_sources(city) for city in cities)
    for of, where in dict.fromkeys((*old, *new)):
        before, after = old.get((of, where), frozenset()), new.get((of, where), frozenset())
        if after - before:
            yield SourceChange("opens", of, where, tuple(sorted(after - before)), (OUTSIDE,))
        if before - after:
            yield SourceChange("closes", of, where, tuple(sorted(before - after)), ())


def _list_sources(city: City) -> dict[tuple[Believed, str], frozenset[str]]:
    """Return the addresses that are believed, by what they are believed to be."""
    return {
        ("controllers", ""): frozenset(map(str, city.controllers)),
        **{("office", one.id): frozenset(map(str, one.egress)) for one in city.offices},
        **{("school", one.id): frozenset(_list_egress(one)) for one in city.schools},
    }


def _list_egress(school: School) -> Iterator[str]:
    for name in ACCESS_LINE_NAMES:
        line = getattr(school.lines, name)
        yield from map(str, line.egress if line else ())

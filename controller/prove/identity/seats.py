"""Sockets and wireless networks of pupils and visitors that a change of stage would make the staff's.

Who sits there stays there: a filter says nothing of people whose socket has changed its segment. Schools of one
blueprint and lot have the same seats, so one of them stands for all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.errors import Origin
from controller.model.city import City
from controller.model.network.device_state import PortMode, PortRole
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage, are_adjacent, is_in_stage
from controller.prove.check import Check
from controller.prove.identity.segment_people import find_closed_segments, find_staff_segments

SEATS = "no seat of pupils or visitors becomes one of the staff in a stage next to it"
_LAST_NUMBER = re.compile(r"(?<![0-9])[0-9]+$")
Variants = Mapping[Stage | None, City]
"""A city in each stage."""


@dataclass(frozen=True, slots=True)
class SeatTurn:
    """Seats of one role that are others' in one stage and the staff's in another one; `origin` says the latter."""

    origin: Origin
    role: str
    stages: tuple[Stage, Stage]
    segments: tuple[str, str]
    places: tuple[str, ...]

    def __str__(self) -> str:
        (old, new), (before, after) = self.stages, self.segments
        return f"{self.role} {', '.join(self.places)}: {before} in {old}, and {after} in {new}"


def prove_seats(city: City, variants: Variants) -> Check:
    """Prove that in no stage a seat is the staff's which is others' in the stage before or after it.

    >>> prove_seats(city, {None: city}).differences
    ()
    """
    schools = list_standing(city, variants)
    seats = sum(
        segment in find_closed_segments((there,))
        for there in variants.values()
        for school in schools
        for device in there.list_devices(school)
        for segment in list_seats(device).values()
    )
    found = (f"{one.origin}: {one}; who sits there stays there" for one in find_seat_turns(city, variants))
    evidence = (
        f"{seats} seats of pupils and visitors in {len(variants)} stages, at {len(schools)} schools for all like them"
    )
    return Check(SEATS, seats, tuple(found), (evidence,))


def find_seat_turns(city: City, variants: Variants) -> list[SeatTurn]:
    """Find the seats of others that are the staff's in the stage before or after.

    >>> find_seat_turns(city, {None: city})
    []
    """
    schools = list_standing(city, variants)
    pairs = [(a, b) for a in variants for b in variants if a is not None and b is not None and are_adjacent(a, b)]
    turns = (one for pair in pairs for school in schools for one in _compare(variants, pair, school))
    return list(dict.fromkeys(turns))


def list_standing(city: City, variants: Variants) -> list[School]:
    """List one school of each lot and blueprint, and each that the inventory lists devices of.

    >>> len(list_standing(city, {None: city})) < len(city.schools)
    True
    """
    found: dict[tuple[str, ...], School] = {}
    for school in city.schools:
        fits = [there.equipment.find_blueprint(school).id for there in variants.values()]
        own = school.id if school.id in city.equipment.listed else ""
        found.setdefault((*fits, city.equipment.find_lot(school), own), school)
    return list(found.values())


def list_seats(device: Device) -> dict[str, str]:
    """List where hosts are connected to a device, each with its segment: sockets by their name, networks by their SSID.

    >>> list_seats(core)
    {}
    """
    sockets = {
        one.name: one.segments[0]
        for one in device.ports
        if one.mode is PortMode.ACCESS and one.role is PortRole.HOST_FACING
    }
    return sockets | {one.ssid: one.segment for one in device.networks}


def _compare(variants: Variants, stages: tuple[Stage, Stage], school: School) -> Iterator[SeatTurn]:
    before, after = variants[stages[0]], variants[stages[1]]
    others, staff = find_closed_segments((before,)), find_staff_segments((after,))
    held = {device.id: list_seats(device) for device in before.list_devices(school)}
    for device in after.list_devices(school):
        turned: dict[tuple[str, str], list[str]] = {}
        for place, segment in list_seats(device).items():
            was = held.get(device.id, {}).get(place, "")
            if was in others and segment in staff:
                turned.setdefault((was, segment), []).append(place)
        for pair, places in turned.items():
            origin = _find_origin(after, school, device.role, places[0])
            yield SeatTurn(origin, device.role, stages, pair, tuple(places))


def _find_origin(city: City, school: School, role: str, place: str) -> Origin:
    """Find the line of the blueprint that says what a seat is; else that of the blueprint."""
    blueprint, stage = city.equipment.find_blueprint(school), city.find_stage(school)
    groups = [one for one in blueprint.devices if one.role == role]
    number = _LAST_NUMBER.search(place)
    for port in (port for one in groups for port in one.ports if number and is_in_stage(port.stages, stage)):
        if number and port.first <= int(number[0]) <= port.last:
            return port.origin
    networks = (one for group in groups for one in group.ssids if one.ssid == place and is_in_stage(one.stages, stage))
    return next((one.origin for one in networks), blueprint.origin)

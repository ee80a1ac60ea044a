"""What a change of stage does, and to whom: sockets and wireless networks that move, and ways that open or close."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from controller.integration.mixed_states import CityPair
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.sites.schools import DeviceRole
from controller.plan.what_if.changes import NetworkChange
from controller.plan.what_if.network_changes import find_network_changes
from controller.prove.identity.host_seats import NO_SEAT, SeatName, SeatSegments, list_host_seats, list_segment_turns
from controller.prove.lint.integration import LostApplication, list_lost_applications


@dataclass(frozen=True, slots=True)
class SeatMove:
    """Sockets of devices of one role (`places`, e.g. `11-12`), or a wireless network, that change their segment.

    `before` and `after` are segments by their id; "" where there is none. `devices` counts the devices.
    """

    role: DeviceRole
    network: str
    places: str
    before: str
    after: str
    devices: int
    schools: int


@dataclass(frozen=True, slots=True)
class StageEffects:
    """All that a change of stage does to people, for those who have to answer for it.

    `lost`: applications of the staff that no segment reaches any more.
    """

    moves: tuple[SeatMove, ...]
    ways: tuple[NetworkChange, ...]
    lost: tuple[LostApplication, ...] = ()


@dataclass(slots=True)
class _Counted:
    devices: int = 0
    schools: dict[str, None] = field(default_factory=dict)


def find_stage_effects(cities: CityPair, schools: Iterable[str]) -> StageEffects:
    """Return what a change of stage does to the people of some schools."""
    named = set(schools)
    ways = (one for one in find_network_changes(*cities) if named & {*one.schools})
    ordered = sorted(ways, key=lambda one: (one.way, one.segment, one.application))
    lost = list_lost_applications(cities, (cities[0].school_by_id[name] for name in sorted(named)))
    return StageEffects(find_seat_moves(cities, named), tuple(ordered), lost)


def find_seat_moves(cities: CityPair, schools: Iterable[str]) -> tuple[SeatMove, ...]:
    """Return the sockets and wireless networks of some schools that change their segment."""
    found: dict[tuple[DeviceRole, str, str, str, str], _Counted] = {}
    for school in schools:
        for key in _list_moves(cities, school):
            counted = found.setdefault(key, _Counted())
            counted.devices += 1
            counted.schools[school] = None
    moves = (SeatMove(*key, one.devices, len(one.schools)) for key, one in found.items())
    return tuple(sorted(moves, key=lambda one: (one.role, one.network, one.places, one.before)))


def _list_moves(cities: CityPair, school: str) -> Iterator[tuple[DeviceRole, str, str, str, str]]:
    """Yield what moves at each device: its role, the network, the sockets, the segment before and after."""
    before, after = (_index_devices(city, school) for city in cities)
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        device = new or old
        if device is None:
            continue
        earlier, later = _list_seats(old), _list_seats(new)
        moved: dict[tuple[str, str], list[SeatName]] = {}
        for seat in dict.fromkeys((*earlier, *later)):
            for pair in list_segment_turns(earlier.get(seat, NO_SEAT), later.get(seat, NO_SEAT)):
                if seat.is_network:
                    yield device.role, seat.name, "", *pair
                else:
                    moved.setdefault(pair, []).append(seat)
        for pair, seats in moved.items():
            yield device.role, "", name_places(seats), *pair


def _index_devices(city: City, school: str) -> dict[str, Device]:
    return {one.id: one for one in city.list_devices(city.school_by_id[school])}


def _list_seats(device: Device | None) -> dict[SeatName, SeatSegments]:
    return {} if device is None else list_host_seats(device)


def name_places(ports: list[SeatName]) -> str:
    """Return what is written on a switch beside some ports: the last numbers of their names, or names without one."""
    numbers = [one.number for one in ports if one.number is not None]
    others = [one.name for one in ports if one.number is None]
    return ", ".join(part for part in (join_numbers(numbers), *others) if part)


def join_numbers(numbers: Iterable[int]) -> str:
    """Return numbers as people write them.

    >>> join_numbers([11, 12, 15, 13])
    '11-13, 15'
    """
    ordered = sorted(set(numbers))
    runs = [
        [one for _, one in run] for _, run in groupby(enumerate(ordered), key=lambda counted: counted[1] - counted[0])
    ]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)

"""Sockets and wireless networks of pupils and visitors that a change of stage would make the staff's.

Who sits there stays there: a filter says nothing of people whose socket has changed its segment. Of schools that are
alike one stands for all (`choose_example_schools`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from controller.errors import Origin
from controller.model.city import City
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage, are_adjacent, is_in_stage
from controller.prove.check import Check
from controller.prove.identity.host_seats import NO_SEAT, SeatName, list_host_seats, list_segment_turns
from controller.prove.identity.segment_people import find_closed_segments, find_staff_segments
from controller.prove.stage_variants import choose_example_schools

SEATS = "no seat of pupils or visitors becomes one of the staff in a stage next to it"
_SHOWN = 4
Variants = Mapping[Stage | None, City]
"""A city in each stage."""
_Concerns = Callable[[City, str], bool]
"""Whether those in a segment, in the stage before, are who is asked for."""


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
    schools = choose_example_schools([*variants.values()], city.schools)
    seats = sum(
        not find_closed_segments((there,)).isdisjoint(seat.segments)
        for there in variants.values()
        for school in schools
        for device in there.list_devices(school)
        for seat in list_host_seats(device).values()
    )
    found = (f"{one.origin}: {one}; who sits there stays there" for one in find_seat_turns(city, variants))
    evidence = (
        f"{seats} seats of pupils and visitors in {len(variants)} stages, at {len(schools)} schools for all like them"
    )
    return Check(SEATS, seats, tuple(found), (evidence,), _describe_unknown(find_unknown_turns(city, variants)))


def find_seat_turns(city: City, variants: Variants) -> list[SeatTurn]:
    """Find the seats of pupils and visitors that are the staff's in the stage before or after.

    >>> find_seat_turns(city, {None: city})
    []
    """
    return _find_turns(city, variants, _is_closed)


def find_unknown_turns(city: City, variants: Variants) -> list[SeatTurn]:
    """Find the seats of segments that 802.1X leads nobody to, and that are the staff's in the stage before or after.

    Nobody can tell who sits there.

    >>> find_unknown_turns(city, {None: city})
    []
    """
    return _find_turns(city, variants, _is_unknown)


def _describe_unknown(turns: list[SeatTurn]) -> str:
    if not turns:
        return ""
    shown = "; ".join(str(one) for one in turns[:_SHOWN]) + ("; ..." if len(turns) > _SHOWN else "")
    return f"802.1X leads nobody to these seats, so that nobody can tell who becomes one of the staff there: {shown}"


def _is_closed(city: City, segment: str) -> bool:
    return segment in find_closed_segments((city,))


def _is_unknown(city: City, segment: str) -> bool:
    return segment not in find_closed_segments((city,)) | find_staff_segments((city,))


def _find_turns(city: City, variants: Variants, concerns: _Concerns) -> list[SeatTurn]:
    schools = choose_example_schools([*variants.values()], city.schools)
    pairs = [(a, b) for a in variants for b in variants if a is not None and b is not None and are_adjacent(a, b)]
    turns = (one for pair in pairs for school in schools for one in _compare(variants, pair, school, concerns))
    return list(dict.fromkeys(turns))


def _compare(
    variants: Variants, stages: tuple[Stage, Stage], school: School, concerns: _Concerns
) -> Iterator[SeatTurn]:
    before, after = variants[stages[0]], variants[stages[1]]
    staff = find_staff_segments((after,))
    earlier = {device.id: list_host_seats(device) for device in before.list_devices(school)}
    for device in after.list_devices(school):
        turned: dict[tuple[str, str], list[SeatName]] = {}
        known = earlier.get(device.id, {})
        for name, seat in list_host_seats(device).items():
            for old, new in list_segment_turns(known.get(name, NO_SEAT), seat):
                if old and new in staff and concerns(before, old):
                    turned.setdefault((old, new), []).append(name)
        for pair, names in turned.items():
            origin = _find_origin(after, school, device.role, names[0])
            yield SeatTurn(origin, device.role, stages, pair, tuple(one.name for one in names))


def _find_origin(city: City, school: School, role: str, seat: SeatName) -> Origin:
    """Find the line of the blueprint that says what a seat is; else that of the blueprint."""
    blueprint, stage = city.equipment.find_blueprint(school), city.find_stage(school)
    groups = [one for one in blueprint.devices if one.role == role]
    number = seat.number
    for port in (port for one in groups for port in one.ports or () if is_in_stage(port.stages, stage)):
        if number is not None and port.first <= number <= port.last:
            return port.origin
    networks = (one for group in groups for one in group.ssids if is_in_stage(one.stages, stage))
    return next((one.origin for one in networks if seat == SeatName(one.ssid, is_network=True)), blueprint.origin)

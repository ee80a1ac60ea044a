"""A day at a school: what teachers, pupils, printers and visitors do, and what the policy says of each.

The list follows from the policy of the school's stage. What is expected comes from the reference evaluator alone, never
from the compiler.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time

from controller.model.access.people import PlaceMeaning
from controller.model.access.rules import INTERNET
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.device_state import PortMode, PortRole
from controller.model.network.packets import Protocol, Service
from controller.model.network.wireless import Protection
from controller.model.reference_evaluator import Flow, Person, evaluate_identity, evaluate_network
from controller.model.sites.schools import School
from controller.operations.gate_settings import DayVisit
from controller.rollout.durable.rollout_scene import ProbedConnection

_EVENING = time(20, 0)


@dataclass(frozen=True, slots=True)
class DayConnection:
    """A connection of a day. `probe`: how a host of the school would try it; None where none can, as from home."""

    visit: DayVisit
    school: str
    application: str
    permitted: bool
    probe: ProbedConnection | None = None

    def __str__(self) -> str:
        return str(self.probe) if self.probe else f"{self.visit} of {self.school} to {self.application}"


def list_day_connections(city: City, school: School) -> tuple[DayConnection, ...]:
    """Return what is done in a day at a school, with what the policy of its stage says of it."""
    places = find_visited_segments(city, school)
    found = [
        DayConnection(visit, school.id, one.application, one.permitted, one)
        for visit, segments in places.items()
        for segment in segments
        for one in _list_connections(city, school, segment)
    ]
    return (*found, *_list_from_home(city, school))


def find_visited_segments(city: City, school: School) -> Mapping[DayVisit, tuple[str, ...]]:
    """Find the segments in which each is who is at the school; none where the school has no seat for them.

    A teacher whose school has no wireless network for the staff is at a socket in the classroom, too.
    """
    audiences = {role.id: role.audience for role in city.people.roles}
    admitted: dict[str, set[str]] = {}
    for one in city.admissions:
        admitted.setdefault(one.segment, set()).update(audiences[role] for role in one.roles)
    devices = city.list_devices(school)
    wired = dict.fromkeys(
        name
        for device in devices
        for port in device.ports
        if port.mode is PortMode.ACCESS and port.role is PortRole.HOST_FACING
        for name in port.segments
        if name != city.default_segment
    )
    networks = {one.segment: one.protection for device in devices for one in device.networks}
    staffed = [name for name in (*wired, *networks) if admitted.get(name) == {"staff"}]
    # Who is let in unasked: by a network, or at a socket of those who must not reach one another.
    unasked = [name for name, how in networks.items() if how is Protection.ENHANCED_OPEN]
    unasked += [name for name in wired if city.segments[name].isolated and name not in admitted]
    served = {one.segment for one in city.applications.values() if one.segment} - {city.management_segment}
    at_desk = tuple(name for name in wired if name in staffed)
    return {
        DayVisit.STAFF_ROOM: at_desk,
        DayVisit.CLASSROOM: tuple(name for name in networks if name in staffed) or at_desk,
        DayVisit.PUPIL: tuple(dict.fromkeys(n for n in (*wired, *networks) if "pupil" in admitted.get(n, ()))),
        DayVisit.PRINTER: tuple(name for name in wired if name in served),
        DayVisit.VISITOR: tuple(dict.fromkeys(unasked)),
    }


def _list_connections(city: City, school: School, segment: str) -> Iterator[ProbedConnection]:
    for name in (*city.applications, INTERNET):
        service = _choose_service(city, name)
        own = name != INTERNET and city.applications[name].segment == segment
        if service is None or own:
            continue
        for family in city.families:
            there = city.addresses.destination_addresses_in(name, school, family).get_intervals()
            if there:
                flow = Flow(school, segment, family, service.protocol, _choose_address(there), service.ports[0])
                yield ProbedConnection(school.id, segment, name, family, evaluate_network(city, flow).permitted)


def _choose_service(city: City, name: str) -> Service | None:
    """Return a service that a connection can be opened to; None where an application has none."""
    if name == INTERNET:
        return Service(Protocol.TCP, (443, 443))
    return next((one for one in city.applications[name].services if one.protocol is Protocol.TCP), None)


def _choose_address(there: Iterable[tuple[int, int]]) -> int:
    """Return an address that is neither the first nor the last of its network, where there is one."""
    low, high = next(iter(there))
    return min(low + 10, high)


def _list_from_home(city: City, school: School) -> Iterator[DayConnection]:
    """Yield what a teacher does at home with a device of the school that is as it must be: the proxy judges it."""
    staff = next((role.id for role in city.people.roles if role.audience == "staff"), None)
    if staff is None:
        return
    at = datetime.combine(city.policy_date, _EVENING, tzinfo=city.timezone)
    postures = frozenset(one.id for one in city.people.postures)
    person = Person(staff, max(Strength), postures, PlaceMeaning.HOME, at, registered=school.id)
    for name in city.applications:
        if any(
            rule.identity and "proxy" in rule.identity.enforced_by for rule in city.rules_by_application.get(name, ())
        ):
            permitted = evaluate_identity(city, name, person).permitted
            yield DayConnection(DayVisit.HOME, school.id, name, permitted)

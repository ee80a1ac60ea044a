"""Who asks for what from where, and what the policy says of it.

The time of a visit is the trial clock's (`controller.lab.iap.trial_clock`). The place is what the IAP can tell: a
school whose line has no address of its own counts as home, like any other place in Japan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from ipaddress import ip_address

from controller.errors import LabError
from controller.lab.state import paths
from controller.lab.state.layout import FamilyPair, Frozen, GuardedApplication, Layout, Perimeter, SchoolLayout
from controller.lab.state.perimeter import HTTPS
from controller.lab.trials.people.synthetic_people import SeatKind, SyntheticPerson, list_synthetic_people
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.packets import Family, Protocol
from controller.model.reference_evaluator import UNKNOWN, Flow, Person, evaluate_identity, evaluate_network


class Seat(Frozen):
    """Where somebody sits. In a school: at a host of a segment; else at an address of `source`."""

    label: str
    namespace: str
    school: str | None = None
    segment: str | None = None
    source: FamilyPair | None = None


class Visit(Frozen):
    """A person at an application over one family, and what the policy says.

    `place` is as the proxy sees it. `network` and `identity` are the two parts' answers, with the rules that decided.
    """

    person: SyntheticPerson
    seat: Seat
    at: datetime
    place: str
    application: str
    host: str
    address: str
    network: bool
    network_rules: tuple[str, ...]
    identity: bool
    identity_rules: tuple[str, ...]

    @property
    def family(self) -> Family:
        """The family of the address."""
        return Family(ip_address(self.address).version)

    @property
    def permitted(self) -> bool:
        """Whether both parts let them in."""
        return self.network and self.identity


def list_visits(city: City, layout: Layout, around: Perimeter, schools: tuple[str, ...]) -> Iterator[Visit]:
    """Return every visit of the people of these schools, and of those outside.

    Raises:
        LabError: the lab has no seat for people of a school at all, so that nothing of theirs would be tried.
    """
    _check_seats(layout)
    fronts = _fronts(city, around)
    for person in list_synthetic_people(city, layout, schools):
        seat = _seat(layout, around, person)
        if seat is None:
            continue  # the lab has no host in that segment
        for guarded in around.guarded:
            for address in fronts[guarded.application]:
                if not _has_family(layout, seat, Family(ip_address(address).version)):
                    continue  # no packet of that family leaves this seat
                yield _visit(city, layout, person, seat, guarded, address)


def _has_family(layout: Layout, seat: Seat, family: Family) -> bool:
    """Whether a seat has an address of a family: in a school, what the city uses; elsewhere, what its source has."""
    if seat.school is not None:
        return family in layout.families
    return seat.source is not None and seat.source.find(family) is not None


def _check_seats(layout: Layout) -> None:
    segments = {host.segment for school in layout.schools for host in school.hosts}
    for kind in (SeatKind.STAFF, SeatKind.PUPIL):
        if kind.value not in segments:
            message = f"no school of the lab has a host in the segment {kind.value!r}, where people of the trial sit"
            raise LabError(message)


def find_outsider(city: City, tried: Sequence[Visit]) -> SyntheticPerson:
    """Return somebody at home who can sign in and is let in nowhere: who tries the attacks that need a sign-in.

    One of the public, where the policy has any.

    Raises:
        LabError: everybody at home is let in somewhere.
    """
    let_in = {visit.person.row for visit in tried if visit.permitted}
    at_home = [visit.person for visit in tried if visit.network and visit.person.sits is SeatKind.HOME]
    outsiders = [person for person in at_home if person.row not in let_in]
    if not outsiders:
        message = "everybody at home is let in somewhere: nobody is left to try the attacks as"
        raise LabError(message)
    public = {role.id for role in city.people.roles if role.audience == "public"}
    return next((person for person in outsiders if person.role in public), outsiders[0])


def _fronts(city: City, around: Perimeter) -> dict[str, tuple[str, ...]]:
    placed = city.outputs.applications
    return {
        one.application: tuple(
            str(prefix.network_address) for prefix in (*placed[one.application].ipv4, *placed[one.application].ipv6)
        )
        for one in around.guarded
    }


def _seat(layout: Layout, around: Perimeter, person: SyntheticPerson) -> Seat | None:
    match person.sits:
        case SeatKind.BOARD:
            return Seat(label="board office", namespace=paths.HOME, source=around.office) if around.office else None
        case SeatKind.HOME:
            return Seat(label="home", namespace=paths.HOME, source=around.home)
        case SeatKind.ABROAD:
            return Seat(label="abroad", namespace=paths.HOME, source=around.abroad)
    hosts = layout.school(person.school).hosts
    found = next((host for host in hosts if host.segment == person.sits.value), None)
    if found is None:
        return None
    label = f"{person.school} {found.id}"
    return Seat(label=label, namespace=found.namespace, school=person.school, segment=found.segment)


def _visit(  # noqa: PLR0913, PLR0917 what a visit is made of
    city: City, layout: Layout, person: SyntheticPerson, seat: Seat, guarded: GuardedApplication, address: str
) -> Visit:
    family = Family(ip_address(address).version)
    where = _place(layout, person, seat, family)
    network, network_rules = _network(city, seat, family, address)
    answer = evaluate_identity(city, guarded.application, _describe_for_policy(city, person, where))
    public = guarded.audience is None
    return Visit(
        person=person,
        seat=seat,
        at=person.at,
        place=where,
        application=guarded.application,
        host=guarded.host,
        address=address,
        network=network,
        network_rules=network_rules,
        identity=public or answer.permitted,  # before a public application the proxy asks nobody
        identity_rules=tuple(rule.id for rule in answer.rules),
    )


def _network(city: City, seat: Seat, family: Family, address: str) -> tuple[bool, tuple[str, ...]]:
    if seat.school is None or seat.segment is None:
        return True, ()  # no network of the city's lies between
    flow = Flow(
        school=city.school_by_id[seat.school],
        source=seat.segment,
        family=family,
        protocol=Protocol.TCP,
        destination=int(ip_address(address)),
        port=HTTPS,
    )
    answer = evaluate_network(city, flow)
    return answer.permitted, tuple(rule.id for rule in answer.rules)


def _describe_for_policy(city: City, person: SyntheticPerson, where: str) -> Person:
    """The person as the proxy knows them; whoever has a second factor in the lab has a security key."""
    classes = (one.id for one in city.people.device_classes if person.system in one.systems)
    return Person(
        role=person.role,
        mfa=Strength.PHISHING_RESISTANT if person.mfa else Strength.NONE,
        postures=frozenset(person.postures),
        place=where,
        at=person.at,
        device=next(classes, UNKNOWN),
        registered=person.registered or UNKNOWN,
    )


def _place(layout: Layout, person: SyntheticPerson, seat: Seat, family: Family) -> str:
    if person.sits is SeatKind.ABROAD:
        return "abroad"
    if person.sits is SeatKind.BOARD:
        return "board-office"
    if seat.school is None or not _proved(layout.school(seat.school), family):
        return "home"
    return "own-school" if person.registered == seat.school else "other-school"


def _proved(school: SchoolLayout, family: Family) -> bool:
    """Whether the school's address of this family is nobody else's."""
    return school.egress is not None and school.egress.find(family) is not None

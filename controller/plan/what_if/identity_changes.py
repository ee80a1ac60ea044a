"""The identity part of what-if: sets of people, before and after, at the proxy; and whom 802.1X puts elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, combinations, product

from controller.errors import ProofFailed
from controller.model import reference_evaluator
from controller.model.access.admission import PLUGGED
from controller.model.access.rules import Rule
from controller.model.access.second_factors import STRICT_CLASSES, Strength
from controller.model.city import City
from controller.model.reference_evaluator import UNKNOWN, Person, evaluate_identity
from controller.plan.what_if.changes import (
    EVERYWHERE,
    IMPORTANT,
    OUTSIDE,
    STRANGERS,
    UNREGISTERED,
    AdmissionChange,
    IdentityChange,
    Way,
)
from controller.prove.engine.diagram import Node
from controller.prove.identity.people_sets import PeopleSets

_OUTSIDE = ("home", "abroad")
Pair = tuple[City, City]


def find_identity_changes(before: City, after: City) -> list[IdentityChange]:
    """Everybody who is let in, or no more.

    Raises:
        ProofFailed: the reference evaluator does not confirm one; that is a defect of this program.
    """
    cities, people = (before, after), PeopleSets(before, after)
    found: dict[tuple[Way, int, int, Node], list[int]] = {}
    for registered in range(len(people.registrations) + 1):
        old, new = (people.select_permitted(city, _at_the_proxy(city), registered) for city in cities)
        sets: tuple[tuple[Way, Node], ...] = (
            ("opens", people.space.difference(new, old)),
            ("closes", people.space.difference(old, new)),
        )
        for way, changed in sets:
            for application, role, mine in _slices(people, changed):
                found.setdefault((way, application, role, mine), []).append(registered)
    changes = (_change(cities, people, way, there, mine) for (way, _, _, mine), there in found.items())
    return [_surprising(cities, one) for one in changes]


def _at_the_proxy(city: City) -> list[Rule]:
    return [rule for rule in city.rules if rule.identity and "proxy" in rule.identity.enforced_by]


def _slices(people: PeopleSets, changed: Node) -> Iterator[tuple[int, int, Node]]:
    """The applications and roles for which anything changes, each with what does."""
    if people.space.is_empty(changed):
        return
    for application, role in product(range(len(people.applications)), range(len(people.roles))):
        mine = people.space.intersection(changed, people.select_where(application=[application], role=[role]))
        if not people.space.is_empty(mine):
            yield application, role, mine


def _change(cities: Pair, people: PeopleSets, way: Way, indexes: Sequence[int], node: Node) -> IdentityChange:
    here = people.space.intersection(node, people.select_where(registered=indexes[:1]))
    application, person = people.find_example(here)
    rules = _confirmed(cities, way, application, person)
    registered = [name for index in indexes for name in (*people.registrations, (UNREGISTERED,))[index]]
    places = tuple(p for i, p in enumerate(people.places) if _some(people, node, place=[i]))
    factors = [strength for strength in Strength if _some(people, node, factor=[strength])]
    asked = tuple(name for name in people.postures if not _some(people, node, **{name: [0]}))
    return IdentityChange(
        way=way,
        registered=tuple(sorted(registered)),
        role=person.role,
        application=application,
        places=places,
        least_factor=str(min(factors)),
        postures=asked,
        person=describe_person(person),
        rules=rules,
        surprises=(),
    )


def _some(people: PeopleSets, node: Node, **values: Sequence[int]) -> bool:
    return not people.space.is_empty(people.space.intersection(node, people.select_where(**values)))


def describe_person(person: Person) -> str:
    """A person in words."""
    device = person.device or "device of an unknown class"
    has = ", ".join(sorted(person.postures)) or "neither managed nor encrypted"
    factor = "password only" if person.mfa is Strength.NONE else f"second factor {person.mfa}"
    registered = f"registered at {person.registered}" if person.registered != UNKNOWN else "registered nowhere"
    return f"{person.role} at {person.place}, {person.at:%a %Y-%m-%d %H:%M}, {device} ({has}; {registered}), {factor}"


def _confirmed(cities: Pair, way: Way, application: str, person: Person) -> tuple[str, ...]:
    answers = [evaluate_identity(city, application, person) for city in cities]
    said = [answer.permitted for answer in answers]
    if said != [way == "closes", way == "opens"]:
        message = (
            f"what-if says that {application} {way} for {describe_person(person)}, but the reference evaluator says "
            f"{said[0]} before and {said[1]} after"
        )
        raise ProofFailed(message)
    deciding = answers[1] if way == "opens" or answers[1].rules else answers[0]
    return tuple(f"{rule.id} ({rule.origin})" for rule in deciding.rules)


def _surprising(cities: Pair, one: IdentityChange) -> IdentityChange:
    city = cities[1] if one.way == "opens" else cities[0]
    application = city.applications.get(one.application)
    audiences = {role.id: role.audience for role in city.people.roles}
    found = []
    if one.way == "opens":
        if application and application.importance in STRICT_CLASSES:
            found.append(IMPORTANT)
        if audiences.get(one.role, "public") != "staff":
            found.append(STRANGERS)
        if set(one.places) & set(_OUTSIDE):
            found.append(OUTSIDE)
    elif {school.id for school in cities[0].schools} <= set(one.registered):
        found.append(EVERYWHERE)
    return replace(one, surprises=tuple(found))


def find_admission_changes(before: City, after: City) -> list[AdmissionChange]:
    """Whom 802.1X puts into other segments: every role, device and place; and certificate classes that this hides."""
    people = list(_people_admitted(before, after))
    shown = {(one.place, old, new) for one in people for old in one.before for new in one.after}
    certificates = _certificates_admitted(before, after)
    return [*people, *(one for one in certificates if (one.place, one.before[0], one.after[0]) not in shown)]


def _certificates_admitted(before: City, after: City) -> Iterator[AdmissionChange]:
    """The switch sees a certificate's class: one that goes to another admission takes its devices with it."""
    cities = (before, after)
    classes = dict.fromkeys(one.certificate for city in cities for one in city.admissions)
    staff = {one.id for one in after.people.roles if one.audience == "staff"}
    for certificate, place in product(classes, PLUGGED):
        old, new = (reference_evaluator.evaluate_admission(city, certificate, place).segment for city in cities)
        if old != new:
            holders = {role for one in before.admissions if one.certificate == certificate for role in one.roles}
            reaches_staff_segment = _for_staff(after, new) and not (holders and holders <= staff)
            surprises = (STRANGERS,) if reaches_staff_segment else ()
            yield AdmissionChange(f"certificate {certificate}", (), place, (old,), (new,), surprises)


def _people_admitted(before: City, after: City) -> Iterator[AdmissionChange]:
    cities = (before, after)
    roles = dict.fromkeys(role.id for city in cities for role in city.people.roles)
    places = dict.fromkeys(place.meaning for city in cities for place in city.people.places)
    postures = sorted({posture for city in cities for a in city.admissions for posture in a.postures})
    devices = list(chain.from_iterable(combinations(postures, size) for size in range(len(postures) + 1)))
    for role, device, place in product(roles, devices, places):
        old, new = (find_admitted_segments(city, role, frozenset(device), place) for city in cities)
        if old != new:
            opened = [segment for segment in new if segment not in old]
            staff = {one.id for one in after.people.roles if one.audience == "staff"}
            reaches_staff_segment = role not in staff and any(_for_staff(after, segment) for segment in opened)
            yield AdmissionChange(role, device, place, old, new, (STRANGERS,) if reaches_staff_segment else ())


def find_admitted_segments(city: City, role: str, postures: frozenset[str], place: str) -> tuple[str, ...]:
    """The segments that a device of a person is put into."""
    found = (
        a.segment
        for a in city.admissions
        if role in a.roles and postures.issuperset(a.postures) and (not a.places or place in a.places)
    )
    return tuple(dict.fromkeys(found)) or (city.default_segment,)


def _for_staff(city: City, segment: str) -> bool:
    staff = {role.id for role in city.people.roles if role.audience == "staff"}
    return any(set(a.roles) <= staff for a in city.admissions if a.segment == segment)

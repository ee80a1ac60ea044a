"""Permits that open more than they seem to need."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from controller.model.access.rules import CONTROLLER, INTERNET, Rule
from controller.model.access.second_factors import STRICT_CLASSES
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.prove.identity.people_sets import PeopleSets
from controller.prove.lint.finding import Finding, make_warning

BROAD_PORTS = 100
_KIND = "over-broad"


def find_broad_permits(city: City) -> Iterator[Finding]:
    """Hints at less.

    >>> list(find_broad_permits(city))
    []
    """
    for rule in city.rules:
        if rule.effect is Effect.FORBID:
            continue
        if rule.network:
            yield from _ports(rule)
            yield from _sources_without_staff(city, rule)
            yield from _whole_internet(city, rule)
        yield from _people(city, rule)
    yield from _anywhere(city)


def _ports(rule: Rule) -> Iterator[Finding]:
    for service in rule.network.services if rule.network else ():
        if service.ports[1] - service.ports[0] >= BROAD_PORTS:
            message = f"rule {rule.id!r} opens {service}: more than {BROAD_PORTS} ports at once"
            yield make_warning(_KIND, rule.origin, message)


def _people(city: City, rule: Rule) -> Iterator[Finding]:
    if rule.identity is None:
        return
    if not rule.identity.roles:
        yield make_warning(_KIND, rule.origin, f"rule {rule.id!r} names no role: whoever signs in is meant")
    if "proxy" in rule.identity.enforced_by and not rule.identity.postures:
        message = f"rule {rule.id!r} asks nothing of the device; name a posture, e.g. managed"
        yield make_warning(_KIND, rule.origin, message)
    audiences = {role.id: role.audience for role in city.people.roles}
    strangers = [role for role in rule.identity.roles if audiences[role] == "public"]
    staff = [name for name in rule.applications if name != INTERNET and city.applications[name].audience == "staff"]
    if strangers and staff:
        message = f"rule {rule.id!r} lets {', '.join(strangers)} in to {', '.join(staff)} (audience staff)"
        yield make_warning(_KIND, rule.origin, message)


def _sources_without_staff(city: City, rule: Rule) -> Iterator[Finding]:
    """A staff application that can be reached from a segment which nobody of the staff is admitted to."""
    assert rule.network is not None  # noqa: S101 the caller looked
    staff = [name for name in rule.applications if name != INTERNET and city.applications[name].audience == "staff"]
    ours = {role.id for role in city.people.roles if role.audience == "staff"}
    for source in rule.network.from_:
        admitted = {role for a in city.admissions if a.segment == source for role in a.roles}
        if staff and source != CONTROLLER and not admitted & ours:
            message = (
                f"rule {rule.id!r} opens {', '.join(staff)} (audience staff) to segment {source!r}, "
                "which 802.1X admits no staff to"
            )
            yield make_warning(_KIND, rule.origin, message)


def _whole_internet(city: City, rule: Rule) -> Iterator[Finding]:
    """An application that belongs to the internet, opened where no rule opens the internet by its name."""
    assert rule.network is not None  # noqa: S101 the caller looked
    named = [other for other in city.rules if other.effect is Effect.PERMIT and INTERNET in other.applications]
    said = {
        (source, s)
        for other in named
        if other.network and city.list_schools_in_scope(other) >= city.list_schools_in_scope(rule)
        for source in other.network.from_
        for s in other.network.services
    }
    for name, source in product(rule.applications, rule.network.from_):
        if name != INTERNET and city.applications[name].belongs_to:
            opened = [s for s in city.get_permitted_services(rule, name) if (source, s) not in said]
            if opened:
                message = (
                    f"rule {rule.id!r} opens {name} to segment {source!r}, and {name} belongs to the internet: "
                    f"a switch opens every public address on {', '.join(map(str, opened))}"
                )
                yield make_warning(_KIND, rule.origin, message)


def _anywhere(city: City) -> Iterator[Finding]:
    """Important applications that somebody may use from every place there is."""
    people = PeopleSets(city)
    allowed = people.select_permitted(city, city.rules)
    for name, application in city.applications.items():
        if application.importance not in STRICT_CLASSES or not application.proxy:
            continue
        here = people.space.intersection(allowed, people.select_where(application=[people.applications.index(name)]))
        places = range(len(people.places))
        if all(
            not people.space.is_empty(people.space.intersection(here, people.select_where(place=[p]))) for p in places
        ):
            message = (
                f"{name} (class {application.importance}) may be used from every place, "
                f"{', '.join(people.places)}; name `places` in its rules"
            )
            yield make_warning(_KIND, application.origin, message)

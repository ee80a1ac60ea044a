"""People at the boundaries of what the rules say, and addresses at the boundaries of what proves a place.

`synthetic_principals.py` mixes all that can be told apart; a mistake that shows only where several conditions meet
could slip between. So for every rule, and for every two that speak of one application, there is somebody who just
meets them, and everybody who differs from that person in one thing. Addresses are those of every school and office,
first and last of each prefix, and the one behind it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import product

from controller.model.access.rules import Rule
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.packets import Family, Interval, Prefix, get_bounds, merge_intervals
from controller.model.reference_evaluator import UNKNOWN, Person
from controller.model.sites.calendar import ONE_DAY, DayKind
from controller.prove.engine.cel import RequestAttributes
from controller.prove.identity.synthetic_principals import (
    FOREIGN_REGISTRATION,
    SECOND_FACTORS,
    build_request,
    list_device_classes,
    list_distinct_days,
    list_registrations,
    make_possible,
)


@dataclass(frozen=True, slots=True)
class PrincipalCase:
    """A person with the request that Google sees, the times at which they come, and the roles that they come in."""

    person: Person
    attributes: RequestAttributes
    moments: tuple[datetime, ...]
    roles: tuple[str, ...]


def list_boundary_cases(city: City) -> Iterator[PrincipalCase]:
    """Everybody at the boundaries of rules, and somebody at every address that proves a place.

    >>> case = next(list_boundary_cases(city))
    >>> case.person.place, case.attributes["origin.region_code"], len(case.moments)
    ('own-school', 'JP', 5)
    """
    roles = tuple(role.id for role in city.people.roles)
    for person in dict.fromkeys(_people(city)):
        yield PrincipalCase(person, build_request(city, person), _round(city, person.at), roles)
    calendar = _calendar_boundaries(city)
    for person in dict.fromkeys(_centre(city, [rule], app) for rule, app in _judged(city) if _by_calendar(rule)):
        yield PrincipalCase(person, build_request(city, person), calendar, roles)
    for person, factor in _signed_in(city):
        yield PrincipalCase(person, build_request(city, person, factor), (person.at,), roles)
    for person in _tell_places_apart(city):
        for one, address in _addressed(city, person):
            yield PrincipalCase(one, {**build_request(city, one), "origin.ip": address}, (one.at,), (one.role,))


def _judged(city: City) -> Iterator[tuple[Rule, str]]:
    for rule in city.rules:
        if rule.identity and "proxy" in rule.identity.enforced_by:
            yield from ((rule, name) for name in rule.applications if name in city.applications)


def _people(city: City) -> Iterator[Person]:
    judged = list(_judged(city))
    pairs = [(rule, other, app) for rule, app in judged for other, name in judged if name == app]
    for centre in dict.fromkeys(_centre(city, [rule, other], app) for rule, other, app in pairs):
        yield centre
        yield from _neighbours(city, centre)


def _centre(city: City, rules: list[Rule], app: str) -> Person:
    """Somebody who just meets the first rule, and the second where it does not contradict."""
    parts = [(rule, rule.identity) for rule in rules if rule.identity]
    schools = [(rule, rule.schools) for rule in rules if rule.schools is not None]
    registered = next(
        (s.id for s in city.schools if all(city.rule_applies_at(r, s) for r, _ in schools)), city.schools[0].id
    )
    places = [part.places for _, part in parts if part.places]
    kinds = [part.devices for _, part in parts if part.devices]
    person = Person(
        role=city.people.roles[0].id,
        mfa=max(city.get_second_factor(part, app) for _, part in parts),
        postures=frozenset(name for _, part in parts for name in part.postures),
        place=_common(places) or "home",
        at=_moment(city, [rule for rule, _ in parts]),
        device=_common(kinds) or next((one.id for one in city.people.device_classes), UNKNOWN),
        registered=registered,
    )
    return make_possible(city, person)


def _common(lists: list[tuple[str, ...]]) -> str:
    """A value of all the lists, else one of the first."""
    return next((one for one in (lists[0] if lists else ()) if all(one in other for other in lists)), "") or (
        lists[0][0] if lists else ""
    )


def _moment(city: City, rules: list[Rule]) -> datetime:
    """Return a moment at which the rules hold, if there is one among the days that tell anything apart; else a noon."""
    known = list_distinct_days(city)
    for day, hour in product(known, (12, 18, 3, 8, 22)):
        moment = datetime.combine(day, time(hour), city.timezone)
        if all(_holds(city, rule, moment) for rule in rules):
            return moment
    return datetime.combine(known[0], time(12), city.timezone)


def _holds(city: City, rule: Rule, moment: datetime) -> bool:
    hours = rule.identity.hours if rule.identity else None
    if not rule.holds_on(moment.date()) or hours is None:
        return rule.holds_on(moment.date())
    kind = city.calendar.find_day_kind(moment.date()) if city.calendar else None
    named = moment.strftime("%a").lower() in hours.weekdays if hours.day_kinds is None else kind in hours.day_kinds
    return named and hours.from_ <= moment.time() < hours.until


def _neighbours(city: City, centre: Person) -> Iterator[Person]:
    """Everybody who differs from somebody in one thing."""
    found = [
        *(replace(centre, mfa=factor) for factor in Strength),
        *(replace(centre, postures=centre.postures ^ {posture.id}) for posture in city.people.postures),
        *(replace(centre, place=place) for place in city.people.told_places),
        *(replace(centre, device=device) for device in list_device_classes(city)),
        *(replace(centre, registered=registered) for registered in list_registrations(city)),
        *(
            replace(centre, at=datetime.combine(day, centre.at.time(), city.timezone))
            for day in list_distinct_days(city)
        ),
    ]
    yield from (make_possible(city, one) for one in found)


def _round(city: City, at: datetime) -> tuple[datetime, ...]:
    """A moment, and what stands on both sides of the boundary of hours that is next to it."""
    boundaries = sorted({at, *(_boundary(city, at, clock) for clock in _clocks(city))})
    where = boundaries.index(at)
    near = [one for one in boundaries[max(0, where - 1) : where + 2] if one != at]
    return tuple(sorted({at, *near, *(one - timedelta(seconds=1) for one in near)}))


def _boundary(city: City, at: datetime, clock: time) -> datetime:
    return datetime.combine(at.date(), clock, city.timezone)


def _clocks(city: City) -> set[time]:
    hours = [rule.identity.hours for rule in city.rules if rule.identity and rule.identity.hours]
    return {clock for one in hours for clock in (one.from_, one.until)}


def _signed_in(city: City) -> Iterator[tuple[Person, str]]:
    """Somebody who just meets each rule, with every second factor that there is."""
    for person in dict.fromkeys(_centre(city, [rule], app) for rule, app in _judged(city)):
        yield from ((replace(person, mfa=strength), factor) for factor, strength in SECOND_FACTORS.items())


def _by_calendar(rule: Rule) -> bool:
    return bool(rule.identity and rule.identity.hours and rule.identity.hours.day_kinds is not None)


def _calendar_boundaries(city: City) -> tuple[datetime, ...]:
    """Noon of the first and the last day of every run of the calendar, and of the days beside them."""
    runs = [run for kind in DayKind for run in (city.calendar.find_runs(kind) if city.calendar else ())]
    named: set[date] = {day + step for run in runs for day in run for step in (-ONE_DAY, timedelta(0), ONE_DAY)}
    return tuple(datetime.combine(day, time(12), city.timezone) for day in sorted(named))


def _tell_places_apart(city: City) -> list[Person]:
    """As few people as it takes, so that any two places that some rule tells apart are told apart by one of them."""
    told: set[tuple[str, str]] = set()
    found: list[Person] = []
    for rule, app in _judged(city):
        asked = rule.identity.places if rule.identity else ()
        others = [place for place in city.people.told_places if place not in asked]
        new = set(product(asked, others)) | set(product(others, asked))
        if asked and not new <= told:
            told |= new
            named = rule.identity.roles if rule.identity else ()
            person = _centre(city, [rule], app)
            found.append(replace(person, role=named[0]) if named else person)
    return found


def _addressed(city: City, person: Person) -> Iterator[tuple[Person, str]]:
    """The person at every address that proves a school or an office, and at the one behind it, where it is nobody's."""
    schools = [(one, one.lines.egress) for one in city.schools]
    offices = [prefix for office in city.offices for prefix in office.egress]
    every = (*(prefix for _, egress in schools for prefix in egress), *offices)
    taken = {family: merge_intervals(get_bounds(one) for one in every if one.version == family) for family in Family}
    for number, (school, egress) in enumerate(schools):
        elsewhere = city.schools[(number + 1) % len(schools)].id
        for address in _ends(egress):
            for unknown in (UNKNOWN, FOREIGN_REGISTRATION):
                yield replace(person, place="other-school", registered=unknown), address
            if elsewhere != school.id:
                yield replace(person, place="other-school", registered=elsewhere), address
            yield replace(person, place="own-school", registered=school.id), address
        for address in _behind(egress, taken):
            yield replace(person, place="home", registered=school.id), address
    for address in _ends(offices):
        yield replace(person, place="board-office"), address
    for address in _behind(offices, taken):
        yield replace(person, place="home"), address


def _ends(egress: Iterable[Prefix]) -> Iterator[str]:
    for one in dict.fromkeys(egress):
        yield from (Family(one.version).format_address(value) for value in dict.fromkeys(get_bounds(one)))


def _behind(egress: Iterable[Prefix], taken: Mapping[Family, Sequence[Interval]]) -> Iterator[str]:
    for one in dict.fromkeys(egress):
        family, value = Family(one.version), get_bounds(one)[1] + 1
        before = bisect_right(taken[family], value, key=lambda interval: interval[0])
        if not before or taken[family][before - 1][1] < value:
            yield family.format_address(value)

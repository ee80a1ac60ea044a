"""The identity parts of one policy, or of two, as sets of people.

A point is an application and a person: role, where the device is registered, place, class of the device, second
factor, postures, day and minute. Schools that no scope tells apart are one value, and so are days that no calendar,
weekday or expiry does; days run from the day that the policies are for to a week after the last thing that ends.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import TypeVar

from controller.model.access.admission import PLUGGED
from controller.model.access.rules import DAYS, INTERNET, IdentityPart, Rule
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.reference_evaluator import UNKNOWN, Person
from controller.model.sites.calendar import ONE_DAY
from controller.prove.engine.diagram import Field, HeaderSpace, Interval, Node

MINUTES_A_DAY = 24 * 60
TEN_O_CLOCK = 10 * 60
Value = TypeVar("Value", str, date)
_WEEK = timedelta(days=len(DAYS))


class PeopleSets:
    """Everybody whom one or more cities can tell apart, and the sets of them.

    >>> people = PeopleSets(city)
    >>> application, person = people.find_example(people.select_permitted(city, city.rules))
    >>> application, person.role, person.place
    ('affairs', 'teacher', 'own-school')
    """

    def __init__(self, *cities: City) -> None:
        self.cities = cities
        self.applications = _union([*(name for name in city.applications), INTERNET] for city in cities)
        self.roles = _union((role.id for role in city.people.roles) for city in cities)
        self.places = _union(city.people.told_places for city in cities)
        self.postures = _union((posture.id for posture in city.people.postures) for city in cities)
        self.devices = [*_union((one.id for one in city.people.device_classes) for city in cities), UNKNOWN]
        self.registrations = _atoms(_union(sorted(city.registrations) for city in cities), self._scopes)
        self.days = _atoms(_dates(cities), self._calendars)
        self.space = HeaderSpace(
            [
                Field("application", len(self.applications) - 1),
                Field("role", len(self.roles) - 1),
                Field("registered", len(self.registrations)),
                Field("place", len(self.places) - 1),
                Field("device", len(self.devices) - 1),
                Field("factor", max(Strength)),
                *(Field(posture, 1) for posture in self.postures),
                Field("day", len(self.days) - 1),
                Field("minute", MINUTES_A_DAY - 1),
            ]
        )

    def select_rule(self, city: City, rule: Rule, registered: int | None = None) -> Node:
        """Return the people that the identity part of a rule speaks of.

        With `registered` (an index of `registrations`, one more for none) it is whom it speaks of among people whose
        device is registered there, and the set does not depend on that field: so two of them can be compared.
        """
        if rule.identity is None:
            return self.space.nothing
        return self.space.union_all(self.select_rule_at(city, rule, name, registered) for name in rule.applications)

    def select_rule_at(self, city: City, rule: Rule, application: str, registered: int | None = None) -> Node:
        """Return the people that the identity part of a rule speaks of at one of its applications."""
        assert rule.identity is not None  # noqa: S101 the callers looked
        identity = rule.identity
        # The internet has no importance class, and no proxy asks anybody before it.
        least = Strength.NONE if application == INTERNET else city.get_second_factor(identity, application)
        known, unknown = self._split_known(city, self._registered(city, rule, registered), registered)
        places_of_unknown = _unregistered_places(rule.effect, identity.places) if identity.places else self.places
        cubes = ((known, identity.places or self.places), (unknown, places_of_unknown))
        return self.space.union_all(
            self.space.cube(
                (
                    _chosen(self.applications, [application]),
                    _chosen(self.roles, identity.roles or self.roles),
                    there,
                    _chosen(self.places, places),
                    self._devices(city, rule, identity),
                    ((int(least), int(max(Strength))),),
                    *(((1, 1),) if posture in identity.postures else ((0, 1),) for posture in self.postures),
                    self._days(city, rule),
                    _minutes(identity),
                )
            )
            for there, places in cubes
            if there and places
        )

    def select_permitted(self, city: City, rules: Iterable[Rule], registered: int | None = None) -> Node:
        """Return the people that the identity parts of rules let in: permits without forbids."""
        parts = [(rule, self.select_rule(city, rule, registered)) for rule in rules if rule.identity]
        permits = self.space.union_all(node for rule, node in parts if rule.effect is Effect.PERMIT)
        forbids = self.space.union_all(node for rule, node in parts if rule.effect is Effect.FORBID)
        return self.space.difference(permits, forbids)

    def select_where(self, **values: Sequence[int]) -> Node:
        """Everybody who has one of these values in each named field."""
        return self.space.cube(
            tuple(
                tuple((value, value) for value in sorted(values[field.name]))
                if field.name in values
                else ((0, field.maximum),)
                for field in self.space.fields
            )
        )

    def find_example(self, node: Node) -> tuple[str, Person]:
        """An application and a person of a set that is not empty; in the morning, where that can be."""
        wishes = [[TEN_O_CLOCK] if field.name == "minute" else [] for field in self.space.fields]
        point = self.space.example(node, wishes)
        assert point is not None  # noqa: S101 the caller looked
        value = {field.name: point[index] for index, field in enumerate(self.space.fields)}
        hour, minute = divmod(value["minute"], 60)
        place = self.registrations[value["registered"]][0] if value["registered"] < len(self.registrations) else UNKNOWN
        return self.applications[value["application"]], Person(
            role=self.roles[value["role"]],
            mfa=Strength(value["factor"]),
            postures=frozenset(posture for posture in self.postures if value[posture]),
            place=self.places[value["place"]],
            at=datetime.combine(self.days[value["day"]][0], time(hour, minute), self.cities[0].timezone),
            device=self.devices[value["device"]],
            registered=place,
        )

    def _scopes(self, registered: str) -> tuple[object, ...]:
        found: list[object] = []
        for city in self.cities:
            school = city.school_by_id.get(registered)
            found.append(registered in city.registrations)
            found += [school is not None and city.rule_applies_at(rule, school) for rule in city.rules if rule.schools]
        return tuple(found)

    def _calendars(self, day: date) -> tuple[object, ...]:
        found: list[object] = [day.weekday()]
        for city in self.cities:
            found.append(city.calendar.find_day_kind(day) if city.calendar else None)
            found += [rule.holds_on(day) for rule in city.rules if rule.exception]
        return tuple(found)

    def _registered(self, city: City, rule: Rule, asked: int | None) -> tuple[Interval, ...]:
        everywhere = ((0, len(self.registrations)),)
        found = everywhere if rule.schools is None else self._scope(city, rule)
        if asked is None:
            return found
        return everywhere if any(low <= asked <= high for low, high in found) else ()

    def _split_known(
        self, city: City, there: tuple[Interval, ...], asked: int | None
    ) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
        """The part of some registrations that a city knows, and the rest; all of it is one or the other for `asked`."""
        known = {index for index, alike in enumerate(self.registrations) if alike[0] in city.registrations}
        if asked is not None:
            return (there, ()) if asked in known else ((), there)
        indexes = [index for low, high in there for index in range(low, high + 1)]
        return (
            _intervals([index for index in indexes if index in known]),
            _intervals([index for index in indexes if index not in known]),
        )

    def _scope(self, city: City, rule: Rule) -> tuple[Interval, ...]:
        forbids = rule.effect is Effect.FORBID
        scope = city.list_schools_in_scope(rule)
        inside = [
            index
            for index, alike in enumerate(self.registrations)
            if alike[0] in scope or (forbids and alike[0] not in city.registrations)
        ]
        return _intervals([*inside, *([len(self.registrations)] if forbids else [])])

    def _devices(self, city: City, rule: Rule, identity: IdentityPart) -> tuple[Interval, ...]:
        if not identity.devices:
            return ((0, len(self.devices) - 1),)
        known = {one.id for one in city.people.device_classes}
        unknown = [one for one in self.devices if one not in known] if rule.effect is Effect.FORBID else []
        return _chosen(self.devices, [*identity.devices, *unknown])

    def _days(self, city: City, rule: Rule) -> tuple[Interval, ...]:
        return _intervals([index for index, alike in enumerate(self.days) if _on(city, rule, alike[0])])


def _unregistered_places(effect: Effect, asked: Sequence[str]) -> list[str]:
    """The places at which a rule speaks of devices without a known registration, which are at neither school.

    A permit that asks for one of the two does not hold there, and a forbid that does holds at both.
    """
    away = [place for place in asked if place not in PLUGGED]
    return [*away, *PLUGGED] if effect is Effect.FORBID and len(away) < len(asked) else away


def _on(city: City, rule: Rule, day: date) -> bool:
    hours = rule.identity.hours if rule.identity else None
    if not rule.holds_on(day) or hours is None:
        return rule.holds_on(day)
    if hours.day_kinds is None:
        return DAYS[day.weekday()] in hours.weekdays
    kind = city.calendar.find_day_kind(day) if city.calendar else None
    return kind in hours.day_kinds or (kind is None and rule.effect is Effect.FORBID)


def _dates(cities: Sequence[City]) -> list[date]:
    """Every day from the policies' own on that could differ from another, and one week of what comes after."""
    first = last = min(city.policy_date for city in cities)
    for city in cities:
        ends = [rule.exception.expires for rule in city.rules if rule.exception]
        last = max([last, city.policy_date, *ends, *([city.calendar.until] if city.calendar else [])])
    return list(_span(first, last + _WEEK))


def _span(first: date, last: date) -> Iterator[date]:
    yield from (first + ONE_DAY * number for number in range((last - first).days + 1))


def _union(lists: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in lists for name in names))


def _atoms(values: Iterable[Value], tells_apart: Callable[[Value], Hashable]) -> list[tuple[Value, ...]]:
    """The values in groups that nothing tells apart, in the order of their first value."""
    grouped: dict[Hashable, list[Value]] = {}
    for value in values:
        grouped.setdefault(tells_apart(value), []).append(value)
    return [tuple(alike) for alike in grouped.values()]


def _chosen(known: Sequence[str], named: Iterable[str]) -> tuple[Interval, ...]:
    wanted = set(named)
    return _intervals([index for index, name in enumerate(known) if name in wanted])


def _intervals(indexes: Iterable[int]) -> tuple[Interval, ...]:
    return tuple((index, index) for index in indexes)


def _minutes(identity: IdentityPart) -> tuple[Interval, ...]:
    if identity.hours is None:
        return ((0, MINUTES_A_DAY - 1),)
    first, end = (moment.hour * 60 + moment.minute for moment in (identity.hours.from_, identity.hours.until))
    return ((first, end - 1),)

"""The identity part as cubes: a cube is one set of values for each thing that is asked; a policy is a union of cubes.

A forbid is taken out of every permit's cube, so that what is left needs no negation. That matters at an identity-aware
proxy: there, "not abroad" would let in whoever's country is unknown, and "in Japan" does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from controller.compile.identity.access_levels import UNREGISTERED
from controller.errors import TsunaguError
from controller.model.access.admission import PLUGGED
from controller.model.access.rules import DAYS, Day, Hours, IdentityPart, Rule
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.sites.calendar import DayKind

MINUTES_A_DAY = 24 * 60

Slot = tuple[Day, int, int]
"""A day, and a span of its minutes: from (included) and until (excluded)."""
Values = frozenset[bool | int | str | date | DayKind | Slot]
UNKNOWN = ""
"""The value of what the proxy does not know: a device of no class, without registration; a day of no calendar."""
EVER = date.max
"""The period after the last exception's last day."""


@dataclass(frozen=True, slots=True)
class PeopleCube:
    """People for whom every field holds one of the values that stand there; `rules` made it.

    `periods` are named by their last day; a period reaches back to the one before it.
    """

    factors: Values
    postures: tuple[Values, ...]
    devices: Values
    registered: Values
    periods: Values
    kinds: Values
    places: Values
    slots: Values
    rules: frozenset[str] = frozenset()

    @property
    def fields(self) -> tuple[Values, ...]:
        """All of them, in one order."""
        times = (self.periods, self.kinds, self.places, self.slots)
        return (self.factors, *self.postures, self.devices, self.registered, *times)

    def with_fields(self, fields: Iterable[Values], rules: frozenset[str]) -> PeopleCube:
        """A cube of other values."""
        factors, *others = fields
        postures, rest = others[: len(self.postures)], others[len(self.postures) :]
        devices, registered, periods, kinds, places, slots = rest
        return PeopleCube(factors, tuple(postures), devices, registered, periods, kinds, places, slots, rules)

    def covers(self, other: PeopleCube) -> bool:
        """Tell whether everybody of the other cube is in this one."""
        return all(mine >= theirs for mine, theirs in zip(self.fields, other.fields, strict=True))


@dataclass(frozen=True)
class CubeSpace:
    """All that can be told apart: `everything` is the cube of everybody, everywhere, always."""

    city: City
    application: str
    postures: tuple[str, ...]
    everything: PeopleCube

    def cube(self, rule: Rule) -> PeopleCube:
        """The people that a rule's identity part speaks of, whatever their role."""
        identity, every = rule.identity, self.everything
        assert identity is not None  # noqa: S101 only such rules are asked for
        # What is not known is never good enough: a forbid that asks for it holds.
        unknown = frozenset({UNKNOWN}) if rule.effect is Effect.FORBID else frozenset[str]()
        least = self.city.get_second_factor(identity, self.application)
        hours, kinds = identity.hours, identity.hours.day_kinds if identity.hours else None
        return PeopleCube(
            factors=frozenset(one for one in Strength if one >= least),
            postures=tuple(
                frozenset({True}) if name in identity.postures else values
                for name, values in zip(self.postures, every.postures, strict=True)
            ),
            devices=frozenset(identity.devices) | unknown if identity.devices else every.devices,
            registered=self.city.list_schools_in_scope(rule) | unknown if rule.schools else every.registered,
            periods=frozenset(end for end in every.periods if _lasts(rule, end)),
            kinds=every.kinds if kinds is None else frozenset(kinds) | unknown,
            places=_asked_places(identity, rule.effect) if identity.places else every.places,
            slots=frozenset(s for s in every.slots if isinstance(s, tuple) and _within(s, hours))
            if hours
            else every.slots,
            rules=frozenset({rule.id}),
        )


def _asked_places(identity: IdentityPart, effect: Effect) -> Values:
    """The places of a rule. Which school a device without a known registration is at is not known."""
    either = effect is Effect.FORBID and not set(PLUGGED).isdisjoint(identity.places)
    return frozenset(identity.places) | (frozenset({UNREGISTERED}) if either else frozenset())


def _list_places(city: City) -> Values:
    places = frozenset(city.people.told_places)
    return places if places.isdisjoint(PLUGGED) else places | {UNREGISTERED}


def _lasts(rule: Rule, end: object) -> bool:
    return rule.exception is None or (isinstance(end, date) and end <= rule.exception.expires)


def build_cube_space(city: City, application: str, rules: Iterable[Rule]) -> CubeSpace:
    """The space in which these rules can be told apart: days are cut where some rule's hours begin or end.

    >>> space = build_cube_space(city, "affairs", [])
    >>> sorted(space.everything.places)
    ['abroad', 'board-office', 'home', 'other-school', 'own-school', 'unregistered-at-school']

    Raises:
        TsunaguError: hours with seconds; the conditions of the proxy are written in minutes.
    """
    cuts, ends = {0, MINUTES_A_DAY}, {EVER}
    for rule in rules:
        if rule.exception:
            ends.add(rule.exception.expires)
        hours = rule.identity.hours if rule.identity else None
        for moment in (hours.from_, hours.until) if hours else ():
            if moment.second or moment.microsecond:
                message = f"{rule.origin}: rule {rule.id!r}: hours are given in minutes, not seconds ({moment})"
                raise TsunaguError(message)
            cuts.add(moment.hour * 60 + moment.minute)
    postures = tuple(posture.id for posture in city.people.postures)
    everything = PeopleCube(
        factors=frozenset(Strength),
        postures=tuple(frozenset({False, True}) for _ in postures),
        devices=frozenset({UNKNOWN, *(one.id for one in city.people.device_classes)}),
        registered=frozenset({UNKNOWN, *city.registrations}),
        periods=frozenset(ends),
        kinds=frozenset({UNKNOWN, *DayKind}),
        places=_list_places(city),
        slots=frozenset((day, *span) for day in DAYS for span in pairwise(sorted(cuts))),
    )
    return CubeSpace(city, application, postures, everything)


def find_permitted_people(city: City, application: str, role: str) -> tuple[CubeSpace, tuple[PeopleCube, ...]]:
    """Find the people of a role who may use an application: as few cubes as this finds, in a fixed order.

    >>> _, cubes = find_permitted_people(city, "affairs", "principal")
    >>> [(sorted(cube.places), sorted(cube.rules)) for cube in cubes][:1]
    [(['other-school', 'own-school'], ['staff-cloud'])]
    """
    judged = [rule for rule in city.rules if rule.identity and "proxy" in rule.identity.enforced_by]
    rules = [rule for rule in judged if application in rule.applications]
    named = [rule for rule in rules if rule.identity and _speaks_of(rule.identity, role)]
    known = build_cube_space(city, application, named)
    permits = [known.cube(rule) for rule in named if rule.effect is Effect.PERMIT]
    cubes = [cube for cube in permits if all(cube.fields)]
    for rule in named:
        if rule.effect is Effect.FORBID:
            forbidden = known.cube(rule)
            cubes = [rest for cube in cubes for rest in _without(cube, forbidden)]
    return known, _fewest(cubes)


def _speaks_of(identity: IdentityPart, role: str) -> bool:
    return not identity.roles or role in identity.roles


def _within(slot: Slot, hours: Hours) -> bool:
    day, start, end = slot
    first, last = (moment.hour * 60 + moment.minute for moment in (hours.from_, hours.until))
    return day in hours.weekdays and first <= start and end <= last


def _without(cube: PeopleCube, forbidden: PeopleCube) -> Iterator[PeopleCube]:
    """Yield the rest of a cube: for each field, the part of the cube whose value there is not forbidden."""
    if not all(mine & theirs for mine, theirs in zip(cube.fields, forbidden.fields, strict=True)):
        yield cube
        return
    for index, (mine, theirs) in enumerate(zip(cube.fields, forbidden.fields, strict=True)):
        rest: Values = mine - theirs
        if rest:
            fields = (*cube.fields[:index], rest, *cube.fields[index + 1 :])
            yield cube.with_fields(fields, cube.rules | forbidden.rules)


def _fewest(cubes: list[PeopleCube]) -> tuple[PeopleCube, ...]:
    """The same union with no cube inside another, and cubes that differ in one field put together."""
    # Every turn but the last puts two cubes together, so there are no more turns than cubes.
    for _ in tuple(cubes):
        cubes = _outermost(cubes)
        fewer = _join_two(cubes)
        if fewer is None:
            break
        cubes = fewer
    return tuple(sorted(cubes, key=_order))


def _join_two(cubes: list[PeopleCube]) -> list[PeopleCube] | None:
    """The cubes with the first two that differ in one field put together; None where no two do."""
    for index, one in enumerate(cubes):
        partner = next((other for other in cubes[index + 1 :] if _differ_once(one, other)), None)
        if partner is not None:
            fields = [a | b for a, b in zip(one.fields, partner.fields, strict=True)]
            joined = one.with_fields(fields, one.rules | partner.rules)
            return [cube for cube in cubes if cube not in (one, partner)] + [joined]
    return None


def _outermost(cubes: list[PeopleCube]) -> list[PeopleCube]:
    kept: list[PeopleCube] = []
    for cube in sorted(cubes, key=_order):
        if not any(other.covers(cube) for other in kept):
            kept = [other for other in kept if not cube.covers(other)] + [cube]
    return kept


def _differ_once(one: PeopleCube, other: PeopleCube) -> bool:
    return sum(a != b for a, b in zip(one.fields, other.fields, strict=True)) == 1


def _order(cube: PeopleCube) -> tuple[list[str], list[list[str]]]:
    return sorted(cube.rules), [sorted(map(str, values)) for values in cube.fields]

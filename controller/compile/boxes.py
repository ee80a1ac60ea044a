"""The identity part as boxes: a box is one set of values for each thing that is asked; a policy is a union of boxes.

A forbid is taken out of every permit's box, so that what is left needs no negation. That matters at an identity-aware
proxy: there, "not abroad" would let in whoever's country is unknown, and "in Japan" does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from controller.errors import TsunaguError
from controller.model.access import DAYS, Day, Hours, IdentityPart, Rule
from controller.model.city import City
from controller.model.flow import Effect

MINUTES_A_DAY = 24 * 60

Slot = tuple[Day, int, int]
"""A day, and a span of its minutes: from (included) and until (excluded)."""
Values = frozenset[bool | str | Slot]


@dataclass(frozen=True, slots=True)
class Box:
    """People for whom every field holds one of the values that stand there; `rules` made it."""

    fields: tuple[Values, ...]
    rules: frozenset[str]

    def covers(self, other: Box) -> bool:
        """Whether everybody of the other box is in this one."""
        return all(mine >= theirs for mine, theirs in zip(self.fields, other.fields, strict=True))


@dataclass(frozen=True)
class Space:
    """The fields of a box, in this order: MFA, each posture, the place, the time. And all their values."""

    postures: tuple[str, ...]
    places: frozenset[str]
    slots: frozenset[Slot]

    @property
    def everything(self) -> tuple[Values, ...]:
        """The box of everybody, everywhere, always."""
        both = frozenset({False, True})
        return (both, *(both for _ in self.postures), self.places, self.slots)

    def box(self, rule: Rule) -> Box:
        """The people that a rule's identity part speaks of, whatever their role."""
        identity = rule.identity
        assert identity is not None  # noqa: S101 only such rules are asked for
        fields = list(self.everything)
        if identity.mfa:
            fields[0] = frozenset({True})
        for index, posture in enumerate(self.postures, start=1):
            if posture in identity.postures:
                fields[index] = frozenset({True})
        if identity.places:
            fields[-2] = frozenset(identity.places)
        if identity.hours:
            fields[-1] = frozenset(slot for slot in self.slots if _within(slot, identity.hours))
        return Box(tuple(fields), frozenset({rule.id}))


def space(city: City, rules: Iterable[Rule]) -> Space:
    """The space in which these rules can be told apart: days are cut where some rule's hours begin or end.

    Raises:
        TsunaguError: hours with seconds; the conditions of the proxy are written in minutes.
    """
    cuts = {0, MINUTES_A_DAY}
    for rule in rules:
        hours = rule.identity.hours if rule.identity else None
        for moment in (hours.from_, hours.until) if hours else ():
            if moment.second or moment.microsecond:
                message = f"{rule.origin}: rule {rule.id!r}: hours are given in minutes, not seconds ({moment})"
                raise TsunaguError(message)
            cuts.add(moment.hour * 60 + moment.minute)
    return Space(
        postures=tuple(posture.id for posture in city.people.postures),
        places=frozenset(place.id for place in city.people.places),
        slots=frozenset((day, *span) for day in DAYS for span in pairwise(sorted(cuts))),
    )


def permitted(city: City, application: str, role: str) -> tuple[Space, tuple[Box, ...]]:
    """Who of a role may use an application, as few boxes, in a fixed order."""
    rules = [rule for rule in city.rules if rule.identity and application in rule.applications]
    named = [rule for rule in rules if rule.identity and _speaks_of(rule.identity, role)]
    known = space(city, named)
    boxes = [known.box(rule) for rule in named if rule.effect is Effect.PERMIT]
    for rule in named:
        if rule.effect is Effect.FORBID:
            forbidden = known.box(rule)
            boxes = [rest for box in boxes for rest in _without(box, forbidden)]
    return known, _fewest(boxes)


def _speaks_of(identity: IdentityPart, role: str) -> bool:
    return not identity.roles or role in identity.roles


def _within(slot: Slot, hours: Hours) -> bool:
    day, start, end = slot
    first, last = (moment.hour * 60 + moment.minute for moment in (hours.from_, hours.until))
    return day in hours.days and first <= start and end <= last


def _without(box: Box, forbidden: Box) -> Iterator[Box]:
    """What is left of a box: for each field, the part of the box whose value there is not forbidden."""
    if not all(mine & theirs for mine, theirs in zip(box.fields, forbidden.fields, strict=True)):
        yield box
        return
    for index, (mine, theirs) in enumerate(zip(box.fields, forbidden.fields, strict=True)):
        rest: Values = mine - theirs
        if rest:
            fields = (*box.fields[:index], rest, *box.fields[index + 1 :])
            yield Box(fields, box.rules | forbidden.rules)


def _fewest(boxes: list[Box]) -> tuple[Box, ...]:
    """The same union with no box inside another, and boxes that differ in one field put together."""
    changed = True
    while changed:
        boxes = _outermost(boxes)
        changed = False
        for index, one in enumerate(boxes):
            partner = next((other for other in boxes[index + 1 :] if _differ_once(one, other)), None)
            if partner is not None:
                fields = tuple(a | b for a, b in zip(one.fields, partner.fields, strict=True))
                joined = replace(one, fields=fields, rules=one.rules | partner.rules)
                boxes = [box for box in boxes if box not in (one, partner)] + [joined]
                changed = True
                break
    return tuple(sorted(boxes, key=_order))


def _outermost(boxes: list[Box]) -> list[Box]:
    kept: list[Box] = []
    for box in sorted(boxes, key=_order):
        if not any(other.covers(box) for other in kept):
            kept = [other for other in kept if not box.covers(other)] + [box]
    return kept


def _differ_once(one: Box, other: Box) -> bool:
    return sum(a != b for a, b in zip(one.fields, other.fields, strict=True)) == 1


def _order(box: Box) -> tuple[list[str], list[list[str]]]:
    return sorted(box.rules), [sorted(map(str, values)) for values in box.fields]

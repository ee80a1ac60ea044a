"""The reference evaluator: what the policy says of one flow, or of one person, read straight off the rules.

It shares no code with the compiler. Tests, the lab's matrices and the proof's counterexamples are held against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from controller.model.access import DAYS, Hours, Rule
from controller.model.city import City
from controller.model.flow import Effect, Family, Protocol, within
from controller.model.schools import School


@dataclass(frozen=True, slots=True)
class Flow:
    """The first packet of a conversation: who (a segment of a school, or the controller) sends where."""

    school: School
    source: str
    family: Family
    protocol: Protocol
    destination: int
    port: int


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the identity-aware proxy sees them. `at` carries its time zone."""

    role: str
    mfa: bool
    postures: frozenset[str]
    place: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether it is permitted, and the rules that decided (none: the default deny)."""

    permitted: bool
    rules: tuple[Rule, ...]


def network_answer(city: City, flow: Flow) -> Answer:
    """What the network parts say."""
    return _decide(rule for rule in city.rules if _network_covers(city, rule, flow))


def identity_answer(city: City, application: str, person: Person) -> Answer:
    """What the identity parts say of a person at an application that stands behind the proxy."""
    named = (rule for rule in city.rules if application in rule.applications)
    return _decide(rule for rule in named if _identity_covers(city, rule, person))


def _decide(covering: Iterator[Rule]) -> Answer:
    rules = tuple(covering)
    forbids = tuple(rule for rule in rules if rule.effect is Effect.FORBID)
    return Answer(bool(rules) and not forbids, forbids or rules)


def _network_covers(city: City, rule: Rule, flow: Flow) -> bool:
    return (
        rule.network is not None
        and flow.source in rule.network.from_
        and any(
            city.destination(name, flow.school).of(flow.family).holds(flow.destination)
            and any(s.protocol == flow.protocol and within(flow.port, s.ports) for s in city.services(rule, name))
            for name in rule.applications
        )
    )


def _identity_covers(city: City, rule: Rule, person: Person) -> bool:
    identity = rule.identity
    return (
        identity is not None
        and "proxy" in identity.enforced_by
        and (not identity.roles or person.role in identity.roles)
        and (person.mfa or not identity.mfa)
        and person.postures.issuperset(identity.postures)
        and (not identity.places or person.place in identity.places)
        and (identity.hours is None or _open(city, identity.hours, person.at))
    )


def _open(city: City, hours: Hours, at: datetime) -> bool:
    local = at.astimezone(city.timezone)
    return DAYS[local.weekday()] in hours.days and hours.from_ <= local.time() < hours.until

"""What is wrong with a policy that loads: contradictions, dead rules, over-broad rules, and guideline lacks.

Rules are compared as sets: the network parts over (source, destination, protocol, port), the identity parts over
(application, role, MFA, postures, place, minute of the week).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from controller.errors import Origin
from controller.model.access import CONTROLLER, DAYS, INTERNET, IdentityPart, Rule
from controller.model.city import City
from controller.model.flow import Effect
from controller.prove.diagram import Box, Field, Interval, Node, Space

MINUTES_A_DAY = 24 * 60
BROAD_PORTS = 100
OLD_LIST_DAYS = 180
STRICT_CLASSES = ("I", "II")


class Severity(StrEnum):
    """An error makes `tsunagu check` fail; a warning is for the reviewer."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at."""

    severity: Severity
    kind: str
    origin: Origin
    message: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.severity}: {self.kind}: {self.message}"


def policy_findings(city: City) -> list[Finding]:
    """Everything found on the day that the city was loaded for, in the order of file and line."""
    found = [
        *_Network(city).findings(),
        *_Identity(city).findings(),
        *_dead(city),
        *_over_broad(city),
        *_unused(city),
        *_old_lists(city),
    ]
    return sorted(found, key=lambda finding: (finding.origin, finding.message))


class _Network:
    """The network parts as sets."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.sources = [*city.segments, CONTROLLER]
        self.destinations = [*city.applications, INTERNET]
        fields = [("source", len(self.sources)), ("destination", len(self.destinations))]
        self.space = Space([*(Field(name, size - 1) for name, size in fields), Field("protocol", 255), PORT])
        self.parts = {rule.id: self.part(rule) for rule in city.rules}

    def part(self, rule: Rule) -> Node:
        if rule.network is None:
            return self.space.nothing
        pairs = product(rule.network.from_, rule.applications)
        return self.space.union_all(self.way(rule, source, name) for source, name in pairs)

    def way(self, rule: Rule, source: str, name: str) -> Node:
        # A switch cannot tell an application that belongs to the internet from the rest of it.
        seen = INTERNET if name != INTERNET and self.city.applications[name].belongs_to else name
        ends = (_one(self.sources.index(source)), _one(self.destinations.index(seen)))
        services = self.city.services(rule, name)
        return self.space.union_all(self.space.box((*ends, _one(s.protocol), (s.ports,))) for s in services)

    def findings(self) -> Iterator[Finding]:
        forbids = [rule for rule in self.city.rules if rule.effect is Effect.FORBID and rule.network]
        for rule in self.city.rules:
            if rule.effect is Effect.FORBID or rule.network is None:
                continue
            for source, name in product(rule.network.from_, rule.applications):
                way = self.way(rule, source, name)
                for forbid in forbids:
                    if self.space.covers(self.parts[forbid.id], way):
                        message = (
                            f"rule {rule.id!r} permits {source} -> {name}, but {forbid.id!r} ({forbid.origin}) forbids "
                            "all of it, and a forbid wins"
                        )
                        yield Finding(Severity.ERROR, "contradiction", rule.origin, message)


class _Identity:
    """The identity parts as sets."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.applications = [*city.applications, INTERNET]
        self.roles = [role.id for role in city.people.roles]
        self.places = [place.id for place in city.people.places]
        self.postures = [posture.id for posture in city.people.postures]
        self.space = Space(
            [
                Field("application", len(self.applications) - 1),
                Field("role", len(self.roles) - 1),
                Field("mfa", 1),
                *(Field(posture, 1) for posture in self.postures),
                Field("place", len(self.places) - 1),
                Field("minute", len(DAYS) * MINUTES_A_DAY - 1),
            ]
        )
        self.parts = {rule.id: self.part(rule) for rule in city.rules}

    def part(self, rule: Rule) -> Node:
        if rule.identity is None:
            return self.space.nothing
        identity = rule.identity
        applications = tuple((i, i) for i, name in enumerate(self.applications) if name in rule.applications)
        return self.space.box((applications, *self._conditions(identity)))

    def _conditions(self, identity: IdentityPart) -> Box:
        return (
            _chosen(self.roles, identity.roles),
            ((1, 1),) if identity.mfa else ((0, 1),),
            *(((1, 1),) if posture in identity.postures else ((0, 1),) for posture in self.postures),
            _chosen(self.places, identity.places),
            _minutes(identity),
        )

    def findings(self) -> Iterator[Finding]:
        forbids = [rule for rule in self.city.rules if rule.effect is Effect.FORBID and rule.identity]
        forbidden = self.space.union_all(self.parts[rule.id] for rule in forbids)
        without_mfa = self.space.box(
            tuple(((0, 0),) if field.name == "mfa" else ((0, field.maximum),) for field in self.space.fields)
        )
        for rule in self.city.rules:
            if rule.effect is Effect.FORBID or rule.identity is None:
                continue
            part = self.parts[rule.id]
            if self.space.covers(forbidden, part):
                names = ", ".join(f"{r.id!r} ({r.origin})" for r in forbids)
                message = f"everything that rule {rule.id!r} lets people do is forbidden by {names}, and a forbid wins"
                yield Finding(Severity.ERROR, "contradiction", rule.origin, message)
            strict = [name for name in rule.applications if self._needs_mfa(name)]
            if strict and not self.space.is_empty(self.space.intersection(part, without_mfa)):
                message = (
                    f"rule {rule.id!r} lets people reach {', '.join(strict)} without MFA; class II and above on a "
                    "public cloud needs strong access control with MFA (guideline 3.2(5)): add `mfa: true`"
                )
                yield Finding(Severity.ERROR, "guideline", rule.origin, message)

    def _needs_mfa(self, name: str) -> bool:
        if name == INTERNET:
            return False
        application = self.city.applications[name]
        return application.importance in STRICT_CLASSES and application.hosting in ("cloud-run", "saas")


PORT = Field("port", 65535)


def _one(index: int) -> tuple[Interval, ...]:
    return ((index, index),)


def _chosen(known: list[str], named: tuple[str, ...]) -> tuple[Interval, ...]:
    """The indexes of what is named; naming nothing asks nothing."""
    if not named:
        return ((0, len(known) - 1),)
    return tuple((index, index) for index, name in enumerate(known) if name in named)


def _minutes(identity: IdentityPart) -> tuple[Interval, ...]:
    hours = identity.hours
    if hours is None:
        return ((0, len(DAYS) * MINUTES_A_DAY - 1),)
    first = hours.from_.hour * 60 + hours.from_.minute
    last = hours.until.hour * 60 + hours.until.minute - 1
    starts = (index * MINUTES_A_DAY for index, day in enumerate(DAYS) if day in hours.weekdays)
    return tuple((start + first, start + last) for start in starts)


def _dead(city: City) -> Iterator[Finding]:
    """Rules that could be taken out without any answer changing."""
    network, identity = _Network(city), _Identity(city)
    for rule in city.rules:
        others = [other for other in city.rules if other is not rule]
        permits = [other.id for other in others if other.effect is Effect.PERMIT]
        forbids = [other.id for other in others if other.effect is Effect.FORBID]
        dead = True
        for space, parts in ((network.space, network.parts), (identity.space, identity.parts)):
            others_permit = space.union_all(parts[name] for name in permits)
            others_forbid = space.union_all(parts[name] for name in forbids)
            own, before = parts[rule.id], space.difference(others_permit, others_forbid)
            if rule.effect is Effect.PERMIT:
                after = space.difference(space.union(others_permit, own), others_forbid)
            else:
                after = space.difference(before, own)
            dead = dead and after == before
        if dead:
            why = "permits nothing that others do not" if rule.effect is Effect.PERMIT else "forbids nothing permitted"
            message = f"rule {rule.id!r} {why}; taking it out changes no answer"
            yield Finding(Severity.WARNING, "dead rule", rule.origin, message)


def _over_broad(city: City) -> Iterator[Finding]:
    for rule in city.rules:
        if rule.effect is Effect.FORBID:
            continue
        if rule.network:
            for service in rule.network.services:
                if service.ports[1] - service.ports[0] >= BROAD_PORTS:
                    message = f"rule {rule.id!r} opens {service}: more than {BROAD_PORTS} ports at once"
                    yield Finding(Severity.WARNING, "over-broad", rule.origin, message)
            yield from _strange_sources(city, rule)
            yield from _whole_internet(city, rule)
        if rule.identity and not rule.identity.roles:
            message = f"rule {rule.id!r} names no role: whoever signs in is meant"
            yield Finding(Severity.WARNING, "over-broad", rule.origin, message)
        if rule.identity and "proxy" in rule.identity.enforced_by and not rule.identity.postures:
            message = f"rule {rule.id!r} asks nothing of the device; name a posture, e.g. managed"
            yield Finding(Severity.WARNING, "over-broad", rule.origin, message)


def _strange_sources(city: City, rule: Rule) -> Iterator[Finding]:
    """A staff application that can be reached from a segment which nobody of the staff is admitted to."""
    assert rule.network is not None  # noqa: S101 the caller looked
    staff = [name for name in rule.applications if name != INTERNET and city.applications[name].audience == "staff"]
    for source in rule.network.from_:
        admitted = {role for a in city.admissions if a.segment == source for role in a.roles}
        if staff and source != CONTROLLER and not admitted - {"pupil", "guardian"}:
            message = (
                f"rule {rule.id!r} opens {', '.join(staff)} (audience staff) to segment {source!r}, "
                "which 802.1X admits no staff to"
            )
            yield Finding(Severity.WARNING, "over-broad", rule.origin, message)


def _whole_internet(city: City, rule: Rule) -> Iterator[Finding]:
    """An application that belongs to the internet, opened where no rule opens the internet by its name."""
    assert rule.network is not None  # noqa: S101 the caller looked
    named = [other for other in city.rules if other.effect is Effect.PERMIT and INTERNET in other.applications]
    said = {
        (source, s)
        for other in named
        if other.network and city.scope(other) >= city.scope(rule)
        for source in other.network.from_
        for s in other.network.services
    }
    for name, source in product(rule.applications, rule.network.from_):
        if name != INTERNET and city.applications[name].belongs_to:
            opened = [s for s in city.services(rule, name) if (source, s) not in said]
            if opened:
                message = (
                    f"rule {rule.id!r} opens {name} to segment {source!r}, and {name} belongs to the internet: "
                    f"a switch opens every public address on {', '.join(map(str, opened))}"
                )
                yield Finding(Severity.WARNING, "over-broad", rule.origin, message)


def _unused(city: City) -> Iterator[Finding]:
    named = {name for rule in city.rules if rule.effect is Effect.PERMIT for name in rule.applications}
    for application in city.applications.values():
        if application.id not in named:
            message = f"no rule permits application {application.id!r} to anybody"
            yield Finding(Severity.WARNING, "unused", application.origin, message)


def _old_lists(city: City) -> Iterator[Finding]:
    for one in city.prefix_lists.values():
        age = (city.on - one.retrieved).days
        if age > OLD_LIST_DAYS:
            message = f"prefix list {one.id!r} was read {age} days ago ({one.source}); read it again"
            origin = Origin(f"{city.directory}/access/prefixes/{one.id}.yaml", 1)
            yield Finding(Severity.WARNING, "old prefix list", origin, message)

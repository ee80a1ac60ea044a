"""Every condition of a rule is enforced by an enforcer that the rule names, or the rule is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, product

from controller.errors import Problem
from controller.model.access.admission import Admission
from controller.model.access.data_flows import CLASS_CARRIERS
from controller.model.access.people import Enforcer
from controller.model.access.rules import CONTROLLER, INTERNET, IdentityPart, Rule
from controller.model.access.second_factors import STRENGTHS
from controller.model.city import City
from controller.model.network.packets import Effect, Ports, Prefix, Protocol, Service, get_bounds
from controller.model.policy_files import ADMISSION, CALENDAR
from controller.model.sites.stages import Stage

BY_PROXY_AND_8021X: tuple[Enforcer, ...] = ("proxy", "802.1x")
BY_PROXY: tuple[Enforcer, ...] = ("proxy",)


def find_enforcement_problems(city: City) -> list[Problem]:
    """Conditions that nobody could enforce, and applications that a switch could not tell apart."""
    return [
        *(problem for rule in city.rules for problem in _rule_problems(city, rule)),
        *_shared_addresses(city),
        *_cut_answers(city),
        *_half_forbidden(city),
    ]


@dataclass(frozen=True, slots=True)
class _Condition:
    field: str
    value: str
    seen_by: tuple[Enforcer, ...]

    def __str__(self) -> str:
        return f"{self.field} {self.value!r}" if self.value else self.field


def _conditions(city: City, identity: IdentityPart) -> Iterator[_Condition]:
    if identity.roles:
        yield _Condition("roles", ", ".join(identity.roles), BY_PROXY_AND_8021X)
    if identity.mfa:
        yield _Condition("mfa", "", BY_PROXY)
    if identity.hours:
        yield _Condition("hours", "", BY_PROXY)
    if identity.devices:
        yield _Condition("devices", ", ".join(identity.devices), BY_PROXY)
    for posture in city.people.postures:
        if posture.id in identity.postures:
            yield _Condition("postures", posture.id, posture.seen_by)
    for place in city.people.places:
        if place.meaning in identity.places:
            yield _Condition("places", place.id, place.seen_by)


def _rule_problems(city: City, rule: Rule) -> Iterator[Problem]:
    yield from _network_problems(city, rule)
    identity = rule.identity
    if identity is None:
        return
    conditions = list(_conditions(city, identity))
    for condition in conditions:
        if not set(condition.seen_by) & set(identity.enforced_by):
            message = (
                f"{condition} cannot be enforced by {' or '.join(identity.enforced_by)}; "
                f"it can by: {', '.join(condition.seen_by) or 'nobody'}"
            )
            yield Problem(rule.origin, "identity.enforced-by", message)
    yield from _vague(city, rule, identity)
    if "proxy" in identity.enforced_by:
        for name in rule.applications:
            if name == INTERNET or not city.applications[name].proxy:
                message = f"the proxy does not stand before {name!r}; name 802.1x, or put the application behind it"
                yield Problem(rule.origin, "identity.enforced-by", message)
    elif rule.effect is Effect.FORBID:
        message = "802.1X admits a device once, to everything its segment may reach; forbid the segment instead"
        yield Problem(rule.origin, "identity.enforced-by", message)
    else:
        yield from _admission_problems(city, rule, identity)


def _vague(city: City, rule: Rule, identity: IdentityPart) -> Iterator[Problem]:
    """Conditions that do not say what they seem to."""
    if identity.hours and identity.hours.day_kinds and city.calendar is None:
        message = f"{identity.hours.days!r} needs the school calendar: write {city.directory}/{CALENDAR.name}"
        yield Problem(rule.origin, "identity.hours", message)
    for name in rule.applications if isinstance(identity.mfa, str) else ():
        if name == INTERNET:
            continue
        importance = city.applications[name].importance
        least = city.people.mfa.get_minimum(importance).strength
        if STRENGTHS[least] > city.get_second_factor(identity, name):
            message = f"{identity.mfa!r} is less than class {importance} of {name!r} asks: {least}; write `mfa: true`"
            yield Problem(rule.origin, "identity.mfa", message)


def _network_problems(city: City, rule: Rule) -> Iterator[Problem]:
    if rule.network is None:
        return
    chosen = rule.network.services
    for name in rule.applications:
        if name == INTERNET:
            if not chosen:
                yield Problem(rule.origin, "network.services", "the internet has no services of its own; name them")
            continue
        offered = city.applications[name].services
        for service in chosen:
            if service not in offered:
                shown = ", ".join(map(str, offered))
                yield Problem(rule.origin, "network.services", f"{name!r} offers no {service}; allowed: {shown}")
    if CONTROLLER in rule.network.from_ and rule.identity:
        yield Problem(rule.origin, "identity", "the controller is no person; leave the identity part out")


def _admission_problems(city: City, rule: Rule, identity: IdentityPart) -> Iterator[Problem]:
    """802.1X alone: whoever is admitted to a segment of the rule must fulfil the rule's conditions."""
    if rule.network is None:
        yield Problem(rule.origin, "identity.enforced-by", "802.1X answers with a segment; name it in network.from")
        return
    for name in rule.network.from_:
        admitted = [admission for admission in city.admissions if admission.segment == name]
        if not admitted or name == city.default_segment:
            message = f"802.1X does not decide who is in segment {name!r} (see {city.directory}/{ADMISSION.name})"
            yield Problem(rule.origin, "identity.enforced-by", message)
            continue
        for admission in admitted:
            for lack in _lacks(admission, identity):
                message = f"802.1X admits {lack} to segment {name!r} too ({admission.origin})"
                yield Problem(rule.origin, "identity", message)


def _lacks(admission: Admission, identity: IdentityPart) -> Iterator[str]:
    others = [role for role in admission.roles if identity.roles and role not in identity.roles]
    if others:
        yield f"role {', '.join(others)}"
    for posture in identity.postures:
        if posture not in admission.postures:
            yield f"devices without posture {posture!r}"
    if identity.places and not (admission.places and set(admission.places) <= set(identity.places)):
        yield "people at other places"


def _cut_answers(city: City) -> Iterator[Problem]:
    """Forbids between two segments that would also cut the answers of what a permit opens the other way round.

    Filters keep no state: an answer comes from the service's port to any port, and a forbid of that port takes it.
    """
    permits = [rule for rule in city.rules if rule.effect is Effect.PERMIT]
    for forbid in city.rules:
        if forbid.effect is Effect.PERMIT:
            continue
        for source, asked, protocol in _ways_in_school(city, forbid):
            for permit in permits:
                there = city.scopes.list_places(forbid) & city.scopes.list_places(permit)
                if there and (asked, source, protocol) in set(_ways_in_school(city, permit)):
                    message = (
                        f"forbids {source} -> {asked}, and rule {permit.id!r} ({permit.origin}) permits the other way: "
                        "a filter without state would cut its answers. Narrow the permit instead of forbidding"
                    )
                    yield Problem(forbid.origin, "network", message)


def _ways_in_school(city: City, rule: Rule) -> Iterator[tuple[str, str, Protocol]]:
    """The ways of a rule from one segment of a school to another."""
    for name in rule.applications if rule.network else ():
        asked = None if name == INTERNET else city.applications[name].segment
        for source in rule.network.from_ if rule.network and asked else ():
            for service in city.get_permitted_services(rule, name):
                yield source, str(asked), service.protocol


_Place = tuple[int, Stage | None]
_Way = tuple[str, Service, _Place]
"""A segment, a service, and where a rule is for it (`RuleScopes.list_places`)."""


@dataclass(frozen=True, slots=True)
class _Front:
    """An application as a switch sees it: where it is, its services, and who is permitted or forbidden there.

    `place` is a school's segment or the internet; other applications have prefixes.
    """

    application: str
    place: str | None
    prefixes: tuple[Prefix, ...]
    services: tuple[Service, ...]
    permits: frozenset[_Way]
    forbids: frozenset[_Way]


def _shared_addresses(city: City) -> Iterator[Problem]:
    """Applications on one address and port need equal network permits, unless the proxy tells people apart."""
    fronts = [_front(city, name) for name in city.applications]
    for one, other in combinations(fronts, 2):
        if not _meet(one, other):
            continue
        behind_proxy = city.applications[one.application].proxy and city.applications[other.application].proxy
        permits_differ = _shared(one.permits, other) != _shared(other.permits, one)
        forbids_differ = _shared(one.forbids, other) != _shared(other.forbids, one)
        if (permits_differ and not behind_proxy) or forbids_differ:
            first, second = city.applications[one.application], city.applications[other.application]
            what = "forbids" if forbids_differ else "permits"
            message = (
                f"shares an address and port with {first.id!r} ({first.origin}), but their network {what} differ; "
                f"a switch cannot tell them apart"
                + ("" if what == "forbids" else ": put both behind the proxy, or let the same segments reach both")
            )
            yield Problem(second.origin, "id", message)


def _front(city: City, name: str) -> _Front:
    ways: dict[Effect, set[_Way]] = {Effect.PERMIT: set(), Effect.FORBID: set()}
    for rule in city.rules:
        if rule.network and name in rule.applications:
            there = city.scopes.list_places(rule)
            ways[rule.effect] |= set(product(rule.network.from_, city.get_permitted_services(rule, name), there))
    application = city.applications[name]
    return _Front(
        name,
        application.segment or application.belongs_to,
        ()
        if application.segment or application.belongs_to
        else city.addresses.destination_addresses(name, city.schools[0]).included,
        application.services,
        frozenset(ways[Effect.PERMIT]),
        frozenset(ways[Effect.FORBID]),
    )


def _shared(ways: Iterable[_Way], other: _Front) -> set[tuple[str, Protocol, Ports, _Place]]:
    """The part of the ways that leads to ports of the other application, too."""
    return {
        (source, s.protocol, (max(s.ports[0], t.ports[0]), min(s.ports[1], t.ports[1])), there)
        for source, s, there in ways
        for t in other.services
        if s.protocol == t.protocol and s.ports[0] <= t.ports[1] and t.ports[0] <= s.ports[1]
    }


def _half_forbidden(city: City) -> Iterator[Problem]:
    """Forbids of some of the data that one permit lets through one connection; nothing there can tell classes apart."""
    for forbid in city.flows:
        for permit in city.flows if forbid.effect is Effect.FORBID else ():
            same = permit.effect is Effect.PERMIT and (permit.from_, permit.to) == (forbid.from_, forbid.to)
            if not same or permit.carrier in CLASS_CARRIERS:
                continue
            taken = [one for one in permit.data if one in forbid.data]
            if taken and len(taken) < len(permit.data):
                message = (
                    f"takes class {', '.join(taken)} out of flow {permit.id!r} ({permit.origin}), but {permit.carrier} "
                    "is one connection for all its classes; narrow the permit's `data` instead"
                )
                yield Problem(forbid.origin, "data", message)


def _meet(one: _Front, other: _Front) -> bool:
    def touch(a: tuple[int, int], b: tuple[int, int]) -> bool:
        return a[0] <= b[1] and b[0] <= a[1]

    same_place = one.place is not None and one.place == other.place
    return (
        same_place
        or any(
            a.version == b.version and touch(get_bounds(a), get_bounds(b)) for a in one.prefixes for b in other.prefixes
        )
    ) and any(s.protocol == t.protocol and touch(s.ports, t.ports) for s in one.services for t in other.services)

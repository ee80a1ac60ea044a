"""The reference evaluator: what the policy says of one flow, or of one person, read straight off the rules.

It shares no code with the compiler. Tests, the lab's matrices and the proof's counterexamples are held against it.
What is not known of a person (the device's class, where it is registered, the kind of the day) is never good enough:
a permit that asks for it does not hold, and a forbid that does holds. So with a device at a school whose registration
names no school or office of the city: it is at its own school or at another one, and nobody knows at which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from controller.errors import Origin
from controller.model.access.admission import PLUGGED
from controller.model.access.data_flows import SystemFlow
from controller.model.access.infrastructure_protocols import InfrastructureProtocol
from controller.model.access.rules import CONTROLLER, DAYS, INTERNET, Hours, Rule
from controller.model.access.second_factors import Importance, Strength
from controller.model.city import City
from controller.model.network.packets import Effect, Family, Protocol, Service, get_bounds, is_in_interval
from controller.model.policy_files import QUARANTINES
from controller.model.sites.schools import School

UNKNOWN = ""
Named = TypeVar("Named", Rule, SystemFlow)


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
    """A person as the identity-aware proxy sees them. `at` carries its time zone.

    `device` is the class of the device, `registered` the school (or office) that it is registered at.
    """

    role: str
    mfa: Strength
    postures: frozenset[str]
    place: str
    at: datetime
    device: str = UNKNOWN
    registered: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class DataFlow:
    """Data of one class from one system to another."""

    sender: str
    receiver: str
    data: Importance


@dataclass(frozen=True, slots=True)
class Decision(Generic[Named]):
    """Whether it is permitted, and the rules that decided (none: the default deny)."""

    permitted: bool
    rules: tuple[Named, ...]


RuleDecision = Decision[Rule]


@dataclass(frozen=True, slots=True)
class AdmissionDecision:
    """Where 802.1X puts a device, for how many seconds at most until it is asked anew; `origin` None: quarantine."""

    segment: str
    session: int
    origin: Origin | None


def evaluate_admission(city: City, certificate: str, place: str, school: School | None = None) -> AdmissionDecision:
    """Where a device with a certificate of this class ("" for none) belongs; what nothing names is quarantined.

    So is a device that is registered at no known school (a place that is none of `PLUGGED`), whatever its certificate.
    With `school` (where it is plugged in): so is one whose segment is none there in its stage of integration.
    """
    for one in city.admissions:
        there = school is None or _is_there(city, one.segment, school)
        if there and one.certificate == certificate and place in (one.places or PLUGGED):
            return AdmissionDecision(one.segment, one.session_hours * 3600, one.origin)
    return AdmissionDecision(city.default_segment, city.admission_limits.quarantine_minutes * 60, None)


def evaluate_network(city: City, flow: Flow) -> RuleDecision:
    """What the network parts say; nobody sends in a family that the city does not use."""
    if flow.family not in city.families:
        return Decision(permitted=False, rules=())
    return _decide(rule for rule in city.rules if _network_covers(city, rule, flow))


def find_opening_protocols(city: City, flow: Flow) -> tuple[InfrastructureProtocol, ...]:
    """Return the necessities that let a segment's packets out to addresses beyond the link.

    A filter lets pass what a rule or a necessity permits; a forbid takes it from both.
    """
    return tuple(
        one
        for one in city.infrastructure_protocols
        if _is_there(city, flow.source, flow.school)
        and one.opens_towards(flow.source, flow.family, flow.protocol)
        and is_in_interval(flow.port, one.ports)
        and any(
            is_in_interval(flow.destination, get_bounds(end))
            for end in one.list_places_beyond(city.admission_servers)
            if end in one.destination
        )
    )


def evaluate_identity(city: City, application: str, person: Person) -> RuleDecision:
    """What the identity parts say of a person at an application that stands behind the proxy."""
    at = person.at.astimezone(city.timezone)
    named = city.rules_by_application.get(application, ())
    return _decide(rule for rule in named if _identity_covers(city, rule, application, person, at))


def evaluate_data_flow(city: City, asked: DataFlow) -> Decision[SystemFlow]:
    """What the system-to-system flows say of data between two systems."""
    ends = (asked.sender, asked.receiver)
    return _decide(flow for flow in city.flows if (flow.from_, flow.to) == ends and asked.data in flow.data)


def evaluate_connection(city: City, caller: str, called: str, service: Service) -> Decision[SystemFlow]:
    """Whether a system may open a connection to another: some permitted data flow of theirs is carried by it."""
    carrying = (flow for flow in city.flows if (flow.caller, flow.called) == (caller, called) and service in flow.opens)
    kept = tuple(
        f for f in carrying if any(evaluate_data_flow(city, DataFlow(f.from_, f.to, c)).permitted for c in f.data)
    )
    return Decision(bool(kept), kept)


def _decide(covering: Iterator[Named]) -> Decision[Named]:
    rules = tuple(covering)
    forbids = tuple(rule for rule in rules if rule.effect is Effect.FORBID)
    return Decision(bool(rules) and not forbids, forbids or rules)


def _network_covers(city: City, rule: Rule, flow: Flow) -> bool:
    return (
        rule.network is not None
        and flow.source in rule.network.from_
        and city.rule_applies_at(rule, flow.school)
        and not _cuts(city, rule, flow)
        and _is_there(city, flow.source, flow.school)
        and any(
            _is_there(city, city.applications[name].segment if name != INTERNET else None, flow.school)
            and city.addresses.destination_addresses(name, flow.school)
            .in_family(flow.family)
            .contains(flow.destination)
            and any(
                s.protocol == flow.protocol and is_in_interval(flow.port, s.ports)
                for s in city.get_permitted_services(rule, name)
            )
            for name in rule.applications
        )
    )


def _is_there(city: City, segment: str | None, school: School) -> bool:
    """Tell if a school has a segment in its stage of integration; what is no segment does not depend on it."""
    known = city.segments.get(segment or "")
    return known is None or not known.stages or city.integrations.find_stage(school) in known.stages


def _cuts(city: City, rule: Rule, flow: Flow) -> bool:
    """Tell if a quarantine of the school, or its being closed, takes from a segment what a rule permits."""
    file = city.files.get(QUARANTINES)
    kept = [one.keeps for one in file.quarantines if one.school == flow.school.id and one.holds_on(city.policy_date)]
    kept += [() for one in file.closed if one.school == flow.school.id and one.holds_on(city.policy_date)]
    needed = flow.source in (CONTROLLER, city.management_segment)
    return rule.effect is Effect.PERMIT and not needed and any(rule.id not in one for one in kept)


def _identity_covers(city: City, rule: Rule, application: str, person: Person, at: datetime) -> bool:
    identity = rule.identity
    if identity is None or "proxy" not in identity.enforced_by:
        return False
    return (
        (not identity.roles or person.role in identity.roles)
        and rule.holds_on(at.date())
        and (rule.schools is None or _registered(city, rule, person.registered))
        and person.mfa >= city.get_second_factor(identity, application)
        and person.postures.issuperset(identity.postures)
        and (not identity.devices or _among(rule, person.device, identity.devices, city.device_classes))
        and (not identity.places or _placed(city, rule, person, identity.places))
        and (identity.hours is None or _open(city, rule, identity.hours, at))
    )


def _registered(city: City, rule: Rule, at: str) -> bool:
    school = city.school_by_id.get(at)
    inside = school is not None and city.rule_applies_at(rule, school)
    return inside or (rule.effect is Effect.FORBID and at not in city.registrations)


def _placed(city: City, rule: Rule, person: Person, asked: tuple[str, ...]) -> bool:
    if person.place in PLUGGED and person.registered not in city.registrations:
        return rule.effect is Effect.FORBID and any(place in asked for place in PLUGGED)
    return person.place in asked


def _among(rule: Rule, value: str, asked: tuple[str, ...], known: frozenset[str]) -> bool:
    return value in asked or (rule.effect is Effect.FORBID and value not in known)


def _open(city: City, rule: Rule, hours: Hours, at: datetime) -> bool:
    on = at.date()
    if not hours.from_ <= at.time() < hours.until:
        return False
    if hours.day_kinds is None:
        return DAYS[on.weekday()] in hours.weekdays
    kind = city.find_day_kind(on)
    return kind in hours.day_kinds or (rule.effect is Effect.FORBID and kind is None)

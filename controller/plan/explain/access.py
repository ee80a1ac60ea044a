"""Answers who may reach what, and why: the network's part and the identity's, apart, with rules and enforcers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.compile.identity.access_levels import AccessLevel, ProxyFacts
from controller.compile.identity.iap_bindings import IapBinding, compile_cloud_intent
from controller.compile.identity.iap_sessions import ProxySession, compile_session
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import ProofFailed, TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.model.access.infrastructure_protocols import InfrastructureProtocol
from controller.model.access.rules import CONTROLLER, INTERNET, Rule
from controller.model.city import City
from controller.model.network.device_state import Filter
from controller.model.network.packets import Direction, Effect, Family, Packet, Protocol, Service, get_bounds
from controller.model.reference_evaluator import (
    Decision,
    Flow,
    Person,
    RuleDecision,
    evaluate_identity,
    evaluate_network,
    find_opening_protocols,
)
from controller.model.sites.access_lines import Override, PathPreference
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage
from controller.plan.proof.rendered_device import CLIENT_PORT
from controller.plan.review import describe_entry
from controller.platforms.registry import is_supported, load_platform_of
from controller.prove.filters.evaluation import find_first_entry
from controller.prove.reachability.replay import evaluate_packet


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks (a segment of a school) for what; `person` only where the identity is asked about too."""

    school: School
    segment: str
    application: str
    person: Person | None


@dataclass(frozen=True, slots=True)
class EnforcingEntry:
    """What decides a packet on its way: a device, its filter, the line of its configuration and what it says."""

    device: str
    filter: str
    line: str
    entry: str
    permits: bool


@dataclass(frozen=True, slots=True)
class NetworkExplanation:
    """The answer for one family and service; `note` says what cannot be told.

    `answer` is the rules'; `necessities` let it pass where no rule does and none forbids it.
    """

    family: Family
    service: Service
    destination: str
    answer: RuleDecision
    enforced: tuple[EnforcingEntry, ...]
    note: str
    necessities: tuple[InfrastructureProtocol, ...] = ()

    @property
    def permitted(self) -> bool:
        """Tell if the filters let it pass, by a rule or by a necessity."""
        return self.answer.permitted or bool(self.necessities)


@dataclass(frozen=True, slots=True)
class IdentityExplanation:
    """The answer for the person (None where no person was named), and who enforces it.

    `bindings` are those of the person's role at the proxy, `levels` the access levels that they ask; `note` says what
    of them cannot be told. `session` is how long the proxy lets everybody go on; None where it asks nobody.
    """

    answer: RuleDecision | None
    enforcer: str
    rules: tuple[Rule, ...]
    bindings: tuple[IapBinding, ...] = ()
    levels: tuple[AccessLevel, ...] = ()
    note: str = ""
    session: ProxySession | None = None


@dataclass(frozen=True, slots=True)
class LinesExplanation:
    """The lines that lead there, the preferred one first, and what gives the school an order of its own."""

    preferences: tuple[PathPreference, ...]
    override: Override | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Both parts. They are never mixed into one word. `lines` is None where the way does not leave the school."""

    question: Question
    network: tuple[NetworkExplanation, ...]
    identity: IdentityExplanation
    lines: LinesExplanation | None = None
    stage: Stage | None = None
    """The school's stage of integration, where the city names stages."""


def explain_access(city: City, question: Question) -> Explanation:
    """Answer a question.

    Raises:
        TsunaguError: the segment or the application does not exist.
    """
    _known("segment", question.segment, [*city.segments])
    _known("application", question.application, [*city.applications, INTERNET])
    network = tuple(
        _network(city, question, family, service) for service in _services(city, question) for family in city.families
    )
    stage = city.find_stage(question.school)
    return Explanation(question, network, _identity(city, question), _lines(city, question), stage)


def _lines(city: City, question: Question) -> LinesExplanation | None:
    app = city.applications.get(question.application)
    if app is not None and app.segment:
        return None
    return LinesExplanation(city.lines.get_preference(question.school), city.lines.find_override(question.school))


def _known(noun: str, name: str, known: list[str]) -> None:
    if name not in known:
        message = f"there is no {noun} {name!r}; there are: {', '.join(known)}{suggest_names(name, known)}"
        raise TsunaguError(message)


def _services(city: City, question: Question) -> tuple[Service, ...]:
    application = question.application
    # A necessity may open ports that no rule and no application names.
    needed = tuple(
        Service(Protocol[one.protocol.upper()], one.ports)
        for one in city.infrastructure_protocols
        if one.opens_towards(question.segment, Family(one.family), Protocol[one.protocol.upper()])
        and _find_common(city, question, one) is not None
    )
    if application != INTERNET:
        own = city.applications[application].services
        return (*own, *(one for one in needed if not any(_includes(known, one) for known in own)))
    named = [s for rule in city.rules if rule.network and INTERNET in rule.applications for s in rule.network.services]
    return tuple(dict.fromkeys((*named, *needed)))


def _includes(known: Service, one: Service) -> bool:
    return known.protocol == one.protocol and known.ports[0] <= one.ports[0] and one.ports[1] <= known.ports[1]


def _find_common(city: City, question: Question, one: InfrastructureProtocol) -> int | None:
    """The first address of the destination that a necessity leads to beyond the link; None where there is none."""
    addresses = city.addresses.destination_addresses(question.application, question.school)
    spans = addresses.in_family(Family(one.family)).get_intervals()
    places = [get_bounds(end) for end in one.list_places_beyond(city.admission_servers) if end in one.destination]
    common = (max(low, first) for low, high in places for first, last in spans if low <= last and first <= high)
    return min(common, default=None)


def _find_opened(city: City, question: Question, family: Family, service: Service) -> Flow | None:
    """A flow of a service that a necessity lets pass; None where there is none."""
    for one in city.infrastructure_protocols:
        low, high = max(one.ports[0], service.ports[0]), min(one.ports[1], service.ports[1])
        if low <= high and one.opens_towards(question.segment, family, service.protocol):
            address = _find_common(city, question, one)
            if address is not None:
                return Flow(question.school, question.segment, family, service.protocol, address, low)
    return None


def _network(city: City, question: Question, family: Family, service: Service) -> NetworkExplanation:
    addresses = city.addresses.destination_addresses(question.application, question.school).in_family(family)
    if not addresses.included:
        note = f"{question.application} has no IPv{int(family)} address: nothing is permitted there"
        lives = city.applications[question.application].segment if question.application != INTERNET else None
        if lives and lives not in city.list_segments(question.school):
            note = f"{question.school.id} is {city.find_stage(question.school)}: it has no segment {lives}, where "
            note += f"{question.application} would be"
        return NetworkExplanation(family, service, "none", Decision(permitted=False, rules=()), (), note)
    destination = _example(city, question, family)
    flow = Flow(question.school, question.segment, family, service.protocol, destination, service.ports[0])
    answer = evaluate_network(city, flow)
    if not answer.permitted:
        opened = _find_opened(city, question, family, service)
        # A forbid takes from necessities as well; of another address it may say nothing.
        other = evaluate_network(city, opened) if opened else answer
        if opened and not other.rules:
            flow, answer = opened, other
    necessities = () if answer.permitted or answer.rules else find_opening_protocols(city, flow)
    packet = Packet(
        family=family,
        protocol=service.protocol,
        source=city.addresses.gateway_address(question.school, city.segments[question.segment], family) + 1,
        destination=flow.destination,
        source_port=next((one.source_port for one in necessities if one.source_port is not None), CLIENT_PORT),
        destination_port=flow.port,
        established=False,
    )
    if not evaluate_packet(city, question.school, packet):
        # What lets it out of its segment does not let it into another one.
        necessities = ()
    enforced, note = _enforced(city, question, packet)
    found = NetworkExplanation(
        family, service, family.format_address(flow.destination), answer, tuple(enforced), note, necessities
    )
    _refuse_contradiction(found, packet)
    return found


def _refuse_contradiction(found: NetworkExplanation, packet: Packet) -> None:
    """Read the evidence: all entries on the way permit what is permitted, and one of them stops what is denied.

    Raises:
        ProofFailed: an answer must not stand beside entries that say otherwise.
    """
    if found.enforced and all(one.permits for one in found.enforced) != found.permitted:
        says = "permitted" if found.permitted else "denied"
        shown = "; ".join(f"{one.device} {one.filter}, {one.line}: {one.entry}" for one in found.enforced)
        message = (
            f"explain says that {packet} is {says}, and what the policy compiles to says otherwise ({shown}); do not "
            "rely on either: run 'tsunagu prove', and report it as a fault of Tsunagu"
        )
        raise ProofFailed(message)


def _example(city: City, question: Question, family: Family) -> int:
    """One address of the destination: its first; in a segment of a school, one that a host could have."""
    addresses = city.addresses.destination_addresses(question.application, question.school).in_family(family)
    first = addresses.get_intervals()[0][0]
    app = city.applications.get(question.application)
    if app is not None and app.segment:
        return first + 10
    return first


def _enforced(city: City, question: Question, packet: Packet) -> tuple[list[EnforcingEntry], str]:
    devices = city.list_devices(question.school)
    core = next(device for device in devices if device.role == "core")
    if question.segment not in city.list_segments(question.school):
        stage = city.find_stage(question.school)
        return [], f"{question.school.id} is {stage}: it has no segment {question.segment}, so nobody asks from there"
    if not is_supported(core.platform):
        return [], f"{core.id} should enforce it, but its platform {core.platform!r} is not supported yet"
    return list(_decided(city, core, question, packet)), ""


def _decided(city: City, core: Device, question: Question, packet: Packet) -> Iterator[EnforcingEntry]:
    system = load_platform_of(core)
    intent = compile_device(city, core, system.capabilities)
    rendered = system.parse(system.render(intent.wanted), f"{core.id} (rendered)").state
    here = city.list_segments(question.school)
    places = [(here[question.segment].vlan, Direction.FROM)]
    for segment in here.values():
        subnet = city.addresses.segment_prefix(question.school, segment, packet.family)
        if get_bounds(subnet)[0] <= packet.destination <= get_bounds(subnet)[1]:
            places.append((segment.vlan, Direction.TO))
    filters: dict[tuple[int, Direction, Family], Filter] = {one.key: one for one in rendered.filters}
    for vlan, direction in places:
        one = filters.get((vlan, direction, packet.family))
        entry = find_first_entry(one, packet) if one else None
        if one and entry:
            yield EnforcingEntry(
                core.id, one.name, entry.origin, describe_entry(entry), permits=entry.effect is Effect.PERMIT
            )


def _identity(city: City, question: Question) -> IdentityExplanation:
    app = city.applications.get(question.application)
    rules = tuple(rule for rule in city.rules if rule.identity and question.application in rule.applications)
    if app is not None and app.proxy:
        session = None if app.audience == "public" else compile_session(city, app)
        if question.person is None:
            return IdentityExplanation(None, "the identity-aware proxy", rules, session=session)
        bindings, levels, note = _at_the_proxy(city, app.id, question.person.role)
        answer = evaluate_identity(city, app.id, question.person)
        return IdentityExplanation(answer, "the identity-aware proxy", rules, bindings, levels, note, session)
    here = city.list_segments(question.school)
    admitted = [a for a in city.admissions if a.segment == question.segment and a.segment in here]
    if question.segment == CONTROLLER or not admitted:
        who = f"802.1X admits nobody to segment {question.segment!r}"
        if question.segment == city.default_segment:
            who = f"802.1X puts whatever it does not know into segment {question.segment!r}"
    else:
        roles = ", ".join(dict.fromkeys(role for a in admitted for role in a.roles))
        places = ", ".join(str(a.origin) for a in admitted)
        who = f"802.1X: in segment {question.segment!r} are {roles} ({places})"
    return IdentityExplanation(None, f"no proxy stands before it; {who}", rules)


def _at_the_proxy(
    city: City, application: str, role: str
) -> tuple[tuple[IapBinding, ...], tuple[AccessLevel, ...], str]:
    """The bindings that the stack makes of the rules for a role, and the access levels in them."""
    known = city.outputs.proxy
    note = (
        ""
        if known
        else f"the stack {city.outputs.stack!r} has not been deployed yet: names below are not the real ones"
    )
    facts = (
        ProxyFacts(known.access_policy, known.prefix, known.device_authority, known.vendor)
        if known
        else ProxyFacts("ACCESS_POLICY", "tsunagu", "AUTHORITY", "VENDOR")
    )
    intent = compile_cloud_intent(city, facts)
    bindings = tuple(b for b in intent.bindings if (b.application, b.role) == (application, role))
    asked = [
        level for level in intent.access_levels if any(facts.full_name(level.key) in b.expression for b in bindings)
    ]
    needed = {key for level in asked for key in level.needs}
    levels = tuple(level for level in intent.access_levels if level in asked or level.key in needed)
    return bindings, levels, note

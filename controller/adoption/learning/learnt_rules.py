"""Rules that say what the access lists of a school permit today, learnt entry by entry and proved.

What hosts of a segment send is judged: TCP and UDP, to the segments of the school, to the internet, and to every
address outside the schools that a list names. Only permits are written: the policy denies what nothing names, so a
denial only takes its packets out of the permits behind it. What a rule cannot say is listed with its line.

The proof is apart from all that: the rules are compiled, and on what is judged the compiled filters permit exactly what
the lists permit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from controller.adoption.effective_filters import OldFilter, find_old_filters
from controller.adoption.existing_network import ExistingNetwork
from controller.adoption.learning.learnt import LearntRule, LearntRules, Unsaid
from controller.adoption.learning.learnt_proof import (
    FIRST_PORT,
    SERVICES,
    compile_sent,
    list_known_addresses,
    prove_learnt_list,
    replace_policy,
)
from controller.adoption.learning.list_entries import (
    Intervals,
    Rectangle,
    build_entry_set,
    covers_sources,
    describe_learnt_entry,
    do_intervals_meet,
    find_entry_line,
    intersect_intervals,
    is_plain_entry,
    list_prefixes,
    list_rectangles,
    subtract_all,
)
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import Origin
from controller.model.access.rules import INTERNET, Application, NetworkPart, Rule, RuleFile
from controller.model.city import City
from controller.model.network.device_state import DeviceState, Entry
from controller.model.network.packets import (
    ANY_PORTS,
    Direction,
    Effect,
    Family,
    Match,
    Prefix,
    Protocol,
    Service,
    get_bounds,
    subtract_interval,
)
from controller.model.policy_files import RULES
from controller.model.sites.devices import Device
from controller.model.sites.scope import Scope
from controller.platforms.registry import load_platform_of
from controller.prove.filters.equivalence import (
    are_filters_equal,
    build_filter_set,
    build_policy_set,
    make_packet_space,
)


@dataclass
class _Learning:
    """What is known while a device is learnt from."""

    city: City
    device: Device
    rules: list[LearntRule] = field(default_factory=list)
    unsaid: list[Unsaid] = field(default_factory=list)
    stateless: list[Unsaid] = field(default_factory=list)
    filters: dict[tuple[str, Family], OldFilter] = field(default_factory=dict)
    """What judges the packets of each segment's hosts today, where it can be told."""
    excluded: dict[tuple[str, Family], list[Entry]] = field(default_factory=dict)
    """The entries of which some part is not judged, by segment and family."""
    first: int = 1
    """The number of the first rule."""

    def name_rule(self) -> str:
        """Return the id of the next rule, and of the application that it names."""
        return f"learnt-{self.first + len(self.rules):03d}"


def learn_rules(  # noqa: PLR0913, PLR0917 what is learnt, and of what
    city: City, device: Device, network: ExistingNetwork, source: str, first: int = 1, now: DeviceState | None = None
) -> LearntRules:
    """Return rules for what the lists of a device permit, proved; `first` is the number of the first rule.

    `now`: what is ours on the device already; nothing is learnt from that.

    Raises:
        ProofFailed: the compiled rules are not what the lists permit; a bug in Tsunagu.
        TsunaguError: the platform cannot express what is wanted.
    """
    can = load_platform_of(device).capabilities
    compiled = compile_device(city, device, can)
    segments = {one.vlan: one.segment for one in compiled.intents}
    old = find_old_filters(network, compiled.wanted, [one.key for one in compiled.intents], can, now)
    learning = _Learning(city, device, first=first)
    judged = [one for one in old if _is_judged(learning, segments[one.place[0]], one, old)]
    learning.filters = {
        (segments[one.place[0]], one.place[2]): one
        for one in old
        if one.place[1] is Direction.FROM and not one.unjudged and (one in judged or one.ours or one.filter is None)
    }
    named = tuple(_name_denied(city, judged))
    learning.city = replace_policy(city, [application for application, _ in named], [])
    # What one list names is no internet for any other one, so all names stand before the first rule.
    named = (*named, *_name_permitted(learning.city, judged))
    learning.city = replace_policy(city, [application for application, _ in named], [])
    for one in judged:
        _learn_list(learning, segments[one.place[0]], one)
    news = [one.application for one in learning.rules if one.application is not None]
    left = tuple((application, line) for application, line in named if not _is_covered(application, news))
    final = replace_policy(city, [*(one for one, _ in left), *news], [one.rule for one in learning.rules])
    for one in judged:
        segment, excluded = segments[one.place[0]], learning.excluded
        prove_learnt_list(final, device, segment, one, excluded.get((segment, one.place[2]), ()))
    return LearntRules(
        device.id,
        source,
        tuple(learning.rules),
        left,
        tuple(learning.unsaid),
        tuple(learning.stateless),
        len(judged),
    )


def _is_judged(learning: _Learning, segment: str, one: OldFilter, others: Sequence[OldFilter]) -> bool:
    """Tell if a list is learnt from; what it is not learnt from is noted."""
    vlan, direction, family = one.place
    same = [other for other in others if other.place == one.place]
    if same[0] is not one:
        return False
    if len(same) > 1 and not _are_alike(same):
        ports = ", ".join(other.port for other in same)
        learning.unsaid.append(Unsaid(segment, one.line, f"IPv{int(family)} from its hosts", f"{ports} differ"))
    elif one.unjudged:
        learning.unsaid.append(Unsaid(segment, one.line, f"IPv{int(family)}, {direction} its hosts", one.unjudged))
    elif one.ours:
        where, why = f"IPv{int(family)}, {direction} its hosts", "is ours; what it permits stands in the policy"
        learning.stateless.append(Unsaid(segment, one.line, where, f"{one.lists[0].name} {why}"))
    elif direction is Direction.TO and one.lists:
        why = "rules speak of conversations; what is sent to hosts follows from them, as answers"
        learning.stateless.append(Unsaid(segment, one.line, f"IPv{int(family)} to its hosts", why))
    elif direction is Direction.FROM and one.filter is not None:
        return True
    elif direction is Direction.FROM:
        where = f"VLAN {vlan}, IPv{int(family)} from its hosts"
        learning.stateless.append(
            Unsaid(segment, 0, where, "no list is in force; everything passes, and no rule says it")
        )
    return False


def _are_alike(same: Sequence[OldFilter]) -> bool:
    """Tell if the lists at all ports of a place permit the same there."""
    first, *others = same
    return not any(one.unjudged for one in same) and all(
        first.filter is one.filter
        if first.filter is None or one.filter is None
        else are_filters_equal(first.filter, one.filter)
        for one in others
    )


def _list_outside(city: City, family: Family, destination: Prefix) -> Intervals:
    """Return the part of a destination that an application of its own can have: outside the city's own addresses."""
    if destination.prefixlen == 0:
        return ()
    own = [prefix for school in city.schools for prefix in city.addresses.school_prefixes(school, family)]
    own += [one for one in city.controllers if one.version == family]
    left: Intervals = (get_bounds(destination),)
    own += [prefix for system in city.systems.values() for prefix in system.addresses if prefix.version == family]
    for prefix in own:
        left = subtract_interval(left, *get_bounds(prefix))
    for server in city.admission_servers:
        if server.version == family:
            left = subtract_interval(left, int(server), int(server))
    return left


def _is_covered(named: Application, others: Iterable[Application]) -> bool:
    """Tell if other applications have all addresses of one: then it need not stand beside them."""
    covered = [get_bounds(prefix) for one in others for prefix in one.addresses if prefix.version == 4]  # noqa: PLR2004
    sixth = [get_bounds(prefix) for one in others for prefix in one.addresses if prefix.version != 4]  # noqa: PLR2004
    return not any(
        subtract_all((get_bounds(prefix),), covered if prefix.version == 4 else sixth)  # noqa: PLR2004
        for prefix in named.addresses
    )


def _name_denied(city: City, judged: Iterable[OldFilter]) -> Iterator[tuple[Application, int]]:
    yield from _name(city, judged, Effect.FORBID, "denied")


def _name_permitted(city: City, judged: Iterable[OldFilter]) -> Iterator[tuple[Application, int]]:
    yield from _name(city, judged, Effect.PERMIT, "known")


def _name(city: City, judged: Iterable[OldFilter], effect: Effect, word: str) -> Iterator[tuple[Application, int]]:
    """Yield an application for each destination outside that an entry names: it is then no part of the internet."""
    seen: set[Intervals] = set()
    for one in judged:
        for entry in one.filter.entries if one.filter else ():
            outside = _list_outside(city, one.place[2], entry.match.destination)
            if effect is Effect.FORBID:
                # Only what is denied of the internet needs a name: nothing else is permitted without one.
                internet = city.addresses.destination_addresses(INTERNET, city.schools[0])
                outside = intersect_intervals(outside, internet.in_family(one.place[2]).get_intervals())
            if entry.effect is effect and outside and outside not in seen:
                seen.add(outside)
                line = find_entry_line(entry)
                yield _make_application(f"{word}-{line}-ipv{int(one.place[2])}", one.place[2], outside, None), line


def _make_application(
    name: str, family: Family, addresses: Intervals, service: Service | None, segment: str = ""
) -> Application:
    written = Service(Protocol.TCP, (443, 443)) if service is None else service
    return Application(
        origin=Origin("learnt", 1),
        id=name,
        name=name,
        hosting="school" if segment else "on-premises",
        audience="staff",
        importance="II",
        services=(written,),
        addresses=tuple(list_prefixes(family, addresses)),
        segment=segment or None,
    )


def _learn_list(learning: _Learning, segment: str, old: OldFilter) -> None:
    """Learn from each entry that permits."""
    assert old.filter is not None  # noqa: S101 `_is_judged` looked
    addresses, school = learning.city.addresses, learning.device.school
    own = addresses.source_addresses_in(segment, school, old.place[2]).get_intervals()
    denied: list[Entry] = []
    for entry in old.filter.entries:
        if not do_intervals_meet((get_bounds(entry.match.source),), own):
            # Hosts of the segment send no such packets.
            continue
        if entry.effect is Effect.FORBID:
            denied.append(entry)
        else:
            _learn_entry(learning, segment, old, entry, denied)


def _learn_entry(learning: _Learning, segment: str, old: OldFilter, entry: Entry, denied: Sequence[Entry]) -> None:
    school, family = learning.device.school, old.place[2]
    own = learning.city.addresses.source_addresses_in(segment, school, family).get_intervals()
    match, line = entry.match, find_entry_line(entry)
    if match.established:
        _exclude(learning, segment, family, entry)
        why = "rules permit answers by themselves, where they permit the conversation"
        learning.stateless.append(Unsaid(segment, line, "answers (established)", why))
        return
    reason = _find_unsayable(entry, own, denied)
    if reason:
        _exclude(learning, segment, family, entry)
        if not _is_necessity(learning.city, learning.device, segment, family, entry):
            learning.unsaid.append(Unsaid(segment, line, describe_learnt_entry(entry), reason))
        return
    if match.protocol is None:
        learning.unsaid.append(
            Unsaid(segment, line, describe_learnt_entry(entry), "its protocols other than TCP and UDP")
        )
    beyond = False
    for protocol in SERVICES:
        if match.protocol in (None, protocol):
            for rectangle in list_rectangles(entry, protocol, denied):
                beyond |= _learn_rectangle(learning, segment, old, (entry, protocol, rectangle))
    if beyond:
        why = "addresses of other schools, of controllers, of a part of a segment, and reserved ones that no line names"
        learning.unsaid.append(Unsaid(segment, line, describe_learnt_entry(entry), why))


def _exclude(learning: _Learning, segment: str, family: Family, entry: Entry) -> None:
    learning.excluded.setdefault((segment, family), []).append(entry)


def _find_unsayable(entry: Entry, own: Intervals, denied: Sequence[Entry]) -> str:
    match = entry.match
    if match.protocol not in (None, *SERVICES):
        return "rules speak of TCP and UDP"
    if not covers_sources(entry, own):
        return f"it is for {match.source} only; rules speak of whole segments"
    if match.source_ports != ANY_PORTS:
        return f"it asks the source ports {match.source_ports[0]}-{match.source_ports[1]}; rules have none"
    for one in denied:
        overlapping = do_intervals_meet((get_bounds(one.match.destination),), (get_bounds(match.destination),))
        same = one.match.protocol in (None, match.protocol) or match.protocol is None
        if (
            overlapping
            and same
            and not is_plain_entry(one, own)
            and do_intervals_meet((get_bounds(one.match.source),), own)
        ):
            return f"line {find_entry_line(one)} before it denies a part that rules cannot take out"
    return ""


def _is_necessity(city: City, device: Device, segment: str, family: Family, entry: Entry) -> bool:
    """Tell if all of an entry that hosts of the segment send is permitted by necessities.yaml already."""
    bare = city.replace_file(RULES, RuleFile(rules=()))
    space = make_packet_space(family)
    intent = compile_sent(bare, device, segment, family)
    needed = build_policy_set(space, intent)
    return space.is_empty(space.difference(build_entry_set(space, entry), needed))


def _learn_rectangle(
    learning: _Learning, segment: str, old: OldFilter, learnt: tuple[Entry, Protocol, Rectangle]
) -> bool:
    """Write rules for destinations and ports; tell if a part of the destinations is one that no rule can name."""
    entry, protocol, (destinations, (low, high)) = learnt
    if high < FIRST_PORT:
        return False
    city, school, family = learning.city, learning.device.school, old.place[2]
    service = Service(protocol, (max(low, FIRST_PORT), high))
    left = subtract_all(destinations, city.addresses.source_addresses_in(segment, school, family).get_intervals())
    for other in city.segments:
        there = city.addresses.source_addresses_in(other, school, family).get_intervals()
        if other != segment and there and not subtract_all(there, left):
            if not _answers_pass(learning, (segment, other), family, entry, service):
                left = subtract_all(left, there)
                continue
            application = _make_application(learning.name_rule(), family, (), service, other)
            _add_rule(learning, segment, old, entry, application)
            left = subtract_all(left, there)
    internet = city.addresses.destination_addresses_in(INTERNET, school, family).get_intervals()
    if internet and not subtract_all(internet, left):
        _add_rule(learning, segment, old, entry, service)
        left = subtract_all(left, internet)
    known = list_known_addresses(city, family)
    outside = intersect_intervals(left, known)
    if outside:
        _add_rule(learning, segment, old, entry, _make_application(learning.name_rule(), family, outside, service))
    beyond = subtract_all(left, known)
    _exclude_parts(learning, segment, family, service, beyond)
    return bool(beyond)


def _exclude_parts(learning: _Learning, segment: str, family: Family, service: Service, beyond: Intervals) -> None:
    """Leave out of what is judged the parts of segments that an entry permits: rules speak of whole ones."""
    addresses, school = learning.city.addresses, learning.device.school
    own = addresses.source_addresses_in(segment, school, family).included[0]
    for other in learning.city.segments:
        there = addresses.source_addresses_in(other, school, family).get_intervals()
        for prefix in list_prefixes(family, intersect_intervals(beyond, there)):
            question = Match(family, service.protocol, own, prefix, ANY_PORTS, service.ports)
            _exclude(learning, segment, family, Entry(Effect.PERMIT, question))


def _answers_pass(learning: _Learning, ends: tuple[str, str], family: Family, entry: Entry, service: Service) -> bool:
    """Tell if the hosts of another segment may answer today; where not, no conversation is, and no rule permits one."""
    segment, other = ends
    addresses, school = learning.city.addresses, learning.device.school
    own, there = (addresses.source_addresses_in(name, school, family).included[0] for name in ends)
    old = learning.filters.get((other, family))
    space = make_packet_space(family)
    tcp = service.protocol is Protocol.TCP
    answer = Match(family, service.protocol, there, own, service.ports, ANY_PORTS, established=tcp)
    answers = build_entry_set(space, Entry(Effect.PERMIT, answer))
    if old is not None and (old.filter is None or space.covers(build_filter_set(space, old.filter), answers)):
        return True
    question = Match(family, service.protocol, own, there, ANY_PORTS, service.ports)
    _exclude(learning, segment, family, Entry(Effect.PERMIT, question))
    why = f"what judges {other} does not let all answers pass, so there is no conversation that a rule could permit"
    learning.stateless.append(Unsaid(segment, find_entry_line(entry), f"{service} to {other}", why))
    return False


def _add_rule(learning: _Learning, segment: str, old: OldFilter, entry: Entry, there: Application | Service) -> None:
    """Add a rule to an application, or to the internet by a service."""
    line = find_entry_line(entry)
    named = re.sub(r"[^A-Za-z0-9_.+ -]", "?", old.filter.name if old.filter else "")
    application = there if isinstance(there, Application) else None
    services = (there,) if isinstance(there, Service) else ()
    rule = Rule(
        origin=Origin(learning.device.id, line or 1),
        id=learning.name_rule(),
        effect=Effect.PERMIT,
        purpose=f"learnt from line {line} of {named}" if line else f"learnt from what {named} does not match",
        applications=(application.id if application else INTERNET,),
        schools=Scope(ids=(learning.device.school.id,)),
        network=NetworkPart.model_validate({"from": (segment,), "services": services}),
    )
    learning.rules.append(LearntRule(rule, application, line, named))

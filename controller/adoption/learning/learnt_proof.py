"""The proof of learnt rules: compiled, they permit exactly what the lists permit, on what is judged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.adoption.effective_filters import OldFilter
from controller.adoption.learning.list_entries import Intervals, build_entry_set, subtract_all
from controller.compile.network.intent import FilterIntent, compile_filter_intents
from controller.errors import ProofFailed
from controller.model.access.rules import INTERNET, Application, ApplicationFile, Rule, RuleFile
from controller.model.city import City
from controller.model.network.device_state import Entry
from controller.model.network.packets import ANY_PORTS, AddressSet, Direction, Family, Protocol, merge_intervals
from controller.model.policy_files import APPLICATIONS, RULES
from controller.model.sites.devices import Device
from controller.prove.engine.likely_packet import find_likely_packet
from controller.prove.filters.equivalence import build_filter_set, build_policy_set, make_packet_space

SERVICES = (Protocol.TCP, Protocol.UDP)
FIRST_PORT = 1


def replace_policy(city: City, applications: Sequence[Application], rules: Sequence[Rule]) -> City:
    """Return the city with more applications, and with these rules and no other."""
    known = {one.id: one for one in (*city.applications.values(), *applications)}
    changed = city.replace_file(APPLICATIONS, ApplicationFile(applications=tuple(known.values())))
    return changed.replace_file(RULES, RuleFile(rules=tuple(rules)))


def compile_sent(city: City, device: Device, segment: str, family: Family) -> FilterIntent:
    """Return what the policy says of the packets that hosts of a segment send."""
    found = compile_filter_intents(city, device.school, device.id, [segment])
    return next(one for one in found if one.direction is Direction.FROM and one.family is family)


def list_known_addresses(city: City, family: Family) -> Intervals:
    """Return the addresses of all applications outside the schools: those that are no part of the internet."""
    there = [one for one in city.applications.values() if not one.segment and not one.belongs_to]
    found = AddressSet(tuple(prefix for one in there for prefix in city.addresses.application_prefixes(one)))
    return found.in_family(family).get_intervals()


def prove_learnt_list(final: City, device: Device, segment: str, old: OldFilter, excluded: Iterable[Entry]) -> None:
    """Prove that the compiled rules permit exactly what a list permits, on what is judged.

    `final` is the city with these rules alone, `excluded` are the entries of which some part is not judged.

    Raises:
        ProofFailed: with a packet.
    """
    assert old.filter is not None  # noqa: S101 only such are judged
    family, school = old.place[2], device.school
    space = make_packet_space(family)
    intent = compile_sent(final, device, segment, family)
    bare = compile_sent(final.replace_file(RULES, RuleFile(rules=())), device, segment, family)
    addresses = final.addresses
    own = addresses.source_addresses_in(segment, school, family).get_intervals()
    judged_there = merge_intervals(
        one
        for intervals in (
            *(addresses.source_addresses_in(other, school, family).get_intervals() for other in final.segments),
            addresses.destination_addresses_in(INTERNET, school, family).get_intervals(),
            list_known_addresses(final, family),
        )
        for one in intervals
    )
    judged_there = subtract_all(judged_there, own)
    protocols = tuple((int(one), int(one)) for one in SERVICES)
    ports = (ANY_PORTS,), ((FIRST_PORT, ANY_PORTS[1]),)
    judged = space.cube((protocols, own, judged_there, *ports, ((0, 1),)))
    for entry in excluded:
        judged = space.difference(judged, build_entry_set(space, entry))
    judged = space.difference(judged, build_policy_set(space, bare))
    before = space.intersection(judged, build_filter_set(space, old.filter))
    after = space.intersection(judged, build_policy_set(space, intent))
    if before != after:
        wrong = space.union(space.difference(before, after), space.difference(after, before))
        packet = find_likely_packet(space, wrong, family, own, judged_there)
        message = f"{device.id}: the rules learnt for {segment} are not what {old.filter.name} permits: {packet}"
        raise ProofFailed(message)

"""Compiled filters against the reference evaluator and against their intents: the shipped city, and random policies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.compile.network.aggregate import aggregate_entries
from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import Origin, TsunaguError
from controller.model.access.infrastructure_protocols import InfrastructureProtocolFile
from controller.model.access.rules import (
    CONTROLLER,
    INTERNET,
    ApplicationFile,
    NetworkPart,
    PrefixListFile,
    Rule,
    RuleFile,
)
from controller.model.city import City
from controller.model.network.device_state import Attachment, Capabilities, Entry, Filter, PortRole
from controller.model.network.packets import (
    Direction,
    Effect,
    Family,
    Match,
    Packet,
    Protocol,
    Service,
    get_bounds,
    parse_prefix,
    parse_service,
)
from controller.model.policy_files import APPLICATIONS, INFRASTRUCTURE_PROTOCOLS, PREFIX_LISTS, RULES
from controller.model.reference_evaluator import Flow, evaluate_network
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.model.virtual_city import choose_virtual_city
from controller.prove.filters.equivalence import prove_filter_equals_intent
from controller.prove.filters.evaluation import ends_explicitly, evaluate_filter, evaluate_intent
from tests.soak import examples

CAN = Capabilities(
    Attachment.PORT, vlan_database=True, reads_port_roles=True, maximum_entries=4096, over_ssh=False, isolates=True
)
CLIENT_PORT = 49152
"""No service of any policy here has it, so it is never taken for an answer."""
STRANGE_SERVICES = (parse_service("tcp/22"), parse_service("tcp/444"), parse_service("udp/443"))
HERE = Origin("random.yaml", 1)

Filters = dict[tuple[int, Direction, Family], Filter]


def core(city: City, school: School) -> Device:
    return next(device for device in city.list_devices(school) if device.role == "core")


def filters_of(intent: DeviceIntent) -> Filters:
    by_name = {one.name: one for one in intent.wanted.filters}
    return {(b.vlan, b.direction, b.family): by_name[b.filter] for b in intent.wanted.bindings}


def client(city: City, school: School, source: str, family: Family) -> int | None:
    """An address that sends from a segment, or the controller's."""
    sources = city.addresses.source_addresses(source, school).in_family(family).get_intervals()
    if not sources:
        return None
    return sources[0][0] + (0 if source == CONTROLLER else 20)


def first_packets(city: City, school: School, source: str, family: Family) -> Iterator[tuple[Flow, Packet]]:
    """To the first, an inner and the last address of everything that is named, over every service and some others."""
    sender = client(city, school, source, family)
    if sender is None:
        return
    services = {s for application in city.applications.values() for s in application.services} | {*STRANGE_SERVICES}
    for name in (*city.applications, INTERNET):
        for low, high in city.addresses.destination_addresses(name, school).in_family(family).get_intervals()[:4]:
            for destination, one in product(sorted({low, min(low + 30, high), high}), sorted(services, key=str)):
                flow = Flow(school, source, family, one.protocol, destination, one.ports[0])
                yield (
                    flow,
                    Packet(family, one.protocol, sender, destination, CLIENT_PORT, one.ports[0], established=False),
                )


def way_back(packet: Packet, *, established: bool) -> Packet:
    return replace(
        packet,
        source=packet.destination,
        destination=packet.source,
        source_port=packet.destination_port,
        destination_port=packet.source_port,
        established=established,
    )


def segment_of(city: City, school: School, family: Family, address: int) -> str | None:
    for name, segment in city.list_segments(school).items():
        low, high = get_bounds(city.addresses.segment_prefix(school, segment, family))
        if low <= address <= high:
            return name
    return None


def test_the_shipped_policy_as_the_reference_says(city: City) -> None:
    permitted = denied = 0
    for school in (city.school_by_id[name] for name in city.virtual_estate.schools):
        filters = filters_of(compile_device(city, core(city, school), CAN))
        for source, family in product((*city.list_segments(school), CONTROLLER), Family):
            for flow, packet in first_packets(city, school, source, family):
                expected = evaluate_network(city, flow).permitted
                permitted, denied = permitted + expected, denied + (not expected)
                if source != CONTROLLER:
                    vlan = city.segments[source].vlan
                    assert evaluate_filter(filters[vlan, Direction.FROM, family], packet) == expected, packet
                    answers = filters[vlan, Direction.TO, family]
                    back = expected and packet.protocol == Protocol.TCP
                    assert evaluate_filter(answers, way_back(packet, established=True)) == back, packet
                    assert not evaluate_filter(answers, way_back(packet, established=False)), packet
                asked = segment_of(city, school, family, packet.destination)
                if asked is not None:
                    vlan = city.segments[asked].vlan
                    assert evaluate_filter(filters[vlan, Direction.TO, family], packet) == expected, packet
                    answers = filters[vlan, Direction.FROM, family]
                    assert evaluate_filter(answers, way_back(packet, established=True)) == expected, packet
                    assert not evaluate_filter(answers, way_back(packet, established=False)), packet
    assert permitted > 500
    assert denied > 5000


def test_only_the_core_filters_and_every_device_has_what_its_ports_carry(city: City) -> None:
    school = city.schools[0]
    for device in city.list_devices(school):
        if device.networks:
            continue  # no switch: tests/platforms/hostapd/test_hostapd.py
        intent = compile_device(city, device, CAN)
        assert bool(intent.wanted.filters) == (device.role == "core")
        carried = {name for port in device.ports for name in port.segments}
        assert {vlan.name for vlan in intent.wanted.vlans} == {f"TSN-{name}" for name in carried}
        assert {port.name for port in intent.wanted.ports} == {port.name for port in device.ports}


def test_what_a_platform_cannot_tell_is_not_asked_of_it(city: City) -> None:
    device = core(city, city.schools[0])
    poor = compile_device(city, device, replace(CAN, vlan_database=False, reads_port_roles=False)).wanted
    assert poor.vlans == ()
    assert {port.role for port in poor.ports} == {PortRole.UNFILTERED}
    assert len(poor.filters) == len(poor.bindings) == 4 * len(city.list_segments(device.school))


def test_every_filter_ends_in_an_explicit_denial_of_everything(city: City) -> None:
    for bare in (
        city,
        city.replace_file(RULES, RuleFile(rules=())),
        city.replace_file(RULES, RuleFile(rules=())).replace_file(
            INFRASTRUCTURE_PROTOCOLS, InfrastructureProtocolFile(necessities=())
        ),
    ):
        for one in compile_device(bare, core(bare, bare.schools[0]), CAN).wanted.filters:
            assert ends_explicitly(one)
            assert one.entries[-1].effect is Effect.FORBID
            assert not one.entries[:-1] or bare.rules or bare.infrastructure_protocols


def test_a_family_without_addresses_is_closed_not_open(city: City) -> None:
    """An application with IPv4 only: no IPv6 entry speaks of it, and nothing else changes."""
    drills = city.prefix_lists["drills"]
    only_v4 = drills.model_copy(update={"prefixes": tuple(p for p in drills.prefixes if p.version == int(Family.V4))})
    lists: dict[str, PrefixListFile] = {**city.prefix_lists, "drills": only_v4}
    poorer = city.replace_file(PREFIX_LISTS, *lists.values()).replace_file(
        RULES, RuleFile(rules=tuple(rule for rule in city.rules if rule.id != "web"))
    )
    school = poorer.schools[0]
    intent = compile_device(poorer, core(poorer, school), CAN)
    filters = filters_of(intent)
    clauses = [clause for one in intent.intents for clause in one.clauses]
    assert all(clause.sources.included and clause.destinations.included for clause in clauses)
    assert {clause.family for clause in clauses if clause.rule == "drills"} == {Family.V4}
    before = get_bounds(parse_prefix("2001:db8:d002::/48"))[0]
    for segment, direction in product(poorer.list_segments(school).values(), Direction):
        v6 = filters[segment.vlan, direction, Family.V6]
        assert not [entry for entry in v6.entries if entry.origin == "drills"]
        everything = Family.V6.everything
        assert not [e for e in v6.entries[:-1] if e.match.source == everything == e.match.destination]
        sender = client(poorer, school, segment.id, Family.V6)
        assert sender is not None
        packet = Packet(Family.V6, Protocol.TCP, sender, before, CLIENT_PORT, 443, established=False)
        assert not evaluate_filter(filters[segment.vlan, Direction.FROM, Family.V6], packet)
    v4 = filters[poorer.segments["pupil"].vlan, Direction.FROM, Family.V4]
    assert [entry for entry in v4.entries if entry.origin == "drills"]


def test_a_filter_too_large_for_the_platform_is_a_clear_error(city: City) -> None:
    device = core(city, city.schools[0])
    largest = max(len(aggregate_entries(one.entries)) for one in compile_device(city, device, CAN).wanted.filters)
    assert compile_device(city, device, replace(CAN, maximum_entries=largest))
    with pytest.raises(
        TsunaguError, match=rf"^{device.id}: filter TSN-.* needs {largest} entries; {device.platform} ta"
    ):
        compile_device(city, device, replace(CAN, maximum_entries=largest - 1))


def test_nobody_prints_at_another_school(city: City) -> None:
    schools = [city.school_by_id[name] for name in city.virtual_estate.schools]
    printers = city.segments["printers"]
    for own, other in product(schools, schools):
        filters = filters_of(compile_device(city, core(city, own), CAN))
        for source, family, port in product(("staff", "staff-legacy"), Family, (631, 9100)):
            sender = client(city, own, source, family)
            assert sender is not None
            printer = get_bounds(city.addresses.segment_prefix(other, printers, family))[0] + 40
            packet = Packet(family, Protocol.TCP, sender, printer, CLIENT_PORT, port, established=False)
            vlan = city.segments[source].vlan
            assert evaluate_filter(filters[vlan, Direction.FROM, family], packet) == (own is other)
            # The other school's packet, arriving at this school's printers.
            arriving = replace(packet, source=client(city, other, source, family) or 0)
            arriving = replace(
                arriving, destination=get_bounds(city.addresses.segment_prefix(own, printers, family))[0] + 40
            )
            assert evaluate_filter(filters[printers.vlan, Direction.TO, family], arriving) == (own is other)


@st.composite
def rules(draw: st.DrawFn, city: City) -> Rule:
    """Any rule with a network part that loading lets through."""
    names = draw(st.lists(st.sampled_from((*city.applications, INTERNET)), min_size=1, max_size=3, unique=True))
    offered: list[Service] = []
    if INTERNET in names:
        names = [INTERNET]
        offered = [*INTERNET_SERVICES]
    else:
        common = set.intersection(*(set(city.applications[name].services) for name in names))
        offered = sorted(common, key=str)
    least = 1 if INTERNET in names else 0
    chosen = draw(st.lists(st.sampled_from(offered), min_size=least, unique=True)) if offered else []
    sources = draw(st.lists(st.sampled_from((*SOURCES, CONTROLLER)), min_size=1, max_size=3, unique=True))
    return Rule(
        origin=HERE,
        id=f"r{draw(st.integers(0, 99))}",
        effect=draw(st.sampled_from((Effect.PERMIT, Effect.PERMIT, Effect.FORBID))),
        purpose="",
        applications=tuple(names),
        network=NetworkPart.model_validate({"from": tuple(sources), "services": tuple(chosen)}),
    )


SOURCES = ("staff", "pupil", "printers")
INTERNET_SERVICES = tuple(map(parse_service, ("tcp/80", "tcp/443", "tcp/8000-8100", "udp/443")))
OTHER_SERVICES = {
    "drills": ("tcp/443", "tcp/5000-5100", "udp/5000-5100"),
    "printing": ("tcp/631", "tcp/9100", "udp/631"),
    "cbt": ("tcp/443", "udp/443"),
}


def with_more_services(city: City) -> City:
    """Several services, ranges and UDP, which the shipped applications do not have; two in the printers' segment."""
    changed = {
        name: city.applications[name].model_copy(update={"services": tuple(map(parse_service, texts))})
        for name, texts in OTHER_SERVICES.items()
    }
    scanning = changed["printing"].model_copy(update={"id": "scanning", "services": (parse_service("tcp/631-640"),)})
    return city.replace_file(
        APPLICATIONS,
        ApplicationFile(applications=tuple({**city.applications, **changed, "scanning": scanning}.values())),
    )


@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_random_policies_compile_to_what_they_mean(city: City, data: st.DataObject) -> None:
    richer = with_more_services(city)
    policy = richer.replace_file(
        RULES, RuleFile(rules=tuple(data.draw(st.lists(rules(richer), min_size=1, max_size=7))))
    )
    school = policy.school_by_id[data.draw(st.sampled_from(policy.virtual_estate.schools))]
    intent = compile_device(policy, choose_virtual_city(policy).list_devices(school)[0], CAN)
    filters = filters_of(intent)
    for one in intent.intents:
        assert prove_filter_equals_intent(one, filters[one.vlan, one.direction, one.family]) is None
    source, family = data.draw(st.sampled_from(SOURCES)), data.draw(st.sampled_from(Family))
    own = filters[policy.segments[source].vlan, Direction.FROM, family]
    sender = client(policy, school, source, family)
    assert sender is not None
    destinations = sorted(near_borders(policy, school, family))
    ports = sorted({p for s in all_services(policy) for p in (s.ports[0] - 1, s.ports[0], s.ports[1], s.ports[1] + 1)})
    for _ in range(60):
        protocol = data.draw(st.sampled_from((Protocol.TCP, Protocol.UDP)))
        destination = data.draw(st.sampled_from(destinations) | st.integers(0, 2**family.bits - 1))
        port = data.draw(st.sampled_from(ports))
        packet = Packet(family, protocol, sender, destination, CLIENT_PORT, port, established=False)
        answer = evaluate_network(policy, Flow(school, source, family, protocol, destination, port))
        assert evaluate_filter(own, packet) == answer.permitted, (packet, answer)


def all_services(city: City) -> Iterator[Service]:
    yield from INTERNET_SERVICES
    for application in city.applications.values():
        yield from application.services


def near_borders(city: City, school: School, family: Family) -> Iterator[int]:
    """Where a set that the policy speaks of begins or ends, and one step beyond."""
    for name in (*city.applications, INTERNET):
        for low, high in city.addresses.destination_addresses(name, school).in_family(family).get_intervals():
            yield from (max(low - 1, 0), low, high, min(high + 1, 2**family.bits - 1))


def test_an_entry_dropped_from_a_compiled_filter_is_a_difference(city: City) -> None:
    """The comparison above can fail: each entry of the pupils' filter, left out, is found with a packet."""
    device = core(city, city.schools[0])
    intent = compile_device(city, device, CAN)
    filters = filters_of(intent)
    pupil = city.segments["pupil"].vlan
    one = next(i for i in intent.intents if (i.vlan, i.direction, i.family) == (pupil, Direction.FROM, Family.V4))
    whole = filters[pupil, Direction.FROM, Family.V4]
    found = 0
    for index in range(len(whole.entries) - 1):
        entries = whole.entries[:index] + whole.entries[index + 1 :]
        difference = prove_filter_equals_intent(one, replace(whole, entries=entries))
        if difference is not None:
            found += 1
            assert evaluate_intent(one, difference.packet) != evaluate_filter(
                replace(whole, entries=entries), difference.packet
            )
    assert found > len(whole.entries) // 2
    anything = Match(Family.V4, None, Family.V4.everything, Family.V4.everything)
    opened = replace(whole, entries=(*whole.entries[:-1], Entry(Effect.PERMIT, anything)))
    assert prove_filter_equals_intent(one, opened) is not None

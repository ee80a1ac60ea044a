"""Single packets, judged without diagrams: by the reference, by conversations, and place by place on their way."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from controller.model.city import City
from controller.model.network.packets import Direction, Effect, Family, Interval, Packet, Protocol, is_in_interval
from controller.model.sites.schools import School
from controller.prove.filters.equivalence import make_packet_space
from controller.prove.reachability.enforcement_points import (
    EnforcementPoint,
    describe_path,
    find_enforcement_points,
    find_example_packet,
)
from controller.prove.reachability.relation import (
    SchoolNetwork,
    find_covering_rules,
    list_conversations,
    list_infrastructure_cubes,
)
from controller.prove.reachability.replay import evaluate_packet, find_deciding_rules
from tests.policies import PolicyFolder

SCHOOL = "kw-e01"


@pytest.fixture(scope="module")
def school(city: City) -> School:
    return city.school_by_id[SCHOOL]


def host(city: City, school: School, segment: str) -> int:
    return int(city.addresses.segment_prefix(school, city.segments[segment], Family.V4)[20])


def affairs(city: City, school: School) -> int:
    return int(city.addresses.destination_addresses("affairs", school).in_family(Family.V4).included[0][0])


def tcp(source: int, destination: int, ports: tuple[int, int], *, established: bool = False) -> Packet:
    return Packet(Family.V4, Protocol.TCP, source, destination, *ports, established)


def udp(source: int, destination: int, ports: tuple[int, int]) -> Packet:
    return Packet(Family.V4, Protocol.UDP, source, destination, *ports, established=False)


INTERNET = 0xC00002C8  # 192.0.2.200


def test_a_permit_opens_the_way_there_and_for_answers_the_way_back(city: City, school: School) -> None:
    staff, server = host(city, school, "staff"), affairs(city, school)
    assert evaluate_packet(city, school, tcp(staff, server, (49152, 443)))
    assert evaluate_packet(city, school, tcp(server, staff, (443, 49152), established=True))
    assert not evaluate_packet(city, school, tcp(server, staff, (443, 49152)))
    assert not evaluate_packet(city, school, tcp(staff, server, (49152, 22)))
    assert not evaluate_packet(city, school, tcp(server, staff, (444, 49152), established=True))


def test_a_forbid_wins_and_is_what_decides(city: City, school: School) -> None:
    plain = tcp(host(city, school, "pupil"), INTERNET, (49152, 80))
    assert not evaluate_packet(city, school, plain)
    assert [rule.id for rule in find_deciding_rules(city, school, plain)] == ["pupils-no-plain-web"]
    assert evaluate_packet(city, school, tcp(host(city, school, "pupil"), INTERNET, (49152, 443)))


def test_the_controller_is_who_has_its_address(city: City, school: School) -> None:
    device = next(one for one in city.list_devices(school) if one.management.version == 4)
    controller = next(int(one[0]) for one in city.controllers if one.version == 4)
    asked = tcp(controller, int(device.management), (49152, 22))
    assert evaluate_packet(city, school, asked)
    assert [rule.id for rule in find_deciding_rules(city, school, asked)] == ["controller-ssh"]
    assert not evaluate_packet(city, school, tcp(INTERNET, int(device.management), (49152, 22)))


def test_what_a_network_needs_to_live_passes_and_nothing_like_it(city: City, school: School) -> None:
    staff, point, server = host(city, school, "staff"), host(city, school, "management"), int(city.admission_servers[0])
    assert evaluate_packet(city, school, udp(point, server, (49152, 1812)))
    assert evaluate_packet(city, school, udp(server, point, (1812, 49152)))
    assert not evaluate_packet(city, school, udp(server, point, (1813, 49152)))
    assert not evaluate_packet(city, school, udp(point, server, (49152, 1813)))
    assert not evaluate_packet(city, school, tcp(point, server, (49152, 1812)))
    assert not evaluate_packet(city, school, udp(staff, server, (49152, 1812)))
    unreachable = Packet(Family.V4, Protocol.ICMP, INTERNET, staff, 0, 3, established=False)
    assert evaluate_packet(city, school, unreachable)
    assert not evaluate_packet(city, school, replace(unreachable, destination_port=4))
    assert not evaluate_packet(city, school, replace(unreachable, source=staff, destination=INTERNET))


def test_a_necessity_of_answers_needs_the_mark_of_an_answer(policies: PolicyFolder) -> None:
    opens = "family: 4, direction: to, protocol: tcp, source-port: 1812, established: true, source: [admission]"
    policies.append("access/necessities.yaml", f"  - {{id: other, why: x, {opens}, destination: [segment]}}\n")
    city = policies.load()
    school = city.school_by_id[SCHOOL]
    answered = tcp(int(city.admission_servers[0]), host(city, school, "staff"), (1812, 49152), established=True)
    assert evaluate_packet(city, school, answered)
    assert not evaluate_packet(city, school, replace(answered, established=False))


def ends(intervals: tuple[Interval, ...], top: int) -> list[int]:
    near = {value + step for low, high in intervals for value in (low, high) for step in (-1, 0, 1)}
    return sorted(value for value in near if 0 <= value <= top)


@pytest.mark.parametrize("family", Family)
def test_a_conversation_holds_the_packets_of_its_cubes_and_no_others(
    city: City, school: School, family: Family
) -> None:
    spoken = list_conversations(SchoolNetwork(city, school, family))
    # One of each rule: the others differ in their ends only.
    for one in {talk.rule.id: talk for talk in spoken}.values():
        hosts = [ends(some, 2**family.bits - 1)[:4] for some in (one.asking, one.asked)]
        ports = [49152, *ends((one.ports,), 65535)]
        for (asking, asked), port, protocol, established in product(
            [*product(*hosts)], ports, (Protocol.TCP, Protocol.UDP), (False, True)
        ):
            for source, destination, first, second in ((asking, asked, 49152, port), (asked, asking, port, 49152)):
                packet = Packet(family, protocol, source, destination, first, second, established)
                point = (protocol, source, destination, first, second, int(established))
                inside = any(
                    all(
                        any(is_in_interval(value, span) for span in side)
                        for value, side in zip(point, cube, strict=True)
                    )
                    for cube in one.cubes()
                )
                assert one.holds(packet) == inside, (one.rule.id, packet)


def test_the_rules_that_cover_a_packet_are_those_that_the_reference_names(city: City, school: School) -> None:
    spoken = list_conversations(SchoolNetwork(city, school, Family.V4))
    for segment, port in product(("staff", "pupil"), (22, 80, 443)):
        for target in (INTERNET, affairs(city, school)):
            packet = tcp(host(city, school, segment), target, (49152, port))
            covering, deciding = find_covering_rules(spoken, packet), find_deciding_rules(city, school, packet)
            assert [rule.id for rule in covering] == [rule.id for rule in deciding]
            assert (bool(covering) and covering[0].effect is Effect.PERMIT) == evaluate_packet(city, school, packet)


@pytest.mark.parametrize(
    ("protocol", "port", "opened"),
    [(Protocol.TCP, 443, True), (Protocol.TCP, 22, False), (Protocol.UDP, 443, False), (Protocol.TCP, 444, False)],
)
def test_the_frontend_takes_its_services_only(
    city: City, school: School, protocol: Protocol, port: int, *, opened: bool
) -> None:
    packet = Packet(Family.V4, protocol, host(city, school, "staff"), affairs(city, school), 49152, port, opened)
    verb = "opens" if opened else "closes"
    assert list(find_enforcement_points(city, school, {}, packet)) == [
        EnforcementPoint(f"the load-balancer frontend {verb} affairs", opened)
    ]


def test_a_path_is_told_with_every_place_and_what_the_policy_says(city: City, school: School) -> None:
    packet = tcp(host(city, school, "pupil"), INTERNET, (49152, 80))
    bare = describe_path(city, school, packet, [], "passes")
    assert bare.startswith(f"{SCHOOL}: from pupil at {SCHOOL} to an address of nobody's passes: {packet}; ")
    assert "; no filter stands on its way; the policy: forbid by pupils-no-plain-web (" in bare
    points = [EnforcementPoint("first permits it", permits=True), EnforcementPoint("second denies it", permits=False)]
    told = describe_path(city, school, packet, points, "passes")
    assert "; first permits it; second denies it; the policy: " in told
    unnamed = describe_path(city, school, tcp(host(city, school, "pupil"), INTERNET, (49152, 22)), [], "passes")
    assert unnamed.endswith("the policy: no rule names it (default deny)")


@pytest.mark.parametrize(
    ("protocol", "ports"),
    [(Protocol.TCP, (49152, 443)), (Protocol.UDP, (49152, 443)), (Protocol.ICMP, (0, 8)), (Protocol.ICMPV6, (0, 128))],
)
def test_an_example_of_a_protocol_has_the_ports_of_one_who_asks(protocol: Protocol, ports: tuple[int, int]) -> None:
    space = make_packet_space(Family.V4)
    anything = [((0, one.maximum),) for one in space.fields]
    one = find_example_packet(space, space.cube((((int(protocol), int(protocol)),), *anything[1:])), [10])
    assert one == Packet(Family.V4, protocol, 10, 10, *ports, established=False)
    assert find_example_packet(space, space.nothing, [10]) is None


def test_the_cubes_of_what_a_network_needs_are_those_of_the_policys_words(policies: PolicyFolder) -> None:
    """Words, addresses and both together; a source port or none; every segment or those that are named."""
    same = "family: 4, direction: from, protocol: udp"
    for number, opens in enumerate(
        (
            f"{same}, ports: [7001, 7001], source: [segment], destination: [gateway, 192.0.2.200/32]",
            f"{same}, source-port: 7002, source: [segment], destination: [192.0.2.200/32]",
            f"{same}, ports: [7003, 7003], segments: [staff], source: [segment], destination: [192.0.2.200/32]",
        )
    ):
        policies.append("access/necessities.yaml", f"  - {{id: other-{number}, why: x, {opens}}}\n")
    city = policies.load()
    school = city.school_by_id[SCHOOL]
    at = SchoolNetwork(city, school, Family.V4)

    def is_needed(segment: str, destination: int, ports: tuple[int, int], source: str = "") -> bool:
        point = (Protocol.UDP, host(city, school, source or segment), destination, *ports, 0)
        return any(
            all(any(is_in_interval(value, span) for span in side) for value, side in zip(point, cube, strict=True))
            for cube in list_infrastructure_cubes(at, city.segments[segment], Direction.FROM)
        )

    for segment in ("staff", "pupil"):
        gateway = int(city.addresses.gateway_address(school, city.segments[segment], Family.V4))
        for destination in (gateway, INTERNET):
            assert is_needed(segment, destination, (49152, 7001))
        assert not is_needed(segment, gateway + 1, (49152, 7001))
        assert not is_needed(segment, INTERNET, (49152, 7001), source="guest")
        assert is_needed(segment, INTERNET, (7002, 49152))
        assert not is_needed(segment, INTERNET, (7004, 49152))
        assert is_needed(segment, INTERNET, (49152, 7003)) == (segment == "staff")

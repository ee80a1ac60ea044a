"""Example packets: of all that a set holds, one that an engineer could meet in a capture."""

from __future__ import annotations

import pytest

from controller.model.network.packets import Family, Interval, Packet, Protocol, get_bounds, parse_prefix
from controller.prove.engine.likely_packet import find_likely_packet
from controller.prove.filters.equivalence import make_packet_space

EVERYTHING = ((0, 255),)
DOCUMENTATION = {Family.V4: parse_prefix("192.0.2.10"), Family.V6: parse_prefix("2001:db8::10")}


def example(
    family: Family, protocols: tuple[Interval, ...], sources: list[Interval], destinations: list[Interval]
) -> Packet | None:
    space = make_packet_space(family)
    anything = [((0, one.maximum),) for one in space.fields]
    node = space.cube((protocols, *anything[1:])) if protocols else space.nothing
    return find_likely_packet(space, node, family, sources, destinations)


@pytest.mark.parametrize("family", Family)
def test_where_anybody_may_be_it_is_an_address_for_documentation(family: Family) -> None:
    everywhere = (0, family.everything.num_addresses - 1)
    packet = example(family, EVERYTHING, [everywhere], [everywhere])
    address = int(DOCUMENTATION[family].network_address)
    assert packet == Packet(family, Protocol.TCP, address, address, 49152, 443, established=False)


def test_the_ends_are_in_the_named_intervals_the_tenth_address_or_the_last() -> None:
    school, single = get_bounds(parse_prefix("10.154.0.0/22")), get_bounds(parse_prefix("203.0.113.10"))
    packet = example(Family.V4, EVERYTHING, [(0, 2**32 - 1), school], [single])
    assert packet is not None
    assert (packet.source, packet.destination) == (school[0] + 10, single[0])


@pytest.mark.parametrize(
    ("family", "protocol", "ports"),
    [
        (Family.V4, Protocol.UDP, (49152, 443)),
        (Family.V4, Protocol.ICMP, (0, 8)),
        (Family.V6, Protocol.ICMPV6, (0, 128)),
    ],
)
def test_the_ports_are_those_of_its_protocol(family: Family, protocol: Protocol, ports: tuple[int, int]) -> None:
    packet = example(family, ((int(protocol), int(protocol)),), [], [])
    assert packet is not None
    assert (packet.protocol, packet.source_port, packet.destination_port) == (protocol, *ports)
    assert not packet.established


def test_a_protocol_without_likely_ports_has_an_example_and_an_empty_set_has_none() -> None:
    packet = example(Family.V4, ((89, 89),), [], [])
    assert packet is not None
    assert packet.protocol == 89
    assert example(Family.V4, (), [], []) is None

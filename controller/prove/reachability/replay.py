"""The policy's answer about one packet, by the reference evaluator and the infrastructure protocols, one by one."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.access.infrastructure_protocols import GATEWAY, SEGMENT, EndPoint, InfrastructureProtocol
from controller.model.access.rules import CONTROLLER, Rule, Segment
from controller.model.city import City
from controller.model.network.packets import (
    AddressSet,
    Direction,
    Family,
    Packet,
    Prefix,
    Protocol,
    get_bounds,
    is_in_interval,
    parse_prefix,
)
from controller.model.reference_evaluator import Flow, evaluate_network
from controller.model.sites.schools import School


def evaluate_packet(city: City, school: School, packet: Packet) -> bool:
    """Tell whether the network part permits a packet on its way from, to or inside a school.

    >>> evaluate_packet(city, school, packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 443"))
    True
    >>> evaluate_packet(city, school, packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 22"))
    False
    """
    if any(rules and not permitted for permitted, rules in _answers(city, school, packet)):
        return False
    return any(permitted for permitted, _ in _answers(city, school, packet)) or _necessary(city, school, packet)


def find_deciding_rules(city: City, school: School, packet: Packet) -> tuple[Rule, ...]:
    """The rules that decide about it: the forbids that cover it, else the permits, else none.

    >>> asked = packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 443")
    >>> [rule.id for rule in find_deciding_rules(city, school, asked)]
    ['staff-cloud']
    """
    answers = list(_answers(city, school, packet))
    refusing = [rule for permitted, rules in answers if not permitted for rule in rules]
    return tuple(dict.fromkeys(refusing or [rule for _, rules in answers for rule in rules]))


def find_segment(city: City, school: School, family: Family, address: int) -> Segment | None:
    """The segment of a school that an address is in.

    >>> find_segment(city, school, Family.V4, packet("udp 10.154.0.10 port 1 -> 10.154.0.1 port 53").source).id
    'staff'
    """
    here = city.list_segments(school).values()
    return next((one for one in here if _holds(city.addresses.segment_prefix(school, one, family), address)), None)


def _answers(city: City, school: School, packet: Packet) -> Iterator[tuple[bool, tuple[Rule, ...]]]:
    """The reference's answers: the packet as one that asks, and as one that answers."""
    if packet.protocol not in (Protocol.TCP, Protocol.UDP):
        return
    ways = [(packet.source, packet.destination, packet.destination_port)]
    if packet.established or packet.protocol == Protocol.UDP:
        ways.append((packet.destination, packet.source, packet.source_port))
    for asking, asked, port in ways:
        for source in _sources(city, school, packet.family, asking):
            flow = Flow(school, source, packet.family, Protocol(packet.protocol), asked, port)
            answer = evaluate_network(city, flow)
            yield answer.permitted, answer.rules


def _sources(city: City, school: School, family: Family, address: int) -> Iterator[str]:
    segment = find_segment(city, school, family, address)
    if segment is not None:
        yield segment.id
    if AddressSet(city.controllers).in_family(family).contains(address):
        yield CONTROLLER


def _necessary(city: City, school: School, packet: Packet) -> bool:
    """Tell whether every end of the packet that is at the school needs it."""
    ends = [
        (find_segment(city, school, packet.family, packet.source), Direction.FROM),
        (find_segment(city, school, packet.family, packet.destination), Direction.TO),
    ]
    here = [(segment, direction) for segment, direction in ends if segment is not None]
    return bool(here) and all(
        any(
            one.direction is direction and one.is_needed_in(segment.id) and _covers(city, school, segment, one, packet)
            for one in city.infrastructure_protocols
            if one.family == packet.family
        )
        for segment, direction in here
    )


def _covers(city: City, school: School, segment: Segment, one: InfrastructureProtocol, packet: Packet) -> bool:
    own = city.addresses.segment_prefix(school, segment, packet.family)
    gateway = parse_prefix(packet.family.format_address(city.addresses.gateway_address(school, segment, packet.family)))
    words = {SEGMENT: own, GATEWAY: gateway}

    def among(named: tuple[EndPoint, ...], address: int) -> bool:
        return any(_holds(words[end] if isinstance(end, str) else end, address) for end in named)

    return (
        packet.protocol == Protocol[one.protocol.upper()]
        and among(one.source, packet.source)
        and among(one.destination, packet.destination)
        and (one.source_port is None or packet.source_port == one.source_port)
        and is_in_interval(packet.destination_port, one.ports)
        and (packet.established or not one.established)
    )


def _holds(network: Prefix, address: int) -> bool:
    return is_in_interval(address, get_bounds(network))

"""The places that a packet passes, each with what it says of the packet; and a counterexample in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.compile.cloud_firewall import find_frontends
from controller.model.city import City
from controller.model.network.device_state import Filter
from controller.model.network.packets import Direction, Effect, Family, Packet, Protocol, get_bounds, is_in_interval
from controller.model.sites.schools import School
from controller.prove.engine.diagram import HeaderSpace, Node
from controller.prove.filters.evaluation import find_first_entry
from controller.prove.reachability.replay import find_deciding_rules, find_segment

_PORTS = {
    Protocol.TCP: ((49152, 443), (443, 49152)),
    Protocol.UDP: ((49152, 443), (443, 49152)),
    Protocol.ICMP: ((0,), (8,)),
    Protocol.ICMPV6: ((0,), (128,)),
}


@dataclass(frozen=True, slots=True)
class EnforcementPoint:
    """A place on a packet's path: a filter with its line or a load-balancer frontend, and whether the packet passes."""

    where: str
    permits: bool


def find_enforcement_points(
    city: City, school: School, filters: Mapping[tuple[int, Direction, Family], tuple[str, Filter]], packet: Packet
) -> Iterator[EnforcementPoint]:
    r"""Find the enforcement points of a packet in its direction: out of a segment, the load balancer, into a segment.

    >>> filters = {acl.key: (core.id, acl)}
    >>> asked = packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 443")
    >>> print(*(one.where for one in find_enforcement_points(city, school, filters, asked)), sep="\n")
    as-e01-core1 TSN-10-from-4-... (staff-cloud) permits it
    the load-balancer frontend opens affairs
    """
    for direction, address in ((Direction.FROM, packet.source), (Direction.TO, packet.destination)):
        segment = find_segment(city, school, packet.family, address)
        if segment is not None and (found := filters.get((segment.vlan, direction, packet.family))):
            device, one = found
            entry = find_first_entry(one, packet)
            line = (
                f" line {entry.origin}" if entry and entry.origin.isdigit() else f" ({entry.origin})" if entry else ""
            )
            permits = entry is not None and entry.effect is Effect.PERMIT
            yield EnforcementPoint(f"{device} {one.name}{line} {'permits' if permits else 'denies'} it", permits)
    here = [
        frontend
        for frontend in find_frontends(city)
        if frontend.addresses.in_family(packet.family).contains(packet.destination)
    ]
    if here:
        opened = any(
            packet.protocol == service.protocol and is_in_interval(packet.destination_port, service.ports)
            for frontend in here
            for service in frontend.services
        )
        verb = "opens" if opened else "closes"
        yield EnforcementPoint(f"the load-balancer frontend {verb} {here[0].application}", opened)


def find_example_packet(space: HeaderSpace, wrong: Node, hosts: Sequence[int]) -> Packet | None:
    """A packet of a set that an engineer could meet in a capture; None of the empty set. The family is the space's.

    >>> space = make_packet_space(Family.V4)
    >>> print(find_example_packet(space, space.everything, [10]))
    tcp 0.0.0.10 port 49152 -> 0.0.0.10 port 443
    """
    family = Family.V4 if space.fields[1].maximum < 1 << 32 else Family.V6
    first = space.example(wrong, (tuple(map(int, _PORTS)), (), (), (), (), ()))
    if first is None:
        return None
    protocol = first[0]
    ports = _PORTS[Protocol(protocol)] if protocol in set(map(int, _PORTS)) else ((), ())
    # A packet that begins something says more than one that answers: it needs nobody else.
    point = space.example(wrong, ((protocol,), hosts, hosts, *ports, (0,))) or first
    _, source, destination, source_port, destination_port, established = point
    return Packet(family, protocol, source, destination, source_port, destination_port, established == 1)


def describe_path(city: City, school: School, packet: Packet, passed: Sequence[EnforcementPoint], deed: str) -> str:
    r"""Describe a packet's path: both ends, the packet, each enforcement point, and what the policy says of it.

    >>> asked = packet("tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 22")
    >>> print(*describe_path(city, school, asked, [], "passes").split("; "), sep="\n")
    as-e01: from staff at as-e01 to affairs passes: tcp 10.154.0.10 port 49152 -> 203.0.113.10 port 22
    no filter stands on its way
    the policy: no rule names it (default deny)
    """
    ends = [_end(city, school, packet.family, address) for address in (packet.source, packet.destination)]
    rules = find_deciding_rules(city, school, packet)
    if rules:
        named = ", ".join(f"{rule.id} ({rule.origin})" for rule in rules)
        says = f"the policy: {rules[0].effect} by {named}"
    else:
        says = "the policy: no rule names it (default deny)"
    judged = "; ".join(point.where for point in passed) or "no filter stands on its way"
    return f"{school.id}: from {ends[0]} to {ends[1]} {deed}: {packet}; {judged}; {says}"


def _end(city: City, school: School, family: Family, address: int) -> str:
    segment = find_segment(city, school, family, address)
    if segment is not None:
        return f"{segment.id} at {school.id}"
    for other in city.schools:
        if any(is_in_interval(address, get_bounds(own)) for own in city.addresses.school_prefixes(other, family)):
            return f"school {other.id}"
    named = [
        name
        for name in city.applications
        if city.addresses.destination_addresses(name, school).in_family(family).contains(address)
    ]
    return named[0] if named else "an address of nobody's"

"""The places that a packet passes, each with what it says of the packet; and a counterexample in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.compile.cloud_firewall import front_doors
from controller.model.city import City
from controller.model.network.device_state import Filter
from controller.model.network.packets import Direction, Effect, Family, Packet, Protocol, is_in_interval
from controller.model.sites.schools import School
from controller.prove.engine.diagram import Node, Space
from controller.prove.filters.equivalence import first_entry
from controller.prove.reachability.replay import deciding_rules, segment_of

_PORTS = {
    Protocol.TCP: ((49152, 443), (443, 49152)),
    Protocol.UDP: ((49152, 443), (443, 49152)),
    Protocol.ICMP: ((0,), (8,)),
    Protocol.ICMPV6: ((0,), (128,)),
}


@dataclass(frozen=True, slots=True)
class Hop:
    """A place on the way: who judges (a filter with its line, or the cloud's edge), and whether the packet passes."""

    where: str
    permits: bool


def hops(
    city: City, school: School, filters: Mapping[tuple[int, Direction, Family], tuple[str, Filter]], packet: Packet
) -> Iterator[Hop]:
    """The judging places on a packet's way, in its direction: out of a segment, the cloud's edge, into a segment."""
    for direction, address in ((Direction.FROM, packet.source), (Direction.TO, packet.destination)):
        segment = segment_of(city, school, packet.family, address)
        if segment is not None and (found := filters.get((segment.vlan, direction, packet.family))):
            device, one = found
            entry = first_entry(one, packet)
            line = (
                f" line {entry.origin}" if entry and entry.origin.isdigit() else f" ({entry.origin})" if entry else ""
            )
            permits = entry is not None and entry.effect is Effect.PERMIT
            yield Hop(f"{device} {one.name}{line} {'permits' if permits else 'denies'} it", permits)
    here = [door for door in front_doors(city) if door.addresses.of(packet.family).holds(packet.destination)]
    if here:
        opened = any(
            packet.protocol == service.protocol and is_in_interval(packet.destination_port, service.ports)
            for door in here
            for service in door.services
        )
        yield Hop(f"the cloud's edge {'opens' if opened else 'closes'} {here[0].application}", opened)


def example(space: Space, wrong: Node, hosts: Sequence[int]) -> Packet | None:
    """A packet of a set that an engineer could meet in a capture; None of the empty set. The family is the space's."""
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


def told(city: City, school: School, packet: Packet, passed: Sequence[Hop], deed: str) -> str:
    """Who reaches whom, with which packet, who let it through (or did not), and what the policy says of it."""
    ends = [_end(city, school, packet.family, address) for address in (packet.source, packet.destination)]
    rules = deciding_rules(city, school, packet)
    if rules:
        named = ", ".join(f"{rule.id} ({rule.origin})" for rule in rules)
        says = f"the policy: {rules[0].effect} by {named}"
    else:
        says = "the policy: no rule names it (default deny)"
    judged = "; ".join(hop.where for hop in passed) or "no filter stands on its way"
    return f"{school.id}: from {ends[0]} to {ends[1]} {deed}: {packet}; {judged}; {says}"


def _end(city: City, school: School, family: Family, address: int) -> str:
    segment = segment_of(city, school, family, address)
    if segment is not None:
        return f"{segment.id} at {school.id}"
    for other in city.schools:
        if is_in_interval(
            address, (int((own := city.school_prefix(other, family)).network_address), int(own.broadcast_address))
        ):
            return f"school {other.id}"
    named = [name for name in city.applications if city.destination(name, school).of(family).holds(address)]
    return named[0] if named else "an address of nobody's"

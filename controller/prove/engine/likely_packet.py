"""Example packets of a set: of the possible ones, one that an engineer could meet in a capture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.model.network.packets import Family, Interval, Packet, Protocol, parse_prefix
from controller.prove.engine.diagram import HeaderSpace, Node

# The ports (source, destination) of a packet that an engineer could meet in a capture; for ICMP an echo request.
_CLIENT_FIRST, _SERVER_FIRST = (49152, 443), (443, 49152)
_LIKELY_PORTS: dict[Family, dict[int, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    family: {
        Protocol.TCP: (_CLIENT_FIRST, _SERVER_FIRST),
        Protocol.UDP: (_CLIENT_FIRST, _SERVER_FIRST),
        icmp: ((0,), (echo_request,)),
    }
    for family, icmp, echo_request in ((Family.V4, Protocol.ICMP, 8), (Family.V6, Protocol.ICMPV6, 128))
}
_DOCUMENTATION = {
    family: int(parse_prefix(text).network_address)
    for family, text in ((Family.V4, "192.0.2.10"), (Family.V6, "2001:db8::10"))
}


def find_likely_packet(
    space: HeaderSpace, packets: Node, family: Family, sources: Iterable[Interval], destinations: Iterable[Interval]
) -> Packet | None:
    """A packet of a set that an engineer could meet in a capture, its ends in the named intervals if any is there.

    >>> space = make_packet_space(Family.V4)
    >>> school = (int(parse_prefix("10.154.0.0/22")[0]), int(parse_prefix("10.154.0.0/22")[-1]))
    >>> print(find_likely_packet(space, space.everything, Family.V4, [school], []))
    tcp 10.154.0.10 port 49152 -> 192.0.2.10 port 443
    """
    return _likely(space, packets, family, _hosts_in(family, sources), _hosts_in(family, destinations))


def _likely(
    space: HeaderSpace, packets: Node, family: Family, sources: Sequence[int], destinations: Sequence[int]
) -> Packet | None:
    ports = _LIKELY_PORTS[family]
    # Which ports are likely depends on the protocol, so the protocol is chosen first.
    first = space.example(packets, (tuple(ports), (), (), (), (), ()))
    likely = ports.get(first[0], ((), ())) if first else ((), ())
    point = space.example(packets, (first[:1], sources, destinations, *likely, (0,))) if first else None
    if point is None:
        return None
    protocol, source, destination, source_port, destination_port, established = point
    return Packet(family, protocol, source, destination, source_port, destination_port, established == 1)


def _hosts_in(family: Family, intervals: Iterable[Interval]) -> list[int]:
    widest = (0, 2**family.bits - 1)
    return [*(min(low + 10, high) for low, high in intervals if (low, high) != widest), _DOCUMENTATION[family]]

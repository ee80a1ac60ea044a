"""The wires of a virtual switch: which kernel interfaces stand for which of its ports.

The kernel of the lab has neither 802.1Q nor a bridge that knows VLANs. So what is plugged into a port is one veth for
its untagged packets, or one veth for each VLAN of its tagged ones: the wire that a packet takes says what its tag is.
What a port carries and no wire does goes nowhere, as between two devices that do not agree on their VLANs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.lab.virtual_switches.forwarding import Forwarding, PortForwarding


@dataclass(frozen=True, slots=True)
class PortWire:
    """A kernel interface that carries a port's packets with this tag; None: those without one."""

    interface: str
    port: str
    tag: int | None = None


def find_vlan(wire: PortWire, port: PortForwarding | None, vlans: frozenset[int]) -> int | None:
    """Return the VLAN that a wire's packets are in, or None where they go nowhere.

    >>> find_vlan(PortWire("p1", "1"), PortForwarding("1", untagged=10), frozenset({10}))
    10
    >>> find_vlan(PortWire("p1.20", "1", 20), PortForwarding("1", tagged=frozenset({20})), frozenset({10})) is None
    True
    """
    if port is None or not port.up:
        return None
    tagged = wire.tag if wire.tag in port.tagged else None
    vlan = port.untagged if wire.tag is None else tagged
    return vlan if vlan in vlans else None


def choose_wires(wires: Iterable[PortWire], forwarding: Forwarding) -> tuple[PortWire, ...]:
    """Return one wire of each interface: of one with several tags the one whose VLAN its port carries.

    So is a floor switch behind a tagged port set whenever that port is.

    >>> now = Forwarding(vlans=frozenset({20}), ports=(PortForwarding("1", tagged=frozenset({20})),))
    >>> choose_wires([PortWire("p1", "1", 10), PortWire("p1", "1", 20)], now)
    (PortWire(interface='p1', port='1', tag=20),)
    """
    chosen: dict[str, tuple[PortWire, bool]] = {}
    for wire, port in pair_wires(wires, forwarding):
        leads = find_vlan(wire, port, forwarding.vlans) is not None
        if wire.interface not in chosen or (leads and not chosen[wire.interface][1]):
            chosen[wire.interface] = wire, leads
    return tuple(wire for wire, _ in chosen.values())


def pair_wires(wires: Iterable[PortWire], forwarding: Forwarding) -> Iterator[tuple[PortWire, PortForwarding | None]]:
    """Yield each wire with what its port does; None where the switch has no such port."""
    ports = {port.name: port for port in forwarding.ports}
    return ((wire, ports.get(wire.port)) for wire in wires)

"""What the kernel's bridges, addresses and routes must be for a `Forwarding`, and the commands from one to another.

One plain bridge a VLAN; the switch's own interface in a VLAN is the bridge's own address, and the kernel forwards
between them. A wire whose packets go nowhere hangs on a bridge that is down: what is plugged in keeps its link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Literal

from controller.lab.network.data_plane.port_wires import PortWire, find_vlan, pair_wires
from controller.lab.virtual_switches.forwarding import Forwarding

NOWHERE = "nowhere"
"""The bridge, always down, of the wires whose packets go nowhere."""
_PREFIX = "vlan"
_BRIDGE = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0"


@dataclass(frozen=True, slots=True)
class WireState:
    """A wire: the bridge that it hangs on, whether it has a link, whether it is kept from other such wires."""

    bridge: str = NOWHERE
    up: bool = False
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class Bridges:
    """The state of the kernel: each wire, each bridge's addresses in their order, active routes, what is forwarded."""

    wires: Mapping[str, WireState] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    forwards: frozenset[Literal[4, 6]] = frozenset()


@dataclass(frozen=True, slots=True)
class BridgeChange:
    """Commands for `ip -batch`: `before` takes ways away and `after` gives new ones; filters change between them.

    `closing` and `settings` are kernel settings of the namespace, in their order: those that take a way away, written
    before the filters change, and the others, written before `after`.
    """

    before: tuple[str, ...] = ()
    closing: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()


def name_bridge(vlan: int) -> str:
    """Return the bridge of a VLAN."""
    return f"{_PREFIX}{vlan}"


def find_bridge_vlan(bridge: str) -> int:
    """Return the VLAN of a bridge.

    >>> find_bridge_vlan(name_bridge(11))
    11
    """
    return int(bridge.removeprefix(_PREFIX))


def plan_bridges(wires: Iterable[PortWire], forwarding: Forwarding) -> Bridges:
    """Return the kernel's state for a forwarding.

    >>> plan_bridges([PortWire("p1", "1")], Forwarding()).wires
    {'p1': WireState(bridge='nowhere', up=False, isolated=False)}
    """
    states: dict[str, WireState] = {}
    for wire, port in pair_wires(wires, forwarding):
        vlan = find_vlan(wire, port, forwarding.vlans)
        states[wire.interface] = WireState(
            NOWHERE if vlan is None else name_bridge(vlan),
            port is not None and port.up,
            vlan is not None and port is not None and port.isolated,
        )
    addresses = {
        name_bridge(one.vlan): one.addresses
        for one in forwarding.interfaces
        if one.up and one.vlan in forwarding.vlans and one.addresses
    }
    used = {state.bridge for state in states.values()} - {NOWHERE}
    return Bridges(
        states,
        {bridge: addresses.get(bridge, ()) for bridge in sorted(used | addresses.keys())},
        _list_active_routes(forwarding, addresses.values()),
        forwarding.routes,
    )


def _list_active_routes(forwarding: Forwarding, addresses: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Return the routes whose gateway is in a network that the switch has an address in, as a device does."""
    connected = [ip_interface(one).network for own in addresses for one in own]
    return {
        str(route.destination): str(route.gateway)
        for route in forwarding.static_routes
        if any(one.version == route.gateway.version and route.gateway in one for one in connected)
    }


def plan_bridge_change(before: Bridges, after: Bridges, key: int = 0) -> BridgeChange:
    """Return the commands that lead from one state of the kernel to another.

    `key` tells this switch's interfaces from other switches': it is a part of their hardware addresses.
    """
    gone = before.addresses.keys() - after.addresses.keys()
    fresh = [one for one in after.addresses if one not in before.addresses]
    settings = tuple(_list_settings(before, after))
    return BridgeChange(
        before=(
            *(f"route del {to} via {via}" for to, via in before.routes.items() if after.routes.get(to) != via),
            *_detach(before, after),
            *(one for bridge in sorted(before.addresses.keys() - gone) for one in _lose(bridge, before, after)),
            *(f"link del dev {bridge}" for bridge in sorted(gone)),
            *(one for bridge in fresh for one in _make(bridge, key)),
        ),
        closing={name: value for name, value, closes in settings if closes},
        settings={name: value for name, value, _ in settings},
        after=(
            *(one for bridge in after.addresses for one in _gain(bridge, before, after)),
            *_attach(before, after),
            *_give_routes(before, after),
        ),
    )


def _make(bridge: str, key: int) -> Iterator[str]:
    # Its own hardware address: else the bridge takes that of one of its ports, and changes it with them.
    vlan = find_bridge_vlan(bridge)
    octets = (0x02, 0x54, key >> 8 & 0xFF, key & 0xFF, vlan >> 8, vlan & 0xFF)
    yield f"link add name {bridge} address {':'.join(f'{octet:02x}' for octet in octets)} {_BRIDGE}"
    yield f"link set dev {bridge} up"


def _detach(before: Bridges, after: Bridges) -> Iterator[str]:
    for name, new in after.wires.items():
        old = before.wires.get(name)
        if old is None:
            yield f"link set dev {name} down master {NOWHERE}"
            continue
        if old.up and not new.up:
            yield f"link set dev {name} down"
        if old.bridge not in {new.bridge, NOWHERE}:
            yield f"link set dev {name} master {NOWHERE}"


def _attach(before: Bridges, after: Bridges) -> Iterator[str]:
    for name, new in after.wires.items():
        old = before.wires.get(name, WireState())
        if new.bridge not in {old.bridge, NOWHERE}:
            yield f"link set dev {name} master {new.bridge}"
            old = WireState(new.bridge, old.up)  # what a port was before has left with its bridge
        if new.bridge != NOWHERE and new.isolated is not old.isolated:
            yield f"link set dev {name} type bridge_slave isolated {'on' if new.isolated else 'off'}"
        if new.up and not old.up:
            yield f"link set dev {name} up"


def _kept(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses that can stay: a new one can only stand behind them."""
    stay = tuple(one for one in old if one in new)
    return stay if new[: len(stay)] == stay else ()


def _lose(bridge: str, before: Bridges, after: Bridges) -> Iterator[str]:
    old = before.addresses[bridge]
    kept = _kept(old, after.addresses[bridge])
    return (f"addr del {one} dev {bridge}" for one in old if one not in kept)


def _gain(bridge: str, before: Bridges, after: Bridges) -> Iterator[str]:
    kept = _kept(before.addresses.get(bridge, ()), after.addresses[bridge])
    for one in after.addresses[bridge]:
        if one not in kept:
            yield f"addr add {one} dev {bridge}" + (" nodad" if ip_interface(one).version == 6 else "")  # noqa: PLR2004


def _give_routes(before: Bridges, after: Bridges) -> Iterator[str]:
    """Yield all routes where an address has changed: the kernel forgets a route with the address that led there."""
    moved = before.addresses != after.addresses
    for to, via in after.routes.items():
        if moved or before.routes.get(to) != via:
            yield f"route replace {to} via {via}"


def _list_settings(before: Bridges, after: Bridges) -> Iterator[tuple[str, str, bool]]:
    """Yield the settings that change, in their order, and whether one takes a way away.

    What reaches a bridge's hardware address the kernel forwards, too, where the bridge has no address; a switch has no
    interface there. One setting for all bridges is given to each of them when it changes.
    """
    for family, name in ((4, "net/ipv4/ip_forward"), (6, "net/ipv6/conf/all/forwarding")):
        if (family in after.forwards) is not (family in before.forwards):
            yield name, "1" if family in after.forwards else "0", family not in after.forwards
    given = 4 in after.forwards and 4 not in before.forwards  # noqa: PLR2004
    for bridge in after.addresses:
        speaks, spoke = _speaks(after, bridge, 4), _speaks(before, bridge, 4)
        fresh = bridge not in before.addresses
        if 4 in after.forwards and (given or fresh or speaks is not spoke):  # noqa: PLR2004
            yield f"net/ipv4/conf/{bridge}/forwarding", "1" if speaks else "0", not speaks
        speaks, spoke = _speaks(after, bridge, 6), _speaks(before, bridge, 6)
        if speaks is not spoke:
            yield f"net/ipv6/conf/{bridge}/disable_ipv6", "0" if speaks else "1", not speaks


def _speaks(bridges: Bridges, bridge: str, family: int) -> bool:
    return any(ip_interface(one).version == family for one in bridges.addresses.get(bridge, ()))

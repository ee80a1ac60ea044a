"""Hypothesis strategies for device states that a platform can hold, and one example that people can read."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network

from hypothesis import strategies as st

from controller.model.network.device_state import (
    PREFIX,
    DeviceState,
    Entry,
    Filter,
    FilterBinding,
    PortMode,
    PortRole,
    PortState,
    Vlan,
    VlanInterface,
    build_device_state,
    build_filter,
    build_vlan_interface,
)
from controller.model.network.lags import Lag, LagMode, LagSupport
from controller.model.network.packets import (
    ANY_PORTS,
    Direction,
    Effect,
    Family,
    Match,
    Ports,
    Prefix,
    Protocol,
    parse_prefix,
)
from controller.platforms.allied_telesis_awplus.text import LAGS as AWPLUS_LAGS
from controller.platforms.cisco_ios.text import LAGS

VLANS = (10, 20, 30, 4094)
OTHER_PROTOCOLS = (2, 41, 47, 50, 51, 88, 89, 103, 108, 112, 132, 255)
ICMP = {Family.V4: Protocol.ICMP, Family.V6: Protocol.ICMPV6}


def everything(family: Family, effect: Effect = Effect.FORBID) -> Entry:
    """The entry that ends a filter."""
    return Entry(effect, Match(family, None, family.everything, family.everything))


def prefixes(family: Family) -> st.SearchStrategy[Prefix]:
    """Any prefix; often a very short or a very long one."""
    kind = IPv4Network if family is Family.V4 else IPv6Network
    lengths = st.one_of(st.sampled_from((0, 1, family.bits - 1, family.bits)), st.integers(0, family.bits))
    return st.builds(
        lambda address, length: kind((address >> (family.bits - length) << (family.bits - length), length)),
        st.integers(0, 2**family.bits - 1),
        lengths,
    )


@st.composite
def ports(draw: st.DrawFn) -> Ports:
    low = draw(st.integers(0, 65535))
    return draw(st.sampled_from((ANY_PORTS, (low, low), (443, 443), (low, draw(st.integers(low, 65535))))))


@st.composite
def matches(
    draw: st.DrawFn, family: Family, *, icmp_ranges: bool, flags: bool = True, types: tuple[int, ...] = ()
) -> Match:
    """Any match of a family; `icmp_ranges`: ICMP types may be a range, not only one or any; `flags`: established.

    `types`: the only types of ICMP for IPv4.
    """
    source, destination = draw(prefixes(family)), draw(prefixes(family))
    match draw(st.sampled_from(("any", "ported", "icmp", "other"))):
        case "ported":
            protocol = draw(st.sampled_from((Protocol.TCP, Protocol.UDP)))
            established = flags and protocol is Protocol.TCP and draw(st.booleans())
            return Match(family, protocol, source, destination, draw(ports()), draw(ports()), established)
        case "icmp":
            first = draw(st.integers(0, 255))
            if types and family is Family.V4:
                first = draw(st.sampled_from(types))
            last = draw(st.integers(first, min(255, first + 9))) if icmp_ranges else first
            return Match(
                family, ICMP[family], source, destination, ANY_PORTS, draw(st.sampled_from((ANY_PORTS, (first, last))))
            )
        case "other":
            return Match(family, draw(st.sampled_from(OTHER_PROTOCOLS)), source, destination)
        case _:
            return Match(family, None, source, destination)


@st.composite
def filters(
    draw: st.DrawFn, *, icmp_ranges: bool, maximum: int = 5, flags: bool = True, types: tuple[int, ...] = ()
) -> list[Filter]:
    """Filters with different keys."""
    keys = st.tuples(st.sampled_from(VLANS), st.sampled_from(Direction), st.sampled_from(Family))
    made = []
    for vlan, direction, family in draw(st.lists(keys, unique=True, max_size=maximum)):
        entries = st.builds(
            Entry, st.sampled_from(Effect), matches(family, icmp_ranges=icmp_ranges, flags=flags, types=types)
        )
        last = everything(family, draw(st.sampled_from(Effect)))
        held = draw(st.lists(entries, max_size=4, unique=True))
        made.append(build_filter(vlan, direction, family, [*(entry for entry in held if entry != last), last]))
    return made


@st.composite
def port_states(draw: st.DrawFn, names: tuple[str, ...], *, port_roles: bool) -> list[PortState]:
    """Some of the named ports, in any mode."""
    made = []
    for name in draw(st.lists(st.sampled_from(names), unique=True)):
        mode = draw(st.sampled_from(PortMode))
        most = 1 if mode is PortMode.ACCESS else len(VLANS)
        vlans = draw(st.lists(st.sampled_from(VLANS), unique=True, min_size=1, max_size=most))
        facing = draw(st.sampled_from(PortRole)) if port_roles else PortRole.UNFILTERED
        made.append(PortState(name, mode, tuple(sorted(vlans)), facing))
    return made


def bound(one: Filter) -> FilterBinding:
    """The binding that puts a filter in force where it belongs."""
    return FilterBinding(*one.key, one.name)


@st.composite
def ovs_states(draw: st.DrawFn, names: tuple[str, ...] = ("h1", "h-2", "2g", "up.1")) -> DeviceState:
    """States that an Open vSwitch can hold."""
    held = draw(filters(icmp_ranges=True))
    return build_device_state((), draw(port_states(names, port_roles=True)), held, map(bound, held))


INTERFACE_ADDRESSES = (
    "10.1.0.1/22",
    "10.1.0.11/22",
    "10.9.0.2/30",
    "2001:db8::1/64",
    "2001:db8::2/64",
    "2001:db8:9::2/64",
)
RELAYS = ("10.0.0.67", "10.0.0.68", "2001:db8::67")


@st.composite
def vlan_interfaces(draw: st.DrawFn) -> list[VlanInterface]:
    """Interfaces of the switch itself in some VLANs."""
    numbers = draw(st.lists(st.sampled_from(VLANS), unique=True, max_size=3))
    some = st.lists(st.sampled_from(INTERFACE_ADDRESSES), unique=True, min_size=1, max_size=4)
    relays = st.lists(st.sampled_from(RELAYS), unique=True)
    return [
        build_vlan_interface(one, [_place(one, address) for address in draw(some)], draw(relays)) for one in numbers
    ]


def _place(vlan: int, address: str) -> str:
    """Return an address in networks of this VLAN: a device refuses two interfaces in one network."""
    place = 1 + VLANS.index(vlan)
    return address.replace("10.", f"10.{place}", 1).replace("2001:db8:", f"2001:db8:{place}:", 1).replace(":::", "::")


CISCO_PORTS = ("GigabitEthernet1/0/1", "GigabitEthernet1/0/2", "TenGigabitEthernet1/1/1", "GigabitEthernet1/0/10")


@st.composite
def with_lags(draw: st.DrawFn, ports: list[PortState], names: tuple[str, ...], lags: LagSupport) -> DeviceState:
    """These ports, some of them as LAGs of other named ports."""
    free = [name for name in names if name not in {port.name for port in ports}]
    made: list[PortState] = []
    held: list[Lag] = []
    for number in (2, 12):
        members = draw(st.lists(st.sampled_from(free), unique=True, max_size=2)) if free and ports else []
        if members:
            free = [name for name in free if name not in members]
            mode = draw(st.sampled_from(LagMode))
            name = lags.name(mode, number)
            made.append(replace(draw(st.sampled_from(ports)), name=name))
            held.append(Lag(name, mode, tuple(sorted(members))))
    return build_device_state(ports=[*ports, *made], lags=held)


@st.composite
def cisco_states(draw: st.DrawFn) -> DeviceState:
    """States that a Cisco IOS switch can hold: also filters that are bound nowhere or elsewhere, or changed by hand."""
    held = draw(filters(icmp_ranges=False))
    in_force = [one for one in held if draw(st.booleans())]
    held = [replace(one, entries=one.entries[-1:]) if draw(st.integers(0, 4)) == 0 else one for one in held]
    held = [one for one in held if draw(st.integers(0, 5))]
    numbers = {one.vlan for one in in_force} | set(draw(st.lists(st.sampled_from(VLANS), unique=True)))
    vlans = [Vlan(number, f"{PREFIX}-{draw(st.sampled_from(('staff', 'pupil')))}") for number in sorted(numbers)]
    ports = [
        replace(
            port,
            isolated=port.mode is PortMode.ACCESS and draw(st.booleans()),
            names_dot1q=port.mode is PortMode.TRUNK and draw(st.booleans()),
        )
        for port in draw(port_states(CISCO_PORTS, port_roles=False))
    ]
    joined = draw(with_lags(ports, CISCO_PORTS, LAGS.support))
    interfaces = draw(vlan_interfaces())
    return build_device_state(vlans, joined.ports, held, map(bound, in_force), interfaces=interfaces, lags=joined.lags)


AWPLUS_PORTS = ("port1.0.1", "port1.0.2", "port1.0.24", "port1.0.25")
AWPLUS_TYPES = (0, 3, 4, 5, 8, *range(11, 19))
_RECEIVED = {PortRole.HOST_FACING: Direction.FROM, PortRole.UPLINK: Direction.TO}


@st.composite
def awplus_states(draw: st.DrawFn, *, lags: bool = True) -> DeviceState:
    """States that an AlliedWare Plus switch can hold: filters stand on trunks that receive such packets.

    Every VLAN of a port is one of the state: a switch takes no port into a VLAN that it has not.
    """
    held = draw(filters(icmp_ranges=False, flags=False, types=AWPLUS_TYPES))
    alone = draw(port_states(AWPLUS_PORTS, port_roles=True))
    joined = build_device_state(ports=alone)
    if lags:
        joined = draw(with_lags(alone, AWPLUS_PORTS, AWPLUS_LAGS.support))
    placed = joined.ports
    in_force = []
    for one in held:
        here = [p for p in placed if one.vlan in p.vlans and _RECEIVED.get(p.role) is one.direction]
        if here and all(port.mode is PortMode.TRUNK for port in here) and draw(st.integers(0, 4)):
            in_force.append(one)
    held = [replace(one, entries=one.entries[-1:]) if draw(st.integers(0, 4)) == 0 else one for one in held]
    held = [one for one in held if one.name in {other.name for other in in_force} or draw(st.integers(0, 3))]
    numbers = set(draw(st.lists(st.sampled_from(VLANS), unique=True))) | {v for port in placed for v in port.vlans}
    vlans = [Vlan(number, f"{PREFIX}-{draw(st.sampled_from(('staff', 'pupil')))}") for number in sorted(numbers)]
    return build_device_state(vlans, placed, held, map(bound, in_force), lags=joined.lags)


def _entry(text: str, family: Family, effect: Effect = Effect.PERMIT) -> Entry:
    """An entry from `PROTOCOL SOURCE DESTINATION [FIRST-LAST] [established]`; `-` is everything."""
    protocol, source, destination, *rest = text.split()
    established = "established" in rest
    low, _, high = next((word for word in rest if word != "established"), "0-65535").partition("-")
    return Entry(
        effect,
        Match(
            family,
            None if protocol == "-" else Protocol[protocol.upper()],
            family.everything if source == "-" else parse_prefix(source),
            family.everything if destination == "-" else parse_prefix(destination),
            destination_ports=(int(low), int(high or low)),
            established=established,
        ),
    )


def _filter(vlan: int, direction: Direction, family: Family, *texts: str) -> Filter:
    return build_filter(vlan, direction, family, [*(_entry(text, family) for text in texts), everything(family)])


EXAMPLE_FILTERS = (
    _filter(
        20,
        Direction.FROM,
        Family.V4,
        "icmp 10.1.20.0/24 - 8",
        "udp - - 67",
        "udp 10.1.20.0/24 10.0.0.53/32 53",
        "tcp 10.1.20.0/24 203.0.113.0/28 443",
        "tcp 10.1.20.0/24 10.0.1.0/24 5000-5100",
    ),
    _filter(20, Direction.TO, Family.V4, "tcp - 10.1.20.0/24 established", "icmp - 10.1.20.0/24 0"),
    _filter(
        20,
        Direction.FROM,
        Family.V6,
        "icmpv6 - - 133",
        "icmpv6 - - 135",
        "icmpv6 - - 136",
        "tcp 2001:db8:1:20::/64 2001:db8:f::443/128 443",
    ),
    _filter(20, Direction.TO, Family.V6, "icmpv6 - - 134", "tcp - 2001:db8:1:20::/64 established"),
)


def without_flags(state: DeviceState) -> DeviceState:
    """The state without what asks TCP flags."""
    kept = [
        build_filter(*one.key, [entry for entry in one.entries if not entry.match.established]) for one in state.filters
    ]
    bindings = build_device_state(bindings=map(bound, kept)).bindings
    return replace(state, filters=build_device_state(filters=kept).filters, bindings=bindings)


def trunk_example(hosts: str, other: str, gateway: str) -> DeviceState:
    """A small core switch: VLANs 10 and 20 from two floor switches to the router, without what asks TCP flags."""
    kept = [
        build_filter(*one.key, [entry for entry in one.entries if not entry.match.established])
        for one in EXAMPLE_FILTERS
    ]
    ports = [
        PortState(name, PortMode.TRUNK, (10, 20), role)
        for name, role in ((hosts, PortRole.HOST_FACING), (other, PortRole.HOST_FACING), (gateway, PortRole.UPLINK))
    ]
    return build_device_state([Vlan(10, "TSN-management"), Vlan(20, "TSN-staff")], ports, kept, map(bound, kept))


def example(*port_names: str, port_roles: bool, vlan_database: bool) -> DeviceState:
    """A small school: two hosts in VLAN 20, a trunk towards the router."""
    first, second, up = port_names
    shown = (lambda one: one) if port_roles else (lambda _: PortRole.UNFILTERED)
    return build_device_state(
        [Vlan(10, "TSN-management"), Vlan(20, "TSN-staff")] if vlan_database else [],
        [
            PortState(first, PortMode.ACCESS, (20,), shown(PortRole.HOST_FACING)),
            PortState(second, PortMode.ACCESS, (20,), shown(PortRole.HOST_FACING)),
            PortState(up, PortMode.TRUNK, (10, 20), shown(PortRole.UPLINK)),
        ],
        EXAMPLE_FILTERS,
        map(bound, EXAMPLE_FILTERS),
    )

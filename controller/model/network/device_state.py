"""What a device holds, free of any vendor's words: VLANs, ports, filters and where they are bound."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from controller.model.network.lags import Lag, LagSupport
from controller.model.network.line_routes import DefaultRoute, TunnelInterface
from controller.model.network.packets import Direction, Effect, Family, Match, format_prefix
from controller.model.network.route_policies import NO_ROUTING, Routing
from controller.model.network.wireless import WirelessNetwork

PREFIX = "TSN"
"""Every object we own on a device carries this prefix; everything else is read and left alone."""


class PortMode(StrEnum):
    """How a port carries VLANs."""

    ACCESS = "access"
    TRUNK = "trunk"


class PortRole(StrEnum):
    """What a port leads to; decides which filter a platform that filters at ports attaches there.

    The values are those of `faces` in `policies/city/blueprints.yaml`; people read `words`.
    """

    HOST_FACING = "hosts"
    UPLINK = "gateway"
    UNFILTERED = "unfiltered"

    @property
    def words(self) -> str:
        """The role as messages and plans write it: `host-facing`, `uplink` or `unfiltered`."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True, order=True)
class Vlan:
    """A VLAN in the switch's database."""

    number: int
    name: str


@dataclass(frozen=True, slots=True, order=True)
class PortState:
    """A switch port; `vlans` is ascending, and holds exactly one number on an access port.

    What stands behind two `isolated` ports of a switch does not reach one another through it. `names_dot1q`: its
    trunk names IEEE 802.1Q, as a model must be told that has another encapsulation beside it.
    """

    name: str
    mode: PortMode
    vlans: tuple[int, ...]
    role: PortRole = PortRole.UNFILTERED
    isolated: bool = False
    names_dot1q: bool = False


@dataclass(frozen=True, slots=True, order=True)
class VlanInterface:
    """A switch's own interface in a VLAN, where it routes. Build it with `build_vlan_interface`.

    `addresses` are written with their lengths: the primary of IPv4, others of IPv4, those of IPv6. `relays` are the
    servers that requests for an address are handed to.
    """

    vlan: int
    addresses: tuple[str, ...]
    relays: tuple[str, ...] = ()


def build_vlan_interface(vlan: int, addresses: Iterable[str], relays: Iterable[str] = ()) -> VlanInterface:
    """An interface in canonical order; the first address of IPv4 is the primary.

    >>> build_vlan_interface(20, ["2001:db8::1/64", "10.1.0.9/24", "10.1.0.1/24"]).addresses
    ('10.1.0.9/24', '10.1.0.1/24', '2001:db8::1/64')

    Raises:
        ValueError: something is no address.
    """
    read = [ip_interface(text) for text in addresses]
    first = [one for one in read if isinstance(one, IPv4Interface)]
    sixth = sorted(one for one in read if isinstance(one, IPv6Interface))
    servers = sorted((ip_address(text) for text in relays), key=lambda one: (one.version, int(one)))
    ordered = (*first[:1], *sorted(first[1:]), *sixth)
    return VlanInterface(vlan, tuple(map(str, ordered)), tuple(map(str, servers)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an ordered filter: the first entry that covers a packet decides.

    `origin` tells where it comes from (the rule when wanted, the line when read) and does not count in comparisons.
    """

    effect: Effect
    match: Match
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Filter:
    """An ordered packet filter of one family, for one VLAN and direction; its last entry covers everything."""

    name: str
    vlan: int
    direction: Direction
    family: Family
    entries: tuple[Entry, ...]

    @property
    def key(self) -> tuple[int, Direction, Family]:
        """What the filter is for; a device binds at most one filter to a key."""
        return self.vlan, self.direction, self.family


@dataclass(frozen=True, slots=True, order=True)
class FilterBinding:
    """A filter in force for the packets of one VLAN, direction and family."""

    vlan: int
    direction: Direction
    family: Family
    filter: str

    @property
    def key(self) -> tuple[int, Direction, Family]:
        """The place of the binding; a device has at most one filter there."""
        return self.vlan, self.direction, self.family


@dataclass(frozen=True, slots=True)
class DeviceState:
    """All that we own on a device. Build it with `build_device_state`, which puts it in canonical order."""

    vlans: tuple[Vlan, ...] = ()
    ports: tuple[PortState, ...] = ()
    filters: tuple[Filter, ...] = ()
    bindings: tuple[FilterBinding, ...] = ()
    routing: Routing = NO_ROUTING
    interfaces: tuple[VlanInterface, ...] = ()
    networks: tuple[WirelessNetwork, ...] = ()
    lags: tuple[Lag, ...] = ()
    tunnels: tuple[TunnelInterface, ...] = ()
    default_routes: tuple[DefaultRoute, ...] = ()

    def compute_digest(self) -> str:
        """A SHA-256 over the whole state; equal exactly when the states are equal."""
        parts = [_values_text(self.vlans), _values_text(self.ports), *map(_filter_text, self.filters)]
        parts.append(_values_text(self.bindings))
        if self.routing:
            parts.append(self.routing.get_digest_text())
        if self.interfaces:
            parts.append(_values_text(self.interfaces))
        if self.networks:
            parts.append(_values_text(self.networks))
        if self.lags:
            parts.append(_values_text(self.lags))
        parts += map(str, (*self.tunnels, *self.default_routes))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def build_device_state(  # noqa: PLR0913, PLR0917 the parts of a state
    vlans: Iterable[Vlan] = (),
    ports: Iterable[PortState] = (),
    filters: Iterable[Filter] = (),
    bindings: Iterable[FilterBinding] = (),
    routing: Routing = NO_ROUTING,
    interfaces: Iterable[VlanInterface] = (),
    networks: Iterable[WirelessNetwork] = (),
    lags: Iterable[Lag] = (),
    tunnels: Iterable[TunnelInterface] = (),
    default_routes: Iterable[DefaultRoute] = (),
) -> DeviceState:
    """A device state in canonical order; `routing` comes in its own."""
    return DeviceState(
        tuple(sorted(vlans)),
        tuple(sorted(ports)),
        tuple(sorted(filters, key=lambda one: one.name)),
        tuple(sorted(bindings)),
        routing,
        tuple(sorted(interfaces)),
        tuple(sorted(networks)),
        tuple(sorted(lags)),
        tuple(sorted(tunnels)),
        tuple(sorted(default_routes)),
    )


def build_filter_name(vlan: int, direction: Direction, family: Family, entries: Iterable[Entry]) -> str:
    """The name of a filter: what it is for, and a digest of its entries, so that a changed filter is a new object.

    >>> build_filter_name(20, Direction.FROM, Family.V4, [])
    'TSN-20-from-4-e3b0c442'
    """
    digest = hashlib.sha256("\n".join(map(_entry_text, entries)).encode()).hexdigest()[:8]
    return f"{PREFIX}-{vlan}-{direction}-{int(family)}-{digest}"


def build_filter(vlan: int, direction: Direction, family: Family, entries: Iterable[Entry]) -> Filter:
    """A filter under the name that its entries give it."""
    kept = tuple(entries)
    return Filter(build_filter_name(vlan, direction, family, kept), vlan, direction, family, kept)


def _values_text(items: Iterable[Vlan | PortState | FilterBinding | VlanInterface | WirelessNetwork | Lag]) -> str:
    """The fields' values and no names of ours: a class or a field that is renamed changes no digest."""
    return repr([[str(getattr(item, one.name)) for one in fields(item) if _counts(item, one.name)] for item in items])


def _counts(item: object, field_name: str) -> bool:
    """Say if a field is part of the digest: one that was added later is left out where it says nothing."""
    return field_name != "names_dot1q" or bool(getattr(item, field_name))


def _filter_text(one: Filter) -> str:
    return f"{one.name}|{one.key}|" + ";".join(map(_entry_text, one.entries))


def _entry_text(entry: Entry) -> str:
    match = entry.match
    return (
        f"{entry.effect} {match.protocol} {format_prefix(match.source)} {match.source_ports}"
        f" {format_prefix(match.destination)} {match.destination_ports} {match.established}"
    )


class Attachment(StrEnum):
    """Where a platform puts filters in force."""

    VLAN_INTERFACE = "vlan-interface"
    PORT = "port"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can do; the compiler makes only states that fit.

    `reads_port_roles`: the running configuration tells the role of a port (see `PortRole`).
    `maximum_entries` bounds a single filter, `maximum_device_entries` all filters of a device together (None: not
    known to be bounded); `over_ssh` False means the platform exists as text only.
    `established`: an entry can match TCP with ACK or RST set; without it, the answers of TCP conversations are told
    from new ones by a router further up, or the device is refused.
    `directions`: those that its filters can judge where they stand. `longest_vlan_name` and `longest_filter_name` count
    characters (None: not known to be bounded).
    `passes_unfiltered`: what a VLAN lets through for which no filter is in force: everything, or nothing.
    `isolates`: access ports can be kept from one another. `interfaces`: it routes between VLANs, by interfaces in them.
    `routes`: it has route policies (the `routing` of a state); what it routes it does not filter packet by packet.
    `tunnels`: the kinds of tunnel that Tsunagu makes on it for a line; `static_routes`: it writes routes there, at most
    `static_gateways` of a family, of the `static_families`. `largest_as_number`: the largest that it speaks BGP with.
    `router_ports`: where such a device is a school's router, its ports are set, too; else they are the installer's.
    `switches`: it has ports whose VLANs it sets. `wireless`: it has wireless networks; `isolates` is then about their
    clients. `trunk_encapsulation`: some of its models must be told that a trunk is one of IEEE 802.1Q.
    `lags`: how its ports can be put together (None: they cannot).
    `restores_itself`: over SSH it can be made to put its old state back, unless somebody cancels that in time.
    """

    attachment: Attachment
    vlan_database: bool
    reads_port_roles: bool
    maximum_entries: int
    over_ssh: bool
    established: bool = True
    maximum_device_entries: int | None = None
    directions: frozenset[Direction] = frozenset(Direction)
    longest_vlan_name: int | None = 32
    longest_filter_name: int | None = None
    isolates: bool = False
    interfaces: bool = False
    routes: bool = False
    tunnels: frozenset[str] = frozenset()
    static_routes: bool = False
    static_gateways: int | None = None
    static_families: frozenset[Family] = frozenset(Family)
    largest_as_number: int = 4_294_967_295
    router_ports: bool = True
    switches: bool = True
    wireless: bool = False
    passes_unfiltered: bool = True
    trunk_encapsulation: bool = False
    lags: LagSupport | None = None
    restores_itself: bool = True

"""Which ways of others touch what is ours, so that nobody can say what passes there.

The proof of paths puts filters together. A port, an interface or a route of others can lead past them. Where it leads
to the same filters as a port of ours, or touches nothing of ours, the proof stays what it is. Everything else is named,
with the segments that it touches and what it would take to judge them.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, ip_address, ip_interface, ip_network

from controller.compile.network.interfaces import find_transit
from controller.compile.network.wanted_device_state import FILTERING_ROLE
from controller.model.city import City
from controller.model.network.device_state import Attachment, Capabilities, PortRole
from controller.model.network.packets import Family
from controller.model.network.router_link import ROUTER, TransitLink
from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.model.sites.devices import Device, DevicePort
from controller.prove.reachability.city_addresses import holds_city_addresses
from controller.prove.reachability.router_paths import find_deciding_paths

_SHOWN = 4
"""Ports of one kind that are listed by name; the others are counted."""

_WHAT: dict[PathKind, str] = {
    PathKind.ACCESS_PORT: "puts hosts into a VLAN of ours",
    PathKind.TRUNK: "carries VLANs of ours to equipment that is not in the model",
    PathKind.UNDECIDED_PORT: "may become a trunk of every VLAN, if what is connected asks for it",
    PathKind.VOICE_VLAN: "carries two VLANs, one of them ours",
    PathKind.PRIVATE_VLAN: "joins VLANs on layer 2, one of them ours",
    PathKind.VLAN_TRANSLATION: "puts frames into a VLAN of ours",
    PathKind.CHANNEL_MEMBER: "is a member of a channel, and the channel decides what it carries",
    PathKind.BRIDGE: "bridges a VLAN of ours with others",
    PathKind.PSEUDOWIRE: "carries frames to another place",
    PathKind.MIRROR: "copies packets of ours to another port",
    PathKind.VLAN_FILTER: "drops or redirects packets of ours before our filters",
    PathKind.VLAN_DATABASE: "is not in this text, so nobody can say which VLANs there are",
    PathKind.VLAN_INTERFACE: "routes past our filters, or has addresses of ours",
    PathKind.ROUTED_PORT: "is a second way out, or has addresses of ours",
    PathKind.TUNNEL: "is a second way out",
    PathKind.STATIC_ROUTE: "leads elsewhere than to the school's router",
    PathKind.ROUTING_PROTOCOL: "takes routes that the model does not know",
    PathKind.POLICY_ROUTING: "sends packets elsewhere than the routes say",
    PathKind.ROUTING_TABLE: "exchanges routes between routing tables",
    PathKind.ROUTE_PREFERENCE: "decides which line is taken beside the policies of ours",
    PathKind.ROUTING_OFF: "stops the routing that our filters stand in",
    PathKind.ROUTING_UNTOLD: "does not stand in this text, so our filters may stand where nothing is routed",
    PathKind.ADDRESS_TRANSLATION: "changes addresses or permits past our filters",
    PathKind.SECOND_GATEWAY: "gives hosts of ours another gateway or mask",
    PathKind.PROXY_ARP: "answers for hosts of others",
    PathKind.UNKNOWN_LINE: "is not understood",
}
_LAYER2 = "give it VLANs of others only, shut it down, or hand it over to us (our description, and the blueprint)"
_TRUST = "trust every port that leads to the school's router, and know the hosts of the segment by DHCP snooping"
_LAYER3 = "give it a VLAN and addresses that are not the school's, shut it down, or hand it over to us"
_ROUTED = "let it lead to the school's router, or take it to a device that does not carry our segments"
_NEEDS: dict[PathKind, str] = {
    PathKind.UNDECIDED_PORT: "enter 'switchport mode access' and a VLAN of others, or 'shutdown'",
    PathKind.CHANNEL_MEMBER: "name the channel in the blueprint instead of its members, or take the port out of it",
    PathKind.MIRROR: "mirror VLANs and ports of others only",
    PathKind.VLAN_FILTER: "let it name VLANs of others only",
    PathKind.VLAN_DATABASE: (
        "save 'show vlan brief' and 'show vtp status' behind the running configuration, in one file"
    ),
    PathKind.VLAN_INTERFACE: _LAYER3,
    PathKind.ROUTED_PORT: _LAYER3,
    PathKind.TUNNEL: "shut it down, or let it end on the school's router",
    PathKind.STATIC_ROUTE: _ROUTED,
    PathKind.ROUTING_PROTOCOL: _ROUTED,
    PathKind.POLICY_ROUTING: _ROUTED,
    PathKind.ROUTING_TABLE: _ROUTED,
    PathKind.ROUTING_OFF: "enter 'ip routing' ('ipv6 unicast-routing')",
    PathKind.ROUTING_UNTOLD: "enter that line; where the device does not show it then, nobody can tell",
    PathKind.ADDRESS_TRANSLATION: "translate and inspect on the school's router, not here",
    PathKind.SECOND_GATEWAY: "let the gateway that the policy names be the only one",
    PathKind.PROXY_ARP: "enter it with 'no' before it",
    PathKind.UNKNOWN_LINE: "take the line out of our object, or report it so that it becomes known",
}
ROUTER_ROLE = "router"
_ROUTER_NEEDS = "take it out, or let the policy say it (city/lines.yaml)"
_LOOPBACK = re.compile(r"(loopback|lo)\d*")
_LINK = "the link to the router"
_ANYWHERE = frozenset({PathKind.ROUTING_PROTOCOL, PathKind.ROUTING_TABLE})
"""Kinds of the whole device, that matter where it routes between our segments and anything else."""


@dataclass(frozen=True, slots=True)
class UnjudgedPath:
    """A way of others that could not be judged: where, which segments it touches, what it would take."""

    device: str
    path: UnmanagedPath
    segments: tuple[str, ...]
    needs: str
    others: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return it as one line.

        >>> path = UnmanagedPath(PathKind.TRUNK, 7, "switchport mode trunk", "port1.0.9")
        >>> UnjudgedPath("core1", path, ("staff",), "shut it down").describe()[:66]
        "not judged: core1:7: trunk port1.0.9 ('switchport mode trunk') car"
        """
        path = self.path
        name = path.kind.value.replace("-", " ")
        where = f" {path.holder}" if path.holder else ""
        more = f" and {len(self.others)} more ({_list_names(self.others)})" if self.others else ""
        touched = f"touches {', '.join(self.segments)}"
        what = f"{name}{where} ({path.text!r}){more} {_WHAT[path.kind]}"
        return f"not judged: {self.device}:{path.line}: {what}; {touched}; it would take: {self.needs}"

    def name_way(self) -> str:
        """Return what it is and which segments it touches, without its line, which moves with every line above it.

        >>> path = UnmanagedPath(PathKind.TRUNK, 7, "switchport mode trunk", "port1.0.9")
        >>> UnjudgedPath("core1", path, ("staff",), "shut it down").name_way()
        "trunk port1.0.9 ('switchport mode trunk'), touches staff"
        """
        where = ", ".join(one for one in (self.path.holder, *self.others) if one)
        name = " ".join(part for part in (self.path.kind.value.replace("-", " "), where) if part)
        return f"{name} ({self.path.text!r}), touches {', '.join(self.segments)}"


def find_unjudged_paths(
    city: City, device: Device, can: Capabilities, paths: Iterable[UnmanagedPath], *, routes: bool
) -> tuple[UnjudgedPath, ...]:
    """Return the ways of others on a switch that touch ours and lead where the proof cannot follow.

    `routes`: the device routes between its interfaces, as far as its text tells.

    >>> other = UnmanagedPath(PathKind.TRUNK, 7, "switchport mode trunk", vlans=frozenset({300}))
    >>> find_unjudged_paths(city, core, can, [other], routes=False)
    ()
    >>> ours = replace(other, vlans=frozenset({10}))
    >>> [one.segments for one in find_unjudged_paths(city, core, can, [ours], routes=False)]
    [('staff',)]
    """
    reader = _TouchedSegments(city, device, can, tuple(paths), routes=routes)
    return tuple(_join_bare_ports(reader.find()))


def find_unjudged_on_router(
    city: City, device: Device, link: TransitLink | None, paths: Iterable[UnmanagedPath]
) -> tuple[UnjudgedPath, ...]:
    """Return the ways of others on a school's router that decide on its routes; `link` is the one to a routing core.

    >>> leak = UnmanagedPath(PathKind.STATIC_ROUTE, 7, "ip route 0.0.0.0/0 192.0.2.1", addresses=("0.0.0.0/0",))
    >>> [one.needs for one in find_unjudged_on_router(city, router, None, [leak])]
    ['take it out, or let the policy say it (city/lines.yaml)']
    """
    carried = tuple(_name_school_vlans(city, device).values())
    deciding = find_deciding_paths(city, device, link, paths)
    return tuple(UnjudgedPath(device.id, path, carried, _ROUTER_NEEDS) for path in deciding)


class _TouchedSegments:
    """What is ours at the school of a device, and which ways touch it."""

    def __init__(
        self, city: City, device: Device, can: Capabilities, paths: Sequence[UnmanagedPath], *, routes: bool
    ) -> None:
        self.city, self.device, self.can, self.paths = city, device, can, paths
        self.transit = find_transit(city, device, can)
        self.names = _name_school_vlans(city, device)
        if city.settings.transit is not None:
            self.names.setdefault(city.settings.transit.vlan, _LINK)
        self.filters_at_ports = can.attachment is Attachment.PORT and device.role == FILTERING_ROLE
        self.routes = routes
        legs = [one for one in paths if one.kind is PathKind.VLAN_INTERFACE and self._touch(one.vlans)]
        self.forwards = self.transit is not None or (routes and bool(legs))

    def find(self) -> Iterator[UnjudgedPath]:
        for path in self.paths:
            segments, needs = self._examine(path)
            if segments:
                wanted = needs or _NEEDS.get(path.kind, _LAYER2)
                yield UnjudgedPath(self.device.id, path, segments, wanted)

    def _examine(self, path: UnmanagedPath) -> tuple[tuple[str, ...], str]:
        """Return the segments that a way touches beyond judgement (none: it is judged), and what it would take."""
        if path.kind is PathKind.ACCESS_PORT:
            return self._examine_access(path)
        if path.trusted is not None:
            return self._examine_trust(path.vlans, path.trusted), _TRUST
        examine = {
            PathKind.VLAN_INTERFACE: self._examine_interface,
            PathKind.ROUTED_PORT: self._examine_routed_port,
            PathKind.STATIC_ROUTE: self._examine_route,
            PathKind.ROUTING_OFF: self._examine_lack_of_routing,
            PathKind.ROUTING_UNTOLD: self._examine_untold_routing,
        }.get(path.kind, self._examine_other)
        return examine(path), ""

    def _examine_route(self, path: UnmanagedPath) -> tuple[str, ...]:
        return () if self._leads_to_router(path) else tuple(self.names.values())

    def _examine_lack_of_routing(self, _: UnmanagedPath) -> tuple[str, ...]:
        return tuple(self.names.values()) if self.transit is not None else ()

    def _examine_untold_routing(self, path: UnmanagedPath) -> tuple[str, ...]:
        """A line that is not there matters on a switch that must route the family that it is about."""
        family = Family.V6 if path.holder.startswith("ipv6 ") else Family.V4
        return self._examine_lack_of_routing(path) if family in self.city.families else ()

    def _examine_other(self, path: UnmanagedPath) -> tuple[str, ...]:
        """What is of the whole device matters where that routes between our segments and anything else."""
        if path.kind is PathKind.SECOND_GATEWAY and path.addresses:
            return tuple(self._list_misaddressed(path))
        if path.next_hops:
            return tuple(self._list_misled(path.next_hops))
        if path.kind is PathKind.PROXY_ARP and path.addresses:
            return self._examine_addresses(path, leads_out=False)
        if path.kind in _ANYWHERE or path.vlans == frozenset():
            return tuple(self.names.values()) if self.forwards else ()
        return self._touch(path.vlans)

    def _touch(self, vlans: frozenset[int] | None) -> tuple[str, ...]:
        return tuple(name for vlan, name in self.names.items() if vlans is None or vlan in vlans)

    def _examine_trust(self, vlans: frozenset[int] | None, trusted: Container[str]) -> tuple[str, ...]:
        """A line that spares what comes in at trusted ports: judged where every way to the router is one of them."""
        spared: set[str] = set()
        for segment in self.names.values():
            ways = [one for one in self.device.ports if one.role is PortRole.UPLINK and segment in one.segments]
            if ways and all(self._is_trusted(one, trusted) for one in ways):
                spared.add(segment)
        return tuple(name for name in self._touch(vlans) if name not in spared)

    def _is_trusted(self, port: DevicePort, trusted: Container[str]) -> bool:
        """Say if a port is trusted; of a LAG, the port that it is or each of its members."""
        names = [port.name] if port.lag is None else list(port.lag.members)
        if port.lag is not None and self.can.lags is not None:
            lag = self.can.lags.name(port.lag.mode, port.lag.number)
            if _write_name(lag) in trusted:
                return True
        return all(_write_name(one) in trusted for one in names)

    def _list_misled(self, gateways: Iterable[str]) -> Iterator[str]:
        """Yield the segments that are given a gateway other than their own."""
        addresses, school = self.city.addresses, self.device.school
        given = [one for one in map(ip_address, gateways) if one.version in self.city.families]
        for name, segment in self.city.list_segments(school).items():
            for one in given:
                family = Family(one.version)
                inside = one in addresses.segment_prefix(school, segment, family)
                if inside and int(one) != addresses.gateway_address(school, segment, family):
                    yield name

    def _list_misaddressed(self, path: UnmanagedPath) -> Iterator[str]:
        """Yield the segments whose hosts get a mask that is not theirs, or not their gateway."""
        addresses, school = self.city.addresses, self.device.school
        given = [IPv4Network(text, strict=False) for text in path.addresses]
        for name, segment in self.city.list_segments(school).items() if Family.V4 in self.city.families else ():
            prefix = addresses.segment_prefix(school, segment, Family.V4)
            gateway = str(ip_address(addresses.gateway_address(school, segment, Family.V4)))
            touched = [one for one in given if isinstance(prefix, IPv4Network) and prefix.overlaps(one)]
            if touched and (touched != [prefix] or gateway not in path.next_hops):
                yield name

    def _examine_access(self, path: UnmanagedPath) -> tuple[tuple[str, ...], str]:
        """A port of hosts: judged where the filters of its VLAN stand on its way, as they do for ports of ours."""
        touched = self._touch(path.vlans)
        if self.filters_at_ports:
            return touched, f"our filters stand on ports, and none on this one: {_LAYER2}"
        parted = {one.id for one in self.city.segments.values() if one.isolated}
        isolated = tuple(name for name in touched if name in parted and not path.is_isolated)
        inside = tuple(name for name in touched if name in {self.city.management_segment, _LINK})
        if inside:
            return (*inside, *isolated), f"hosts there stand behind no filter: {_LAYER2}"
        if isolated and self.can.isolates:
            return isolated, "hosts there reach others of the segment: isolate the port ('switchport protected')"
        return isolated, ""

    def _examine_interface(self, path: UnmanagedPath) -> tuple[str, ...]:
        touched = self._touch(path.vlans)
        if touched:
            return () if self._is_own_management(path) else touched
        return self._examine_addresses(path, leads_out=self.forwards and self.transit is None)

    def _examine_routed_port(self, path: UnmanagedPath) -> tuple[str, ...]:
        touched = self._touch(path.vlans)
        if touched:
            return touched
        return self._examine_addresses(path, leads_out=self.forwards and _LOOPBACK.fullmatch(path.holder) is None)

    def _examine_addresses(self, path: UnmanagedPath, *, leads_out: bool) -> tuple[str, ...]:
        """An interface in no VLAN of ours. One in a routing table of its own reaches nothing of ours by routing."""
        if path.table:
            return ()
        overlapping = any(self._overlaps(text) for text in path.addresses)
        unknown = path.has_unknown_address and self.forwards
        return tuple(self.names.values()) if overlapping or unknown or leads_out else ()

    def _is_own_management(self, path: UnmanagedPath) -> bool:
        """Say if it is the switch's own address in the management's VLAN, and the switch is a host there, no router."""
        city, school = self.city, self.device.school
        management = city.segments[city.management_segment]
        if self.transit is not None or path.has_unknown_address or self._touch(path.vlans) != (management.id,):
            return False
        for text in path.addresses:
            own = ip_interface(text)
            if own.is_link_local:
                continue
            if own.version not in city.families:
                return False  # nothing says what it may reach there
            prefix = city.addresses.segment_prefix(school, management, Family(own.version))
            if own.ip not in prefix or (
                own.version == self.device.management.version and own.ip != self.device.management
            ):
                return False
            if int(own.ip) == city.addresses.gateway_address(school, management, Family(own.version)):
                return False
        addressed = {PathKind.VLAN_INTERFACE, PathKind.ROUTED_PORT}
        others = [one for one in self.paths if one.kind in addressed and one is not path and not one.table]
        return not (self.routes and any(_LOOPBACK.fullmatch(one.holder) is None for one in others))

    def _leads_to_router(self, path: UnmanagedPath) -> bool:
        """Say if a route leads where ours do, or is the switch's own and leaves through a network of others."""
        if path.table:
            return True
        hops = [ip_address(hop) for hop in path.next_hops]
        gateways = set(self._list_gateways())
        if hops and all(str(hop) in gateways for hop in hops):
            return True
        addressed = [one for one in self.paths if one.kind in {PathKind.VLAN_INTERFACE, PathKind.ROUTED_PORT}]
        apart = [
            ip_interface(text).network for one in addressed if not self._touch(one.vlans) for text in one.addresses
        ]
        return not self.forwards and bool(hops) and all(any(hop in net for net in apart) for hop in hops)

    def _list_gateways(self) -> Iterator[str]:
        """The addresses of the school's router, as this device may know it."""
        addresses, school = self.city.addresses, self.device.school
        management = self.city.segments[self.city.management_segment]
        for family in self.city.families:
            if self.transit is not None:
                own = addresses.school_prefix(school, family)
                yield self.transit.compute_address(own, ROUTER).partition("/")[0]
            else:
                yield family.format_address(addresses.gateway_address(school, management, family))

    def _overlaps(self, text: str) -> bool:
        """Say if the network of an address holds addresses of the city, its applications or its controllers."""
        return holds_city_addresses(self.city, self.device.school, ip_network(text, strict=False))


def _name_school_vlans(city: City, device: Device) -> dict[int, str]:
    """The VLANs of the segments that any device of the school carries, in the policy's order."""
    carried = {name for one in city.list_devices(device.school) for port in one.ports for name in port.segments}
    carried |= {city.management_segment}
    return {one.vlan: name for name, one in city.list_segments(device.school).items() if name in carried}


def _join_bare_ports(found: Iterable[UnjudgedPath]) -> Iterator[UnjudgedPath]:
    """Yield them with ports of which the text says nothing at all told as one: a switch has dozens."""
    bare: list[UnjudgedPath] = []
    for one in found:
        if one.path.kind is PathKind.UNDECIDED_PORT and one.path.text.lower().startswith("interface "):
            bare.append(one)
        else:
            yield one
    if bare:
        yield replace(bare[0], others=tuple(one.path.holder for one in bare[1:]))


def _write_name(port: str) -> str:
    """Return a port's name as the readers of configurations write it."""
    return port.replace(" ", "").lower()


def _list_names(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")

"""Which lines of others on a school's router decide on its routes, so that nobody can say which line traffic takes.

The proof of routes covers the policies at the neighbours that the city knows. What stands beside them and cannot move
the school's traffic (a discarded route of its own block, a neighbour that nobody planned) is told apart here. A network
and a route are the school's where the plan has them: a part of a segment, taken elsewhere, is not.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cached_property
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network

from controller.compile.network.route_policies import compile_routing_intent, find_own_prefixes
from controller.model.city import City
from controller.model.network.packets import Family, Prefix
from controller.model.network.router_link import CORE, ROUTER, TransitLink
from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.model.sites.devices import Device
from controller.prove.reachability.city_addresses import holds_addresses_elsewhere

_TAGGED = re.compile(r"vlan(?P<name>[0-9]{1,4})|.+\.(?P<tag>[0-9]{1,4})")
Interface = IPv4Interface | IPv6Interface


def find_deciding_paths(
    city: City, device: Device, link: TransitLink | None, paths: Iterable[UnmanagedPath]
) -> Iterator[UnmanagedPath]:
    """Yield the ways of others on a router that can lead the school's traffic elsewhere than the policy says.

    `link`: the link to the core, where that routes; without one, the router stands in every segment.

    >>> leak = UnmanagedPath(PathKind.STATIC_ROUTE, 7, "ip route 0.0.0.0/0 192.0.2.1", addresses=("0.0.0.0/0",))
    >>> [one.line for one in find_deciding_paths(city, router, None, [leak])]
    [7]
    """
    reader = _Router(city, device, link, tuple(paths))
    return (path for path in reader.paths if reader.decides(path))


class _Router:
    """What a school's router is planned to have, and which ways beside it decide."""

    def __init__(self, city: City, device: Device, link: TransitLink | None, paths: Sequence[UnmanagedPath]) -> None:
        self.city, self.device, self.link, self.paths = city, device, link, paths
        school = device.school
        self.own = [prefix for family in city.families for prefix in find_own_prefixes(city, school, family)]
        self.segments = [
            (segment.vlan, city.addresses.segment_prefix(school, segment, family))
            for segment in city.list_segments(school).values()
            for family in city.families
        ]
        links = city.lines.links.by_name
        told = [
            (line, family, prefix)
            for line, link in links.items()
            for family in city.families
            if (prefix := link.find_prefix(family)) is not None
        ]
        self.lines = [prefix for _, _, prefix in told]
        self.line_ends = [
            (prefix, links[line].interface, str(city.lines.school_address(school, line, family)))
            for line, family, prefix in told
            if line in school.lines.by_name
        ]
        self.line_interfaces = {each.interface for each in links.values()}
        self.neighbours = {str(one.address) for one in compile_routing_intent(city, device).neighbours}

    def decides(self, path: UnmanagedPath) -> bool:
        """Say if a way of others can lead the school's traffic elsewhere, or nobody can say."""
        match path.kind:
            case PathKind.STATIC_ROUTE:
                return not self._is_planned_route(path)
            case PathKind.ROUTED_PORT:
                return path.has_unknown_address or any(self._misleads(path.holder, one) for one in path.addresses)
            case PathKind.SECOND_GATEWAY:
                return self._gives_other_gateway(path)
            case PathKind.ROUTE_PREFERENCE if path.is_shut:
                return self._carries_ours(path.holder)
            case PathKind.ROUTE_PREFERENCE:
                inside = bool(path.addresses) and all(_is_inside(text, self.own) for text in path.addresses)
                planned = path.holder in self.neighbours | self.line_interfaces or not _is_address(path.holder)
                return planned and not inside and not self._comes_from_line(path)
        return True

    def _comes_from_line(self, path: UnmanagedPath) -> bool:
        """Say if a session to a neighbour is told to come from where it comes from anyway: its line's own end."""
        if not path.next_hops or not _is_address(path.holder):
            return False
        own = [{wire, address} for prefix, wire, address in self.line_ends if _is_inside(path.holder, [prefix])]
        return any(ends.issuperset(path.next_hops) for ends in own)

    def _is_planned_route(self, path: UnmanagedPath) -> bool:
        """Say if a route leads into the school where the plan does, or drops what nothing in the school answers for.

        A discarded route drops what no longer one takes, so it may stand for the whole block alone; and only where no
        route that leads somewhere has the same target and would be taken but for it.
        """
        if path.table or not path.addresses:
            return False
        if path.is_discarded:
            dropped = {ip_network(text, strict=False) for text in path.addresses}
            return dropped.issubset(self.own) and not self._takes_place(path.distance, dropped)
        inside = all(_is_inside(text, self.own) for text in path.addresses)
        return inside and bool(path.next_hops) and all(hop in self._link_ends[CORE] for hop in path.next_hops)

    def _takes_place(self, distance: int, targets: Container[Prefix]) -> bool:
        """Say if a route with one of these targets leads somewhere, and one of this distance is taken in its place."""
        leading = [one for one in self.paths if one.kind is PathKind.STATIC_ROUTE and not one.is_discarded]
        return any(
            distance <= one.distance and ip_network(text, strict=False) in targets
            for one in leading
            if not one.table
            for text in one.addresses
        )

    @cached_property
    def _link_ends(self) -> dict[int, set[str]]:
        """The addresses of both ends of the link, by whose they are; none where there is no link."""
        if self.link is None:
            return {ROUTER: set(), CORE: set()}
        blocks = [self.city.addresses.school_prefix(self.device.school, family) for family in self.city.families]
        link = self.link
        return {
            whose: {link.compute_address(block, whose).partition("/")[0] for block in blocks}
            for whose in (ROUTER, CORE)
        }

    def _misleads(self, holder: str, text: str) -> bool:
        """Say if an interface's address takes traffic that is neither the school's here nor its lines'.

        A line's address belongs at the line's own wire, with the length that reaches the neighbours there.
        """
        one = ip_interface(text)
        if one.is_link_local:
            return False
        if _is_inside(text, self.lines):
            return (one.network, holder, str(one.ip)) not in self.line_ends
        if _is_inside(text, self.own):
            return self._takes_segment(one)
        if one.network.num_addresses > 1:
            return True
        return holds_addresses_elsewhere(self.city, self.device.school, one.network)

    def _takes_segment(self, one: Interface) -> bool:
        """Say if an address inside the school's own block is of a segment or an end of the link, and not the plan's."""
        if one.ip == self.device.management and one.network.num_addresses == 1:
            return False
        overlapped = [prefix for _, prefix in self.segments if _overlap(prefix, one.network)]
        if overlapped:
            others = {each.management for each in self.city.list_devices(self.device.school)}
            elsewhere = one.ip in others and one.ip != self.device.management
            return self.link is not None or elsewhere or overlapped != [one.network]
        return str(one.ip) in self._link_ends[CORE]

    def _gives_other_gateway(self, path: UnmanagedPath) -> bool:
        """Say if hosts of a segment get a gateway other than their own; without one told, it is this router.

        `path.addresses` are the networks of those hosts; where they are not told, nobody can say.
        """
        if path.holder:
            return self._may_stand_in_segment(path.holder)
        hosts = [ip_network(text, strict=False) for text in path.addresses]
        touched = [prefix for _, prefix in self.segments if any(_overlap(prefix, one) for one in hosts)]
        if not touched:
            return not hosts
        if path.has_unknown_address or touched != hosts:
            return True
        gateways = {str(one.network_address + 1) for one in touched}
        return not gateways.issuperset(path.next_hops) if path.next_hops else self.link is not None

    def _carries_ours(self, holder: str) -> bool:
        """Say if an interface that is shut down may be the way to a line, the core or a segment, by all that is told.

        What stands on an interface (`eth1.10` on `eth1`) goes down with it.
        """
        vlans = {vlan for vlan, _ in self.segments} | ({self.link.vlan} if self.link else set())
        ours = self.line_interfaces | {
            name
            for name, found in self._addresses.items()
            if any(_is_inside(text, self.own + self.lines) for text in found)
        }
        below = any(name.startswith(f"{holder}.") for name in ours)
        return holder in ours or below or _find_tag(holder) in vlans

    def _may_stand_in_segment(self, holder: str) -> bool:
        """Say if an interface may stand in a segment that the core routes, by its VLAN or its addresses."""
        if self.link is None or holder in self.line_interfaces:
            return False
        if (tag := _find_tag(holder)) is not None:
            return tag in {vlan for vlan, _ in self.segments}
        found = self._addresses.get(holder, [])
        return not found or any(
            _overlap(prefix, ip_interface(one).network) for one in found for _, prefix in self.segments
        )

    @cached_property
    def _addresses(self) -> dict[str, list[str]]:
        """The addresses of the interfaces of others that say where they stand: those of a link alone do not."""
        found: dict[str, list[str]] = {}
        for path in self.paths:
            if path.kind is PathKind.ROUTED_PORT:
                told = [one for one in path.addresses if not ip_interface(one).is_link_local]
                found.setdefault(path.holder, []).extend(told)
        return found


def _find_tag(holder: str) -> int | None:
    """Return the VLAN that an interface's name tells: `vlan10`, `eth1.10`."""
    found = _TAGGED.fullmatch(holder)
    return int(found["name"] or found["tag"]) if found else None


def _is_inside(text: str, own: Iterable[Prefix]) -> bool:
    """Say if an address or a prefix is the school's own."""
    network = ip_network(text, strict=False)
    family = Family(network.version)
    low, high = int(network.network_address), int(network.broadcast_address)
    return any(
        Family(one.version) is family and int(one.network_address) <= low and high <= int(one.broadcast_address)
        for one in own
    )


def _overlap(one: Prefix, other: Prefix) -> bool:
    low, high = int(other.network_address), int(other.broadcast_address)
    same = one.version == other.version
    return same and int(one.network_address) <= high and low <= int(one.broadcast_address)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

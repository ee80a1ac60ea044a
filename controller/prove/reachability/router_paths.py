"""Which lines of others on a school's router decide on its routes, so that nobody can say which line traffic takes.

The proof of routes covers the policies at the neighbours that the city knows. What stands beside them and cannot move
the school's traffic (a discarded route of its own block, a neighbour that nobody planned) is told apart here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network

from controller.compile.network.route_policies import compile_routing_intent, find_own_prefixes
from controller.model.city import City
from controller.model.network.packets import Family, Prefix
from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.model.sites.devices import Device


def find_deciding_paths(city: City, device: Device, paths: Iterable[UnmanagedPath]) -> Iterator[UnmanagedPath]:
    """Yield the ways of others on a router that can lead the school's traffic elsewhere than the policy says.

    >>> leak = UnmanagedPath(PathKind.STATIC_ROUTE, 7, "ip route 0.0.0.0/0 192.0.2.1", addresses=("0.0.0.0/0",))
    >>> [one.line for one in find_deciding_paths(city, router, [leak])]
    [7]
    """
    own = [prefix for family in city.families for prefix in find_own_prefixes(city, device.school, family)]
    links = city.lines.links.by_name.values()
    lines = [prefix for link in links for family in city.families if (prefix := link.find_prefix(family)) is not None]
    known = {str(one.address) for one in compile_routing_intent(city, device).neighbours}
    known |= {link.interface for link in links}
    for path in paths:
        inside = bool(path.addresses) and all(_is_inside(text, own) for text in path.addresses)
        match path.kind:
            case PathKind.STATIC_ROUTE if inside and not path.table:
                hops = bool(path.next_hops) and all(_is_inside(hop, own) for hop in path.next_hops)
                decides = not hops and not path.is_discarded
            case PathKind.ROUTED_PORT:
                decides = path.has_unknown_address or any(_leads_out(text, (*own, *lines)) for text in path.addresses)
            case PathKind.ROUTE_PREFERENCE if inside:
                decides = False
            case PathKind.ROUTE_PREFERENCE:
                decides = path.holder in known or not (path.is_shut or _is_address(path.holder))
            case _:
                decides = True
        if decides:
            yield path


def _is_inside(text: str, own: Iterable[Prefix]) -> bool:
    """Say if an address or a prefix is the school's own."""
    network = ip_network(text, strict=False)
    family = Family(network.version)
    low, high = int(network.network_address), int(network.broadcast_address)
    return any(
        Family(one.version) is family and int(one.network_address) <= low and high <= int(one.broadcast_address)
        for one in own
    )


def _leads_out(text: str, known: Iterable[Prefix]) -> bool:
    """Say if a network of an interface takes traffic of neither the school nor its lines. One host is no network."""
    network = ip_network(text, strict=False)
    return network.num_addresses > 1 and not network.is_link_local and not _is_inside(text, known)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

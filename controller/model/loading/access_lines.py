"""Lines of schools fit the city's: each has a link, an order that names it, and a tunnel that leads out of the city."""

from __future__ import annotations

from collections.abc import Iterator

from controller.errors import Problem
from controller.model.city import City
from controller.model.network.packets import Family, parse_prefix
from controller.model.sites.contracted_lines import IPV6_MINIMUM_MTU, AccessLineName, Tunnel
from controller.model.sites.schools import School


def find_access_line_problems(city: City) -> list[Problem]:
    """Return what does not fit, each with its place."""
    found = [problem for school in city.schools for problem in _find_school_problems(city, school)]
    ways = [*city.lines.usual, *(way for override in city.lines.overrides for way in override.preference)]
    for way in ways:
        if way.line not in city.lines.names:
            message = f"'links' has no {way.line} line; it has: {', '.join(city.lines.names)}"
            found.append(Problem(way.origin, "line", message))
    return found


def _find_school_problems(city: City, school: School) -> Iterator[Problem]:
    for name, line in school.lines.by_name.items():
        if name not in city.lines.names:
            message = f"school {school.id} has a {name} line, and 'links' of city/lines.yaml has none of that name"
            yield Problem(school.origin, f"lines.{name}", message)
        if line.tunnel is not None:
            yield from _find_tunnel_problems(city, school, name, line.tunnel)
    preference = city.lines.get_preference(school)
    if not preference:
        has = ", ".join(school.lines.by_name)
        message = f"the order of lines that is in force at school {school.id} names none of its own ({has})"
        yield Problem(school.origin, "lines", message)
    kinds = [school.lines.by_name[way.line].routing for way in preference]
    static = [number for number, kind in enumerate(kinds) if kind == "static"]
    learnt = [number for number, kind in enumerate(kinds) if kind == "bgp"]
    if static and learnt and any(min(learnt) < number < max(learnt) for number in static):
        message = (
            f"the order of lines at school {school.id} has a static one between two of BGP; a router takes one "
            "kind as a whole before the other: put static lines first or last"
        )
        yield Problem(school.origin, "lines", message)


def _find_tunnel_problems(city: City, school: School, name: AccessLineName, tunnel: Tunnel) -> Iterator[Problem]:
    field = f"lines.{name}.tunnel"
    peer = parse_prefix(str(tunnel.peer))
    own = [city.settings.addressing.get_block(family)[0] for family in city.families if family == peer.version]
    own += [one for family in city.families for one in city.addresses.school_prefixes(school, family)]
    inside = next((one for one in own if one.version == peer.version and one.overlaps(peer)), None)
    if inside is not None:
        message = f"the far end {tunnel.peer} lies in {inside}, which is reached through the tunnel itself"
        yield Problem(school.origin, f"{field}.peer", message)
    if tunnel.kind == "ipip6" and city.families == (Family.V6,):
        message = "ipip6 carries IPv4, and the city uses IPv6 only (addressing in city.yaml)"
        yield Problem(school.origin, f"{field}.kind", message)
    if Family.V6 in city.families and tunnel.mtu < IPV6_MINIMUM_MTU:
        message = f"{tunnel.mtu} is less than IPv6 needs ({IPV6_MINIMUM_MTU}, RFC 8200), and the city uses IPv6"
        yield Problem(school.origin, f"{field}.mtu", message)

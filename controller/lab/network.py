"""Namespaces, links, addresses and routes: the wires of the virtual city.

The core stands for the WAN: one plain link to each school. Lines, BGP and regions take its place later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from controller.lab import kernel, place
from controller.lab.layout import Both, Interface, Layout, SchoolLayout
from controller.lab.programs import Around, run
from controller.model.flow import Family
from controller.platforms import namespace

HOST_INTERFACE = "eth0"
UPLINK = "wan0"
MANAGEMENT_INTERFACE = "mgmt0"

_LINKS = Both(v4="100.64.0.0", v6="fd74:736e::")
"""Links between routers take pairs of addresses from here (shared and unique local space: never a school's)."""
_PRIVATE = "10.0.0.0/8"
_CONTROLLER_LINK, _INTERNET_LINK = 0, 1
_HOME_LINK = 1000
"""Beyond every school's."""


def create(layout: Layout) -> None:
    """Make every namespace with its settings, and every link.

    Raises:
        LabError: iproute2 refused; with its words.
    """
    _batch(f"netns add {name}" for name in layout.namespaces)
    with ThreadPoolExecutor(max_workers=8) as pool:
        for name, settings in _settings(layout):
            pool.submit(kernel.set_inside, name, settings).result()
        _batch(_links(layout))
        for done in [pool.submit(_configure, name, lines) for name, lines in _configurations(layout)]:
            done.result()
    for name, rules in _translations(layout):
        run(("nft", "-f", "-"), text=rules, around=Around(namespace=name))


def present() -> list[str]:
    """The lab's namespaces on this machine, whoever remembers them."""
    if not namespace.FOLDER.is_dir():
        return []
    return sorted(entry.name for entry in namespace.FOLDER.iterdir() if entry.name.startswith(place.PREFIX))


def remove(names: Iterable[str]) -> None:
    """Remove namespaces, and with them every link.

    Raises:
        LabError: iproute2 refused; with its words.
    """
    _batch(f"netns del {name}" for name in names)


def _batch(lines: Iterable[str], inside: str | None = None) -> None:
    text = "\n".join(lines)
    if text:
        run(("ip", *(("-n", inside) if inside else ()), "-batch", "-"), text=text + "\n", timeout=60.0)


def _settings(layout: Layout) -> Iterator[tuple[str, dict[str, str]]]:
    forwarding = {place.CORE, *(school.router for school in layout.schools)}
    switches = {school.switch for school in layout.schools}
    for name in layout.namespaces:
        chosen = dict(kernel.EVERYWHERE)
        if name in forwarding:
            chosen |= kernel.FORWARDING
        if name in switches:
            chosen |= kernel.SWITCH
        yield name, chosen


def _links(layout: Layout) -> Iterator[str]:
    yield _pair("ctl", place.CORE, UPLINK, place.CONTROLLER)
    yield _pair("net", place.CORE, UPLINK, place.INTERNET)
    if layout.perimeter:
        yield _pair("home", place.CORE, UPLINK, place.HOME)
    for school in layout.schools:
        yield _pair(_core_port(school), place.CORE, UPLINK, school.router)
        for gateway in school.gateways:
            yield _pair(gateway.port, school.switch, gateway.port, school.router)
        for host in school.hosts:
            yield _pair(host.port, school.switch, HOST_INTERFACE, host.namespace)
        yield _pair(school.management_port, school.switch, MANAGEMENT_INTERFACE, school.switch)


def _translations(layout: Layout) -> Iterator[tuple[str, str]]:
    """NAT as the lines have it: to the school's own IPv4 address, or to one that many schools share."""
    around = layout.perimeter
    if around is None:
        return
    for school in layout.schools:
        if school.egress:
            yield school.router, _translation(UPLINK, (school.block.v4,), school.egress.v4)
    yield place.CORE, _translation("net", tuple(school.block.v4 for school in layout.schools), around.shared_exit)


def _translation(port: str, sources: tuple[str, ...], to: str) -> str:
    # Not towards the city's own data centre, nor between schools: those see where a packet really comes from.
    chosen = f"oifname {port} ip saddr {{ {', '.join(sources)} }} ip daddr != {_PRIVATE}"
    chain = f"type nat hook postrouting priority srcnat; {chosen} snat to {to};"
    return f"table ip lab {{\nchain exit {{\n{chain}\n}}\n}}\n"


def _pair(name: str, inside: str, peer: str, peer_inside: str) -> str:
    return f"link add name {name} netns {inside} type veth peer name {peer} netns {peer_inside}"


def _configurations(layout: Layout) -> Iterator[tuple[str, list[str]]]:
    yield place.CORE, [*_up("lo"), *_core(layout)]
    yield place.CONTROLLER, _leaf(_CONTROLLER_LINK, [layout.controller])
    addresses = {one.address for one in layout.listeners if one.namespace == place.INTERNET}
    if (around := layout.perimeter) is not None:
        outside = (*around.fronts, around.backend, around.identity)
        addresses |= {both.of(family) for both in outside for family in Family}
        yield place.HOME, _leaf(_HOME_LINK, around.outside)
    yield (
        place.INTERNET,
        [
            *(_address(address, _bits(address), "lo") for address in sorted(addresses)),
            *_leaf(_INTERNET_LINK, []),
        ],
    )
    for school in layout.schools:
        yield school.switch, _switch(school)
        yield school.router, _router(school)
        for host in school.hosts:
            yield host.namespace, [*_up("lo"), *_attached(HOST_INTERFACE, host.interface)]


def _configure(name: str, lines: list[str]) -> None:
    if name.endswith("-sw"):
        # The ports of a switch speak no IPv6 of their own; its management interface does.
        kernel.set_inside(name, {f"net/ipv6/conf/{MANAGEMENT_INTERFACE}/disable_ipv6": "0"})
    _batch(lines, inside=name)


def _core(layout: Layout) -> Iterator[str]:
    for port, link in (("ctl", _CONTROLLER_LINK), ("net", _INTERNET_LINK)):
        yield from _line(port, link, 0)
    yield f"route add {layout.controller.v4}/32 via {_end(_CONTROLLER_LINK, 1).v4}"
    yield f"route add {layout.controller.v6}/128 via {_end(_CONTROLLER_LINK, 1).v6}"
    yield from _default(_end(_INTERNET_LINK, 1))
    if (around := layout.perimeter) is not None:
        yield from _line("home", _HOME_LINK, 0)
        for both in around.outside:
            yield f"route add {both.v4}/32 via {_end(_HOME_LINK, 1).v4}"
            yield f"route add {both.v6}/128 via {_end(_HOME_LINK, 1).v6}"
    for school in layout.schools:
        yield from _line(_core_port(school), school.link, 0)
        if layout.perimeter and school.egress:
            yield f"route add {school.egress.v4}/32 via {_end(school.link, 1).v4}"
        yield f"route add {school.block.v4} via {_end(school.link, 1).v4}"
        yield f"route add {school.block.v6} via {_end(school.link, 1).v6}"


def _leaf(link: int, own: Sequence[Both]) -> list[str]:
    """A namespace with one line to the core; its own address, where it has one, is what it sends from."""
    lines = [*_up("lo"), *_line(UPLINK, link, 1)]
    for both in own:
        lines += [_address(both.v4, 32, "lo"), _address(both.v6, 128, "lo")]
    core = _end(link, 0)
    source = own[0] if own else None
    lines.append(f"route add default via {core.v4}" + (f" src {source.v4}" if source else ""))
    lines.append(f"route add default via {core.v6}" + (f" src {source.v6}" if source else ""))
    return lines


def _router(school: SchoolLayout) -> list[str]:
    lines = [*_up("lo"), *_line(UPLINK, school.link, 1), *_default(_end(school.link, 0))]
    for gateway in school.gateways:
        lines += _addresses(gateway.port, gateway.interface)
        lines += _up(gateway.port)
    return lines


def _switch(school: SchoolLayout) -> list[str]:
    lines = [*_up("lo"), *_attached(MANAGEMENT_INTERFACE, school.management)]
    for port in school.ports:
        lines += _up(port.name)
    return lines


def _attached(interface: str, attached: Interface) -> Iterator[str]:
    yield from _addresses(interface, attached)
    yield from _up(interface)
    yield from _default(attached.gateway)


def _line(port: str, link: int, side: int) -> Iterator[str]:
    end = _end(link, side)
    yield _address(end.v4, 31, port)
    yield _address(end.v6, 127, port)
    yield from _up(port)


def _addresses(interface: str, attached: Interface) -> Iterator[str]:
    yield _address(attached.address.v4, attached.v4_length, interface)
    yield _address(attached.address.v6, attached.v6_length, interface)


def _address(address: str, length: int, interface: str) -> str:
    # Without `nodad` an IPv6 address stays tentative for a moment, and a route that names it as source is refused.
    return f"addr add {address}/{length} dev {interface}" + (" nodad" if ":" in address else "")


def _default(via: Both) -> Iterator[str]:
    yield f"route add default via {via.v4}"
    yield f"route add default via {via.v6}"


def _up(interface: str) -> Iterator[str]:
    yield f"link set {interface} up"


def _end(link: int, side: int) -> Both:
    """An end of a link between routers: side 0 is the core's."""
    number = 2 * link + side
    return Both(v4=str(ip_address(_LINKS.v4) + number), v6=str(ip_address(_LINKS.v6) + number))


def _core_port(school: SchoolLayout) -> str:
    return f"school{school.link}"


def _bits(address: str) -> int:
    return ip_address(address).max_prefixlen

"""Namespaces, links, addresses and routes: the wires of the virtual city.

The core stands behind both regions; the controller, the internet and homes hang on it by plain links and fixed routes.
What lies between the core and the schools has its addresses and routes from FRR
(`controller.lab.network.frr_configuration`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

from controller.lab.network import kernel_settings, line_shaping
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.state import paths
from controller.lab.state.layout import FamilyPair, Interface, Layout, SchoolLayout
from controller.lab.state.layout_planning import plan_core_link
from controller.model.network.packets import Family
from controller.platforms.transport import namespace

HOST_INTERFACE = "eth0"
UPLINK = "wan0"
MANAGEMENT_INTERFACE = "mgmt0"

_PRIVATE = "10.0.0.0/8"
_CONTROLLER_LINK, _INTERNET_LINK, _HOME_LINK = range(3)


def create_network(layout: Layout) -> None:
    """Make every namespace with its settings, and every link.

    Raises:
        LabError: iproute2 refused; with its words.
    """
    run_ip_batch(f"netns add {name}" for name in layout.namespaces)
    with ThreadPoolExecutor(max_workers=8) as pool:
        for name, settings in _settings(layout):
            pool.submit(kernel_settings.apply_namespace_settings, name, settings).result()
        run_ip_batch(_links(layout))
        for done in [pool.submit(_configure, name, words) for name, words in _configurations(layout)]:
            done.result()
    for name, words in line_shaping.list_shaping_commands(layout):
        run_program(("tc", "-n", name, *words.split()))
    for name, rules in _translations(layout):
        run_program(("nft", "-f", "-"), text=rules, around=ProgramContext(namespace=name))


def list_namespaces() -> list[str]:
    """The lab's namespaces on this machine, whoever remembers them."""
    if not namespace.FOLDER.is_dir():
        return []
    return sorted(entry.name for entry in namespace.FOLDER.iterdir() if entry.name.startswith(paths.PREFIX))


def remove_namespaces(names: Iterable[str]) -> None:
    """Remove namespaces, and with them every link.

    Raises:
        LabError: iproute2 refused; with its words.
    """
    run_ip_batch(f"netns del {name}" for name in names)


def run_ip_batch(words: Iterable[str], inside: str | None = None) -> None:
    """Hand lines to `ip -batch`, in a namespace.

    Raises:
        LabError: iproute2 refused; with its words.
    """
    text = "\n".join(words)
    if text:
        run_program(("ip", *(("-n", inside) if inside else ()), "-batch", "-"), text=text + "\n", timeout=60.0)


def _settings(layout: Layout) -> Iterator[tuple[str, dict[str, str]]]:
    routers = (paths.CORE, *(region.namespace for region in layout.regions))
    forwarding = {*routers, *(school.router for school in layout.schools)}
    switches = {school.switch for school in layout.schools} | {one.namespace for one in layout.carriers}
    for name in layout.namespaces:
        chosen = dict(kernel_settings.EVERYWHERE)
        if name in forwarding:
            chosen |= kernel_settings.FORWARDING
        if name in switches:
            chosen |= kernel_settings.SWITCH
        yield name, chosen


def _links(layout: Layout) -> Iterator[str]:
    yield _pair("ctl", paths.CORE, UPLINK, paths.CONTROLLER)
    yield _pair("net", paths.CORE, UPLINK, paths.INTERNET)
    if layout.perimeter:
        yield _pair("home", paths.CORE, UPLINK, paths.HOME)
    for region in layout.regions:
        yield _pair(region.id, paths.CORE, line_shaping.CORE_PORT, region.namespace)
    for wire in line_shaping.list_line_wires(layout):
        yield _pair(*wire)
    for school in layout.schools:
        for gateway in school.gateways:
            yield _pair(gateway.port, school.switch, gateway.port, school.router)
        for host in school.hosts:
            yield _pair(host.port, school.switch, HOST_INTERFACE, host.namespace)
        if not school.is_virtual:
            yield _pair(school.management_port, school.switch, MANAGEMENT_INTERFACE, school.switch)


def _translations(layout: Layout) -> Iterator[tuple[str, str]]:
    """NAT as the lines have it: to the school's own IPv4 address, or to one that many schools share."""
    around = layout.perimeter
    if around is None:
        return
    for school in layout.schools:
        if school.egress and school.egress.v4:
            sources = school.list_sources()
            yield school.router, _translation(line_shaping.list_uplinks(school), sources, school.egress.v4)
    shared = tuple(one for school in layout.schools for one in school.list_sources())
    if shared:
        yield paths.CORE, _translation(("net",), shared, around.shared_exit)


def _translation(ports: tuple[str, ...], sources: tuple[str, ...], to: str) -> str:
    # Not towards the city's own data centre, nor between schools: those see where a packet really comes from. One
    # table for all lines of a router: a connection keeps its translation when it moves to another line.
    leaves = f"oifname {{ {', '.join(ports)} }} ip saddr {{ {', '.join(sources)} }}"
    chosen = f"{leaves} ip daddr != {_PRIVATE}"
    chain = f"type nat hook postrouting priority srcnat; {chosen} snat to {to};"
    return f"table ip lab {{\nchain exit {{\n{chain}\n}}\n}}\n"


def _pair(name: str, inside: str, peer: str, peer_inside: str) -> str:
    return f"link add name {name} netns {inside} type veth peer name {peer} netns {peer_inside}"


def _configurations(layout: Layout) -> Iterator[tuple[str, list[str]]]:
    yield paths.CORE, [*_up("lo"), *_core(layout)]
    yield paths.CONTROLLER, _leaf(_CONTROLLER_LINK, [layout.controller])
    addresses = {one.address for one in layout.listeners if one.namespace == paths.INTERNET}
    if (around := layout.perimeter) is not None:
        outside = (*around.fronts, around.backend, around.identity)
        addresses |= {address for both in outside for address in both.by_family.values()}
        yield paths.HOME, _leaf(_HOME_LINK, around.outside)
    yield (
        paths.INTERNET,
        [
            *(_address(address, _bits(address), "lo") for address in sorted(addresses)),
            *_leaf(_INTERNET_LINK, []),
        ],
    )
    for carrier in layout.carriers:
        yield carrier.namespace, line_shaping.list_carrier_commands(layout, carrier)
    for region in layout.regions:
        yield (
            region.namespace,
            [*_up("lo"), *(up for port in line_shaping.list_region_ports(region) for up in _up(port))],
        )
    for school in layout.schools:
        # What a virtual switch's ports do is its own matter.
        yield school.switch, _up("lo") if school.is_virtual else _switch(school)
        yield school.router, _router(school)
        for host in school.hosts:
            yield host.namespace, [*_up("lo"), *list_attachment(host.interface)]


def _configure(name: str, words: list[str]) -> None:
    if any(MANAGEMENT_INTERFACE in line for line in words):
        # The ports of a switch speak no IPv6 of their own; its management interface does.
        kernel_settings.apply_namespace_settings(name, {f"net/ipv6/conf/{MANAGEMENT_INTERFACE}/disable_ipv6": "0"})
    run_ip_batch(words, inside=name)


def _core(layout: Layout) -> Iterator[str]:
    for port, link in (("ctl", _CONTROLLER_LINK), ("net", _INTERNET_LINK)):
        yield from _line(port, link, 0)
    yield from _routes(layout.controller, plan_core_link(_CONTROLLER_LINK, 1))
    yield from _default(plan_core_link(_INTERNET_LINK, 1))
    if (around := layout.perimeter) is not None:
        yield from _line("home", _HOME_LINK, 0)
        for both in around.outside:
            yield from _routes(both, plan_core_link(_HOME_LINK, 1))
    for region in layout.regions:
        yield from _up(region.id)


def _leaf(link: int, own: Sequence[FamilyPair]) -> list[str]:
    """A namespace with one line to the core; its own address, where it has one, is what it sends from."""
    words = [*_up("lo"), *_line(UPLINK, link, 1)]
    for both in own:
        words += [_address(address, _bits(address), "lo") for address in both.by_family.values()]
    for family, core in plan_core_link(link, 0).by_family.items():
        source = own[0].find(family) if own else None
        words.append(f"route add default via {core}" + (f" src {source}" if source else ""))
    return words


def _routes(to: FamilyPair, via: FamilyPair) -> Iterator[str]:
    """Routes to addresses that hang on one of the core's links."""
    return (f"route add {one}/{_bits(one)} via {via.of(family)}" for family, one in to.by_family.items())


def _router(school: SchoolLayout) -> list[str]:
    words = _up("lo")
    for line in school.lines:
        words += _up(line.interface)
    for gateway in school.gateways:
        words += _addresses(gateway.port, gateway.interface)
        if gateway.interface.gateway == school.management.gateway:
            words += _addresses(gateway.port, gateway.interface.model_copy(update={"address": school.router_address}))
        words += _up(gateway.port)
    if school.behind:  # its own address of the devices' segment, which is on the other side of the switch
        words += [_address(one, _bits(one), "lo") for one in school.router_address.by_family.values()]
        (link,) = school.gateways
        for prefix in school.behind:
            words.append(f"route add {prefix} via {link.interface.gateway.of(Family(ip_network(prefix).version))}")
    return words


def _switch(school: SchoolLayout) -> list[str]:
    words = [*_up("lo"), *_attached(MANAGEMENT_INTERFACE, school.management)]
    for port in school.ports:
        words += _up(port.name)
    return words


def list_attachment(attached: Interface) -> list[str]:
    """Return what gives a host its addresses and its way out."""
    return [*_attached(HOST_INTERFACE, attached)]


def _attached(interface: str, attached: Interface) -> Iterator[str]:
    yield from _addresses(interface, attached)
    yield from _up(interface)
    yield from _default(attached.gateway)


def _line(port: str, link: int, side: int) -> Iterator[str]:
    end = plan_core_link(link, side)
    yield _address(end.v4, "31", port)
    yield _address(end.v6, "127", port)
    yield from _up(port)


def _addresses(interface: str, attached: Interface) -> Iterator[str]:
    for family, address in attached.address.by_family.items():
        yield _address(address, attached.length.of(family), interface)


def _address(address: str, length: str, interface: str) -> str:
    # Without `nodad` an IPv6 address stays tentative for a moment, and a route that names it as source is refused.
    return f"addr add {address}/{length} dev {interface}" + (" nodad" if ":" in address else "")


def _default(via: FamilyPair) -> Iterator[str]:
    return (f"route add default via {address}" for address in via.by_family.values())


def _up(interface: str) -> list[str]:
    return [f"link set dev {interface} up"]


def _bits(address: str) -> str:
    return str(ip_address(address).max_prefixlen)

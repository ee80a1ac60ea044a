"""From the City to the plan of the virtual city. Nothing is invented here that the City already says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from controller.errors import LabError
from controller.lab.state import paths
from controller.lab.state.application_addresses import choose_host_address, choose_tcp_port, list_served_addresses
from controller.lab.state.layout import (
    CORE_ASN,
    BothFamilies,
    CarrierLayout,
    FamilyPair,
    Gateway,
    HostLayout,
    Interface,
    Layout,
    LineLayout,
    Listener,
    RegionLayout,
    SchoolLayout,
    SwitchPort,
)
from controller.lab.state.perimeter import choose_own_addresses, list_iap_listeners, plan_perimeter
from controller.lab.state.switch_wires import (
    OPEN_VSWITCH,
    ROUTING_SWITCHES,
    VIRTUAL_SWITCHES,
    keep_family,
    plan_link,
    plan_wires,
)
from controller.model.city import City
from controller.model.network.device_state import PortRole
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES, AccessLineName
from controller.model.sites.devices import FIRST_DEVICE, Device
from controller.model.sites.schools import School
from controller.model.virtual_city import VirtualCity, name_gateway_port

FIRST_HOST = 100
"""Hosts take the addresses of their segment from its hundredth on."""
_ROUTER = 1
"""The router is the second of a school's devices: its address is the one after the switch's."""
_CORE_LINKS = BothFamilies(v4="100.65.0.0", v6="fd74:736e::")
"""Links of the core take pairs of addresses from here (shared and unique local space: never a school's)."""
_FIRST_REGION_LINK = 16


def plan_layout(city: VirtualCity, schools: int, world: Path | None = None) -> Layout:
    """The virtual city with the first so many of the lab's schools, the canary first.

    With a `world` (the file of an offline Google that a stack was deployed to), the proxy stands before its
    applications.

    Raises:
        LabError: there are not so many, or `lab.yaml` does not fit the lab that would be built.
    """
    known = (
        city.virtual_estate.canary,
        *(name for name in city.virtual_estate.schools if name != city.virtual_estate.canary),
    )
    if not 1 <= schools <= len(known):
        message = f"{schools} schools: the lab overlay (lab.yaml) names {len(known)}; choose 1 to {len(known)}"
        raise LabError(message)
    _refuse_other_lines(city, known[:schools])
    lines = _list_lines(city, known[:schools])
    chosen = tuple(_school(city, city.school_by_id[name]) for name in known[:schools])
    around = plan_perimeter(city, world) if world else None
    layout = Layout(
        user=paths.SSH_USER,
        ssh_port=paths.SSH_PORT,
        families=city.families,
        controller=_controller(city),
        carriers=tuple(
            CarrierLayout(line=line, length=_of_each(city, partial(_get_link_length, city, line))) for line in lines
        ),
        regions=tuple(_region(city, number, lines) for number in range(len(city.lines.regions))),
        schools=chosen,
        listeners=tuple(_listeners(city, chosen, list_iap_listeners(around))),
        perimeter=around,
    )
    twice = [name for name, times in Counter(layout.namespaces).items() if times > 1]
    if twice:
        message = f"lab.yaml: the host ids lead to the same namespace twice: {', '.join(twice)}"
        raise LabError(message)
    return layout


def _get_link_length(city: City, line: AccessLineName, family: Family) -> int:
    return city.lines.get_link(line).get_prefix(family).prefixlen


def _list_lines(city: City, names: Iterable[str]) -> tuple[AccessLineName, ...]:
    """The lines that some school of the lab has."""
    had = {line for name in names for line in city.school_by_id[name].lines.by_name}
    return tuple(line for line in ACCESS_LINE_NAMES if line in had)


def _refuse_other_lines(city: City, names: Iterable[str]) -> None:
    for school in (city.school_by_id[name] for name in names):
        for name, line in school.lines.by_name.items():
            if line.tunnel is not None or line.routing != "bgp":
                how = f"goes through a tunnel ({line.tunnel})" if line.tunnel else "has static routes"
                message = (
                    f"{school.origin}: the {name} line of school {school.id} {how}; the lab builds lines with BGP and "
                    "no tunnel only: choose other schools in lab.yaml"
                )
                raise LabError(message)


def _controller(city: City) -> FamilyPair:
    found = {Family(prefix.version): choose_host_address(prefix) for prefix in reversed(city.controllers)}
    missing = [f"IPv{int(family)}" for family in city.families if family not in found]
    if missing:
        message = (
            f"city.yaml: 'controllers' names no {' and no '.join(missing)} address; the lab needs one of each family "
            "that the city uses"
        )
        raise LabError(message)
    return _of_each(city, found.__getitem__)


def plan_core_link(number: int, side: int) -> BothFamilies:
    """An end of one of the core's links: side 0 is the core's."""
    step = 2 * number + side
    return BothFamilies(v4=str(ip_address(_CORE_LINKS.v4) + step), v6=str(ip_address(_CORE_LINKS.v6) + step))


def _region(city: City, number: int, lines: Iterable[AccessLineName]) -> RegionLayout:
    region = city.lines.regions[number]
    if region.asn == CORE_ASN:
        message = f"{region.origin}: AS {CORE_ASN} is the core's in the lab; give region {region.id} another one"
        raise LabError(message)
    return RegionLayout(
        id=region.id,
        asn=region.asn,
        addresses={line: _of_each(city, partial(city.lines.region_address, region, line)) for line in lines},
        core_link=plan_core_link(_FIRST_REGION_LINK + number, 1),
        core=plan_core_link(_FIRST_REGION_LINK + number, 0),
    )


def _of_each(city: City, value: Callable[[Family], object]) -> FamilyPair:
    """What a function gives for each family that the city uses."""
    found = {family: str(value(family)) for family in city.families}
    return FamilyPair(v4=found.get(Family.V4), v6=found.get(Family.V6))


def _line(city: City, school: School, line: AccessLineName) -> LineLayout:
    return LineLayout(
        name=line,
        interface=city.lines.get_link(line).interface,
        port=f"school{school.number}",
        mbps=city.virtual_estate.rates[school.id].get_rate(line, school.lines.by_name[line].mbps),
        address=_of_each(city, partial(city.lines.school_address, school, line)),
    )


def _school(city: VirtualCity, school: School) -> SchoolLayout:
    device, router = city.list_devices(school)
    routers_own = _interface(city, school, city.management_segment, FIRST_DEVICE + _ROUTER)
    management = _interface(city, school, city.management_segment, FIRST_DEVICE)
    virtual = device.platform in VIRTUAL_SWITCHES
    if not virtual and device.platform != OPEN_VSWITCH:
        message = (
            f"the lab has no switch of the platform {device.platform} (lab.yaml, school {school.id}); "
            f"it has: {', '.join((OPEN_VSWITCH, *sorted(VIRTUAL_SWITCHES)))}"
        )
        raise LabError(message)
    if virtual:  # a switch has the one address that the controller reaches it at
        family = Family(device.management.version)
        management = management.model_copy(update={"address": keep_family(management.address, family)})
    routes = device.platform in ROUTING_SWITCHES
    vlans = _list_vlans(city, school)
    gateways = (plan_link(city, school),) if routes else tuple(_gateways(city, school, city.served_segments))
    hosts = tuple(_hosts(city, school))
    return SchoolLayout(
        id=school.id,
        asn=city.lines.get_asn(school),
        device=device.id,
        router_device=router.id,
        router_address=routers_own.address,
        block=_of_each(city, partial(city.addresses.school_prefix, school)),
        outside=tuple(
            str(one) for family in city.families for one in city.addresses.school_prefixes(school, family)[1:]
        ),
        egress=choose_own_addresses(school),
        lines=tuple(_line(city, school, line) for line in school.lines.by_name),
        ports=tuple(_ports(city, device, vlans, virtual=virtual)),
        management_port="h-mgmt",
        management=management,
        gateways=gateways,
        hosts=hosts,
        platform=device.platform,
        wires=tuple(plan_wires(device, _list_host_vlans(city, vlans), hosts, gateways)) if virtual else (),
        behind=tuple(
            str(city.addresses.segment_prefix(school, city.segments[name], family))
            for name in city.served_segments
            for family in city.families
        )
        if routes
        else (),
    )


def _gateways(city: VirtualCity, school: School, segments: Iterable[str]) -> Iterator[Gateway]:
    vlans = _list_vlans(city, school)
    for name in segments:
        interface = _interface(city, school, name, 1)
        yield Gateway(segment=name, vlan=vlans[name], port=name_gateway_port(city.segments[name]), interface=interface)


def _hosts(city: VirtualCity, school: School) -> Iterator[HostLayout]:
    numbers = _number_hosts(city)
    for host in city.list_hosts(school):
        yield HostLayout(
            id=host.id,
            school=school.id,
            segment=host.segment,
            namespace=paths.name_host_namespace(school.id, host.id),
            port=f"h-{host.id}",
            interface=_interface(city, school, host.segment, FIRST_HOST + numbers[host.id, host.segment]),
        )


def _number_hosts(city: VirtualCity) -> dict[tuple[str, str], int]:
    """By host and segment: how many are before it in that segment, in any stage of integration."""
    taken: Counter[str] = Counter()
    found: dict[tuple[str, str], int] = {}
    for host in city.virtual_estate.hosts:
        if (host.id, host.segment) not in found:
            found[host.id, host.segment] = taken[host.segment]
            taken[host.segment] += 1
    return found


def _list_vlans(city: VirtualCity, school: School) -> dict[str, int]:
    """The VLAN of each segment that a school has in the virtual city, in one stage of integration or another."""
    own = {one.id: one.vlan for one in school.segments if one.vlan is not None}
    return {name: own.get(name, city.segments[name].vlan) for name in city.served_segments}


def _list_host_vlans(city: VirtualCity, vlans: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """By host: the VLANs that it is in, in one stage of integration or another."""
    estate = city.virtual_estate
    return {
        name: tuple(vlans[segment] for segment in estate.list_segments_of(name))
        for name in dict.fromkeys(one.id for one in estate.hosts)
    }


def _ports(city: VirtualCity, device: Device, vlans: Mapping[str, int], *, virtual: bool) -> Iterator[SwitchPort]:
    """Yield a switch's ports; an Open vSwitch has those to the gateways of other stages of integration, too."""
    listed = [port for port in device.ports if port.role is PortRole.HOST_FACING or not virtual]
    for port in listed:
        yield SwitchPort(name=port.name, vlan=vlans[port.segments[0]])
    for name in () if virtual else city.served_segments:
        if (gateway := name_gateway_port(city.segments[name])) not in {port.name for port in listed}:
            yield SwitchPort(name=gateway, vlan=vlans[name])


def _interface(city: City, school: School, segment: str, number: int) -> Interface:
    subnet = partial(city.addresses.segment_prefix, school, city.segments[segment])
    gateway = partial(city.addresses.gateway_address, school, city.segments[segment])
    return Interface(
        address=_of_each(city, lambda family: family.format_address(int(subnet(family).network_address) + number)),
        length=_of_each(city, lambda family: subnet(family).prefixlen),
        gateway=_of_each(city, lambda family: family.format_address(gateway(family))),
    )


def _listeners(city: City, schools: tuple[SchoolLayout, ...], taken: frozenset[tuple[str, int]]) -> Iterator[Listener]:
    named: dict[tuple[str, str, int], list[str]] = {}
    for address, remote_port, name in list_served_addresses(city):
        if (address, remote_port) in taken:
            continue  # the proxy listens there
        named.setdefault((paths.INTERNET, address, remote_port), []).append(name)
    for host in (host for school in schools for host in school.hosts):
        for application in city.applications.values():
            port = choose_tcp_port(application)
            if application.segment == host.segment and port is not None:
                for address in host.interface.address.by_family.values():
                    key = (host.namespace, address, port)
                    named.setdefault(key, []).append(application.id)
    for (namespace, address, served_port), names in named.items():
        yield Listener(namespace=namespace, address=address, port=served_port, applications=tuple(names))

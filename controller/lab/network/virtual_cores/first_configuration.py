"""What a virtual switch boots with first: what an installer leaves, and our VLANs, ports and addresses without filters.

As at every other school of the lab, everything lets everything through until a plan was applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_interface

from controller.compile.network.wanted_device_state import compile_device
from controller.lab.network.virtual_cores.core_devices import list_ports
from controller.lab.state.layout import SchoolLayout
from controller.model.virtual_city import VirtualCity
from controller.platforms.registry import load_platform


def write_first_configuration(city: VirtualCity, school: SchoolLayout) -> str:
    """Return the startup configuration of a school's virtual switch."""
    device = next(one for one in city.list_devices(city.school_by_id[school.id]) if one.id == school.device)
    platform = load_platform(school.platform)
    wanted = replace(compile_device(city, device, platform.capabilities).wanted, filters=(), bindings=())
    before, after = _FRAMES[school.platform](school)
    unused = [name for name in list_ports(school.platform) if name not in {port.name for port in device.ports}]
    after += [line for name in unused for line in (f"interface {name}", " shutdown", "exit")]
    return "\n".join((*before, *platform.render(wanted).splitlines(), *after, "end", ""))


def _frame_catalyst(school: SchoolLayout) -> tuple[list[str], list[str]]:
    (link,) = school.gateways
    before = [
        "version 17.9",
        f"hostname {school.device}",
        "vtp mode transparent",
        "ip routing",
        "ipv6 unicast-routing",
        "archive",
        " path flash:archive",
    ]
    # The router's own address is in the devices' segment, and the router is not.
    after = []
    if (via := link.interface.address.v4) is not None:
        after += [f"ip route 0.0.0.0 0.0.0.0 {via}", f"ip route {school.router_address.v4} 255.255.255.255 {via}"]
    if (via := link.interface.address.v6) is not None:
        after += [f"ipv6 route ::/0 {via}", f"ipv6 route {school.router_address.v6}/128 {via}"]
    return before, after


def _frame_x530(school: SchoolLayout) -> tuple[list[str], list[str]]:
    return [f"hostname {school.device}"], list(_give_address(school))


def _give_address(school: SchoolLayout) -> Iterator[str]:
    """Yield the switch's own address in the devices' segment, whose gateway is the router."""
    gateway = next(one for one in school.gateways if one.interface.gateway == school.management.gateway)
    address = ip_interface(f"{school.management.address.first}/{_find_length(school)}")
    yield f"interface vlan{gateway.vlan}"
    yield f" ip{'v6' if address.version == 6 else ''} address {address}"  # noqa: PLR2004
    yield "exit"
    if address.version == 6:  # noqa: PLR2004
        yield f"ipv6 route ::/0 {school.management.gateway.v6}"
    else:
        yield f"ip route 0.0.0.0/0 {school.management.gateway.v4}"


def _find_length(school: SchoolLayout) -> str:
    (family,) = school.management.address.by_family
    return school.management.length.of(family)


_FRAMES = {"cisco_ios": _frame_catalyst, "allied_telesis_awplus": _frame_x530}

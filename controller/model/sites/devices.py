"""The devices of a school, as its blueprint describes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from controller.model.network.device_state import PortMode, PortRole
from controller.model.network.router_link import KeepsState
from controller.model.sites.schools import AccessSelection, Blueprint, DeviceGroup, DeviceRole, School, Ssid

EstateName = Literal["real", "virtual"]
"""Which devices of a city are meant: the schools' own, or the virtual city's."""

Address = IPv4Address | IPv6Address

FIRST_DEVICE = 10
"""Devices take the addresses of the management segment from its tenth on; the gateway is the first."""

_SHORT: dict[DeviceRole, str] = {"router": "rt", "core": "core", "floor": "floor", "access-point": "ap"}


@dataclass(frozen=True, slots=True)
class DevicePort:
    """A port by its name on the device, with the segments it carries."""

    name: str
    mode: PortMode
    segments: tuple[str, ...]
    role: PortRole


@dataclass(frozen=True)
class Device:
    """A device of a school; SSH reaches it at `management`; `ports` is what the blueprint wants of it.

    `access` is the id of how it is reached; what that is stands in the operators' file, and so does `ssh_port`.
    `keeps_state`: who answers for it that this router keeps the state of TCP. `networks`: those of an access point.
    `unpinned_hint`: what to look at first where no host key of it is pinned, as the start of a sentence.
    """

    id: str
    school: School
    role: DeviceRole
    platform: str
    management: IPv4Address | IPv6Address
    access: str
    ports: tuple[DevicePort, ...]
    keeps_state: KeepsState | None = None
    networks: tuple[Ssid, ...] = ()
    unpinned_hint: str = ""
    ssh_port: int = 22


def build_blueprint_devices(  # noqa: PLR0913, PLR0917 what a device is made of
    school: School,
    blueprint: Blueprint,
    lot: str,
    access: AccessSelection,
    ports_of: Callable[[DeviceGroup, str], tuple[DevicePort, ...]],
    address: Callable[[School, int], Address],
) -> Iterator[Device]:
    """The devices of a school by its blueprint; `ports_of` a group on a platform, `address` of the n-th device."""
    index = 0
    numbers: Counter[DeviceRole] = Counter()
    for group in blueprint.devices:
        ports = ports_of(group, group.platform[lot])
        for _ in range(group.count):
            numbers[group.role] += 1
            yield Device(
                id=f"{school.id}-{_SHORT[group.role]}{numbers[group.role]}",
                school=school,
                role=group.role,
                platform=group.platform[lot],
                management=address(school, index),
                access=access.choose_access(school.id, lot, group.role),
                ports=ports,
                keeps_state=group.keeps_state.get(lot),
                networks=group.ssids,
            )
            index += 1


def expand_port_groups(
    group: DeviceGroup, pattern: str, segments: tuple[str, ...], management: str
) -> Iterator[DevicePort]:
    """The ports of each device of a group; `pattern` names the n-th of its platform, `segments` are all there are."""
    if group.ssids:
        named = [*(ssid.segment for ssid in group.ssids), management]
        carried = tuple(dict.fromkeys(named))
        yield DevicePort(pattern.format(n=1), PortMode.TRUNK, carried, PortRole.UPLINK)
    for ports in group.ports:
        carried = segments if ports.segments == "all" else ports.segments
        for number in range(ports.first, ports.last + 1):
            yield DevicePort(pattern.format(n=number), ports.mode, carried, ports.faces)

"""The devices of a school, as its blueprint and the inventory describe them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from controller.errors import Origin
from controller.model.network.device_state import PortMode, PortRole
from controller.model.network.lags import LagMode
from controller.model.network.router_link import KeepsState
from controller.model.sites.blueprints import Blueprint, DeviceGroup, PortGroup, Ssid
from controller.model.sites.inventory import ListedDevice
from controller.model.sites.schools import AccessSelection, DeviceRole, School
from controller.model.sites.stages import Stage, is_in_stage

EstateName = Literal["real", "virtual"]
"""Which devices of a city are meant: the schools' own, or the virtual city's."""

Address = IPv4Address | IPv6Address

FIRST_DEVICE = 10
"""Devices take the addresses of the management segment from its tenth on; the gateway is the first."""

_SHORT: dict[DeviceRole, str] = {"router": "rt", "core": "core", "floor": "floor", "access-point": "ap"}


@dataclass(frozen=True, slots=True)
class DeviceLag:
    """The ports that are a LAG: its number and its mode, and their names on the device, in order."""

    number: int
    mode: LagMode
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DevicePort:
    """A port by its name on the device, with the segments it carries.

    A LAG has no name but its number until a platform gives it one.
    """

    name: str
    mode: PortMode
    segments: tuple[str, ...]
    role: PortRole
    lag: DeviceLag | None = None


NumberRanges = tuple[tuple[str, int], ...]
"""The first number of each range that is ours, with the range's name, in order of the names."""


@dataclass(frozen=True)
class Device:
    """A device of a school; SSH reaches it at `management`; `ports` is what the blueprint wants of it.

    `access` is the id of how it is reached; what that is stands in the operators' file, and so does `ssh_port`.
    `keeps_state`: who answers for it that this router keeps the state of TCP. `networks`: those of an access point.
    `names_dot1q`: the policy says that it must be told the encapsulation of its trunks.
    `origin`: where the policy says of it what it is, the inventory or the blueprint.
    `numbers`: which numbers of it are ours, as the operators' file reserves them.
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
    origin: Origin | None = None
    names_dot1q: bool = False
    numbers: NumberRanges = ()


@dataclass(frozen=True, slots=True)
class DeviceSlot:
    """A device that a school has by its blueprint, by the inventory, or by both; `listed` is the inventory's word.

    `group` and `lot` are what follows from the blueprint for it.
    """

    id: str
    group: DeviceGroup
    listed: ListedDevice | None = None
    lot: str = ""

    @property
    def platform(self) -> str | None:
        """Its platform; None where neither the inventory nor the blueprint has one for it."""
        own = self.listed.platform if self.listed else None
        return own or self.group.platform.get(self.lot)

    @property
    def names_dot1q(self) -> bool:
        """Whether it must be told the encapsulation of its trunks."""
        own = self.listed.trunk_encapsulation if self.listed else None
        return (own or self.group.trunk_encapsulation.get(self.lot)) is not None

    @property
    def port_groups(self) -> DeviceGroup | ListedDevice:
        """Whose word holds on its ports."""
        return self.group if self.listed is None or self.listed.ports is None else self.listed


def assign_devices(
    school: School, blueprint: Blueprint, listed: Iterable[ListedDevice]
) -> tuple[tuple[DeviceSlot, ...], tuple[ListedDevice, ...]]:
    """Return the devices of a school, and what the inventory lists beyond those that its blueprint has room for.

    A listed device stands for the one that the formula calls so, or else for the next of its role.
    """
    numbers: Counter[DeviceRole] = Counter()
    formula: list[tuple[str, DeviceGroup]] = []
    for group in blueprint.devices:
        for _ in range(group.managed):
            numbers[group.role] += 1
            formula.append((f"{school.id}-{_SHORT[group.role]}{numbers[group.role]}", group))
    roles = {name: group.role for name, group in formula}
    named = {one.id: one for one in listed if roles.get(one.id) == one.role}
    waiting = [one for one in listed if one.id not in named]
    slots: list[DeviceSlot] = []
    for name, group in formula:
        own = named.get(name) or next((one for one in waiting if one.role == group.role), None)
        waiting = [one for one in waiting if one is not own]
        slots.append(DeviceSlot(own.id if own else name, group, own))
    for group in blueprint.devices:
        if group.count == "listed":
            slots += [DeviceSlot(one.id, group, one) for one in waiting if one.role == group.role]
            waiting = [one for one in waiting if one.role != group.role]
    return tuple(slots), tuple(waiting)


PortsOf = Callable[[DeviceGroup | ListedDevice, str, Stage | None], tuple[DevicePort, ...]]
"""The ports that a group of a blueprint, or the inventory, gives a device of a platform in a stage."""


def build_devices(  # noqa: PLR0913, PLR0917 what a device follows from
    school: School,
    stage: Stage | None,
    slots: Iterable[DeviceSlot],
    access: AccessSelection,
    ports_of: PortsOf,
    address: Callable[[School, int], Address],
) -> Iterator[Device]:
    """The devices of a school in its stage; `address` is that of the n-th device by the formula."""
    for index, slot in enumerate(slots):
        group, listed = slot.group, slot.listed
        platform = slot.platform or group.platform[slot.lot]
        yield Device(
            id=slot.id,
            school=school,
            role=group.role,
            platform=platform,
            management=(listed.management if listed else None) or address(school, index),
            access=(listed.access if listed else None) or access.choose_access(school.id, slot.lot, group.role),
            ports=ports_of(slot.port_groups, platform, stage),
            keeps_state=group.keeps_state.get(slot.lot),
            networks=tuple(one for one in group.ssids if is_in_stage(one.stages, stage)),
            origin=listed.origin if listed else group.origin,
            names_dot1q=slot.names_dot1q,
        )


def expand_port_groups(
    group: DeviceGroup | ListedDevice, stage: Stage | None, pattern: str, segments: tuple[str, ...], management: str
) -> Iterator[DevicePort]:
    """The ports of each device of a group in a stage.

    `pattern` names the n-th port of its platform, `segments` are all that there are.
    """
    if isinstance(group, DeviceGroup) and group.ssids:
        named = [*(ssid.segment for ssid in group.ssids if is_in_stage(ssid.stages, stage)), management]
        carried = tuple(dict.fromkeys(named))
        yield DevicePort(pattern.format(n=1), PortMode.TRUNK, carried, PortRole.UPLINK)
    lags: dict[int, DevicePort] = {}
    for ports in group.ports or ():
        if not is_in_stage(ports.stages, stage):
            continue
        carried = segments if ports.segments == "all" else ports.segments
        names = name_ports(ports, pattern)
        if ports.lag is None:
            yield from (DevicePort(name, ports.mode, carried, ports.faces) for name in names)
        else:
            known = lags.get(ports.lag.number)
            members = tuple(sorted((*(known.lag.members if known and known.lag else ()), *names)))
            lag = DeviceLag(ports.lag.number, ports.lag.mode, members)
            lags[lag.number] = DevicePort(f"LAG {lag.number}", ports.mode, carried, ports.faces, lag)
    yield from lags.values()


def name_ports(ports: PortGroup, pattern: str) -> list[str]:
    """Return the names of the ports of a group; `pattern` names the n-th of its platform."""
    return [(ports.pattern or pattern).format(n=number) for number in range(ports.first, ports.last + 1)]

"""The virtual estate of a city: a few of its schools with stand-in devices, in place of the real schools' devices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from functools import cached_property
from typing import Any, ClassVar

from controller.errors import PolicyError, Problem
from controller.model.access.rules import Segment
from controller.model.city import City
from controller.model.network.device_state import PortMode, PortRole
from controller.model.network.router_link import KeepsState
from controller.model.policy_files import LAB, find_file_start
from controller.model.sites.devices import Device, DevicePort, EstateName
from controller.model.sites.schools import LONGEST_LAB_NAME, LabFile, LabHost, School

ACCESS = "virtual-city"
"""How all devices of the virtual city are reached; `tsunagu lab up` writes what that is."""


UPLINK_PORT = 24
"""The number of the port to the router, on a switch whose ports have numbers."""
STATELESS_PLATFORMS = frozenset({"allied_telesis_awplus"})
"""Platforms whose filters match no TCP flags: the virtual city gives their schools a router that does."""
TAGGED_PLATFORMS = frozenset({"allied_telesis_awplus"})
"""Platforms whose filters know a VLAN by its tag: there a host's packets come in tagged, as from a floor switch."""
ROUTER_KEEPS_STATE = KeepsState(
    owner="tsunagu lab up",
    reason="仮想校のルーターの nftables が、答えとしてだけ許される TCP のうち ACK も RST もないものを捨てる",
)
_NO_VIRTUAL_CITY = "There is no virtual city:"
_NO_LAB = (
    "file is missing; only the virtual city (`tsunagu lab`, `--lab`) needs it. Write: format: 2, schools: [SCHOOL], "
    "canary: SCHOOL, rates: {SCHOOL: {primary: 400, backup: 100}}, platform: ovs, router-platform: frr, "
    "hosts: [{id: staff, segment: SEGMENT}]"
)


def name_gateway_port(segment: Segment) -> str:
    """Return the port of an Open vSwitch that leads to a segment's gateway: by its id where that is short enough."""
    return f"g-{segment.id}" if len(segment.id) <= LONGEST_LAB_NAME else f"g-vlan{segment.vlan}"


class VirtualCity(City):
    """The same policy and schools as the real city, with the devices that `policies/city/lab.yaml` describes."""

    estate: ClassVar[EstateName] = "virtual"
    called: ClassVar[str] = "the virtual city"

    @cached_property
    def virtual_estate(self) -> LabFile:
        """Which schools the virtual estate has, and with what devices.

        Raises:
            PolicyError: the policy has no such file; the city can do without one.
        """
        found = self.files.find(LAB)
        if found is None:
            origin = find_file_start(self.directory, LAB)
            raise PolicyError(_NO_VIRTUAL_CITY, [Problem(origin, "", _NO_LAB)])
        return found

    @property
    def canary(self) -> str:
        """The id of the school of the file that is changed before all others."""
        return self.virtual_estate.canary

    @cached_property
    def estate_schools(self) -> tuple[School, ...]:
        """The schools of the file, in its order."""
        return tuple(self.school_by_id[name] for name in self.virtual_estate.schools)

    def _devices(self, school: School) -> Iterator[Device]:
        """A switch with a port for each host and the way to the gateways, then a router."""
        file = self.virtual_estate
        platform = file.get_platform(school.id)
        pattern = self.blueprints.port_names.get(platform)
        switch = Device(
            id=f"{school.id}-core1",
            school=school,
            role="core",
            platform=platform,
            management=self.addresses.device_address(school, 0),
            access=ACCESS,
            ports=tuple(
                self._list_ports(school) if pattern is None else self._list_numbered_ports(school, pattern, platform)
            ),
            # Its host key is pinned when its school is built.
            unpinned_hint="is its school up in the virtual city ('tsunagu lab status')? Or ",
        )
        router = replace(
            switch,
            id=f"{school.id}-rt1",
            role="router",
            platform=file.router_platform,
            management=self.addresses.device_address(school, 1),
            ports=(),
            keeps_state=ROUTER_KEEPS_STATE if platform in STATELESS_PLATFORMS else None,
        )
        yield from (switch, router)

    @property
    def served_segments(self) -> tuple[str, ...]:
        """The segments of the hosts in any stage of integration, and that of the devices."""
        return tuple(dict.fromkeys([*(host.segment for host in self.virtual_estate.hosts), self.management_segment]))

    def list_hosts(self, school: School) -> tuple[LabHost, ...]:
        """The hosts of a school, each where it is in the school's stage."""
        return self.virtual_estate.list_hosts(self.find_stage(school))

    def list_served_segments(self, school: School) -> tuple[str, ...]:
        """The segments of a school's hosts in its stage, and that of the devices."""
        return tuple(dict.fromkeys([*(host.segment for host in self.list_hosts(school)), self.management_segment]))

    def _list_ports(self, school: School) -> Iterator[DevicePort]:
        """A port for each host, one for the switch's own management, and one for each segment's gateway."""
        access, facing = PortMode.ACCESS, PortRole.HOST_FACING
        for host in self.list_hosts(school):
            yield DevicePort(f"h-{host.id}", access, (host.segment,), facing)
        yield DevicePort("h-mgmt", access, (self.management_segment,), facing)
        for name in self.list_served_segments(school):
            yield DevicePort(name_gateway_port(self.segments[name]), access, (name,), PortRole.UPLINK)

    def _list_numbered_ports(self, school: School, pattern: str, platform: str) -> Iterator[DevicePort]:
        """The first ports for the hosts, in their order, then one of the devices' segment, and one to the router.

        Without a port in its VLAN, the switch's own address in the devices' segment would be down.
        """
        mode = PortMode.TRUNK if platform in TAGGED_PLATFORMS else PortMode.ACCESS
        own = [*(host.segment for host in self.list_hosts(school)), self.management_segment]
        for number, segment in enumerate(own, start=1):
            yield DevicePort(pattern.format(n=number), mode, (segment,), PortRole.HOST_FACING)
        served = self.list_served_segments(school)
        yield DevicePort(pattern.format(n=UPLINK_PORT), PortMode.TRUNK, served, PortRole.UPLINK)


ESTATES: dict[EstateName, type[City]] = {kind.estate: kind for kind in (City, VirtualCity)}
"""The estates of a city by the name that saved plans keep."""


def choose_virtual_city(city: City) -> VirtualCity:
    """Return the virtual estate of a city that is loaded already, with the same policy."""
    return VirtualCity(**_contents(city))


def choose_estate(city: City, estate: EstateName) -> City:
    """Return the named estate of a city that is loaded already, with the same policy."""
    return ESTATES[estate](**_contents(city))


def list_estates(city: City) -> list[City]:
    """Return the estates that a city has: the real one, and the virtual one where a file describes it."""
    named = [name for name in ESTATES if name != VirtualCity.estate or city.files.find(LAB) is not None]
    return [choose_estate(city, name) for name in named]


def _contents(city: City) -> dict[str, Any]:
    return {field.name: getattr(city, field.name) for field in fields(city)}

"""The inventory: devices with a name, address, platform or ports of their own (`policies/city/devices/*.yaml`)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Self

from pydantic import Field, model_validator

from controller.inputs.character_classes import PlatformName
from controller.inputs.exact_values import AddressText
from controller.model.sites.blueprints import PortGroup, TrunkEncapsulation, refuse_repeated_ports
from controller.model.sites.schools import DeviceRole, Identifier
from controller.model.yaml_source import LocatedItem, StrictModel


class ListedDevice(LocatedItem):
    """A device of a school as an inventory has it; what it does not say follows from the school's blueprint.

    It is the device that the formula calls by the same id, or else the next of its role at its school. `lot` and
    `blueprint` are those that its platform and its ports follow from, where they are not the school's.
    `trunk_encapsulation`: this switch must be told that its trunks are of IEEE 802.1Q.
    """

    id: Identifier
    school: Identifier
    role: DeviceRole
    lot: Identifier | None = None
    platform: PlatformName | None = None
    management: Annotated[IPv4Address | IPv6Address, AddressText] | None = None
    access: Identifier | None = None
    blueprint: Identifier | None = None
    trunk_encapsulation: TrunkEncapsulation | None = None
    ports: tuple[PortGroup, ...] | None = Field(default=None, max_length=200)

    @model_validator(mode="after")
    def _each_port_once(self) -> Self:
        refuse_repeated_ports(self.ports or (), set())
        return self


class DeviceFile(StrictModel):
    """`policies/city/devices/*.yaml`."""

    devices: tuple[ListedDevice, ...]

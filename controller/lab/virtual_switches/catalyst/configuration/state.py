"""What the configuration of a Catalyst holds, as data that commands change."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, IPv6Network
from string import ascii_letters
from typing import Literal

from controller.lab.virtual_switches.catalyst.configuration.entries import Entry
from controller.lab.virtual_switches.catalyst.words import RESERVED_VLANS

Side = Literal["in", "out"]
ListKind = Literal["standard", "extended", "ipv6"]
SIDES: tuple[Side, Side] = ("in", "out")


@dataclass
class VlanEntry:
    """A VLAN of the database."""

    name: str | None = None
    suspended: bool = False
    shut: bool = False

    @property
    def forwards(self) -> bool:
        """Whether its packets are forwarded."""
        return not self.suspended and not self.shut


@dataclass
class VlanDatabase:
    """What `vlan.dat` holds, beside the configuration: also a switch without a startup configuration has it."""

    mode: str = "server"
    domain: str = ""
    vlans: dict[int, VlanEntry] = field(default_factory=lambda: {1: VlanEntry()})

    @property
    def in_configuration(self) -> bool:
        """Whether the VLANs stand in the running configuration: in transparent mode, and off (IE 2000 guide ch. 18)."""
        return self.mode in {"transparent", "off"}

    def name_vlan(self, number: int) -> str:
        """Return the name that `show vlan` gives."""
        reserved = {1: "default", **dict(zip(RESERVED_VLANS, _RESERVED_NAMES, strict=True))}
        known = self.vlans.get(number)
        return reserved.get(number) or (known.name if known and known.name else f"VLAN{number:04}")


_RESERVED_NAMES = ("fddi-default", "token-ring-default", "fddinet-default", "trnet-default")


@dataclass
class AccessList:
    """A list, with its entries by number; a remark has the number of the entry after it."""

    name: str
    kind: ListKind
    entries: list[Entry] = field(default_factory=list)

    @property
    def rules(self) -> list[Entry]:
        """The entries that match something."""
        return [entry for entry in self.entries if not entry.is_remark]

    @property
    def next_number(self) -> int:
        """The number of an entry that is added at the end."""
        rules = self.rules
        return rules[-1].number + 10 if rules else 10


@dataclass
class Interface:
    """An interface; the settings of a layer that it is not in stay and are not shown."""

    name: str
    switched: bool = True
    description: str = ""
    shut: bool = False
    mode: str | None = None
    access_vlan: int = 1
    native_vlan: int = 1
    allowed: frozenset[int] | None = None
    encapsulation: str | None = None
    voice_vlan: int | None = None
    protected: bool = False
    nonegotiate: bool = False
    channel: tuple[int, str] | None = None
    address: IPv4Interface | None = None
    secondaries: list[IPv4Interface] = field(default_factory=list)
    relays: list[IPv4Address] = field(default_factory=list)
    addresses_6: list[IPv6Interface] = field(default_factory=list)
    relays_6: list[IPv6Address] = field(default_factory=list)
    lists: dict[Side, str] = field(default_factory=dict)
    lists_6: dict[Side, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)

    @property
    def is_vlan(self) -> bool:
        """Whether it is the switch's own interface in a VLAN."""
        return self.name.startswith("Vlan")

    @property
    def is_port_channel(self) -> bool:
        """Whether it is a group of ports."""
        return self.name.startswith("Port-channel")

    @property
    def is_loopback(self) -> bool:
        """Whether it stands for no port and no VLAN."""
        return self.name.startswith("Loopback")

    @property
    def is_physical(self) -> bool:
        """Whether it is a port of the hardware, which nobody makes or removes."""
        return not (self.is_vlan or self.is_port_channel or self.is_loopback)

    @property
    def number(self) -> int:
        """The number of a VLAN interface, a group or a loopback."""
        return int(self.name.lstrip("-" + ascii_letters))

    @property
    def switchport_settings(self) -> tuple[object, ...]:
        """What the members of a group must have in common."""
        return (
            *(self.switched, self.mode, self.access_vlan, self.native_vlan, self.allowed),
            *(self.encapsulation, self.voice_vlan, self.protected, self.nonegotiate),
        )


@dataclass
class Archive:
    """Where copies of the configuration go."""

    path: str = ""
    maximum: int | None = None
    write_memory: bool = False
    minutes: int | None = None

    @property
    def is_there(self) -> bool:
        """Whether anything of it is set."""
        return self != Archive()


StaticRouteKey = tuple[IPv4Interface | IPv6Network, IPv4Address | IPv6Address, int | None]


@dataclass
class Configuration:
    """The whole running configuration but for the VLANs, which the database holds."""

    hostname: str = "Switch"
    version: str = ""
    interfaces: dict[str, Interface] = field(default_factory=dict)
    lists: dict[str, AccessList] = field(default_factory=dict)
    ip_routing: bool = False
    ipv6_routing: bool = False
    routes: list[StaticRouteKey] = field(default_factory=list)
    archive: Archive = field(default_factory=Archive)
    exclusive: Literal["auto", "manual"] | None = None
    enable: str = ""
    enable_secret: str | None = None
    users: dict[str, str] = field(default_factory=dict)
    banners: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    changed: str = ""
    saved: str = ""

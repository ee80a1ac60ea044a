"""What an x530 is configured as, while it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from controller.lab.virtual_switches.x530.access_lists import AccessList, Family

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

ListKey = tuple[Family, str]
Group = tuple[Literal["static", "active", "passive"], int, str]
"""How a port is in a group, the group's number, and the words after it."""
FACTORY_NAME = "awplus"


@dataclass(slots=True)
class Vlan:
    """A VLAN of the VLAN database; a VLAN that is not `enabled` forwards nothing."""

    name: str
    enabled: bool = True


@dataclass(slots=True)
class Port:
    """A switch port or an aggregate; `lists` are those on it, in the order of their attachment.

    A trunk's `native` is the VLAN of its untagged packets; None: it takes none. `allowed` are its tagged VLANs.
    """

    description: str = ""
    shutdown: bool = False
    kept: dict[str, str] = field(default_factory=dict)
    mode: Literal["access", "trunk"] = "access"
    access: int = 1
    native: int | None = 1
    allowed: set[int] = field(default_factory=set)
    lists: list[ListKey] = field(default_factory=list)
    group: Group | None = None

    def switching(self) -> tuple[str, int, int | None, frozenset[int]]:
        """Return what members of a group must agree in: VLANs and tagging (S12)."""
        return self.mode, self.access, self.native, frozenset(self.allowed)

    def take_switching(self, other: Port) -> None:
        """Switch as another port does."""
        self.mode, self.access, self.native, self.allowed = (
            other.mode,
            other.access,
            other.native,
            set(other.allowed),
        )

    def uses(self, vlan: int) -> bool:
        """Tell if the port forwards in a VLAN."""
        if self.mode == "access":
            return self.access == vlan
        return vlan in self.allowed or self.native == vlan


@dataclass(slots=True)
class VlanInterface:
    """The switch's own interface in a VLAN: the addresses with lengths, the first IPv4 one is the primary."""

    description: str = ""
    shutdown: bool = False
    addresses: list[str] = field(default_factory=list)
    addresses_6: list[str] = field(default_factory=list)
    enabled_6: bool = False
    relays: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Trigger:
    """What runs scripts by the clock (S11); `minutes` is a length, or a time of day of a `time` trigger.

    `left` counts the runs that are still allowed; None: no end. `due` is when it runs next, by the device's clock.
    """

    kind: Literal["", "periodic", "time"] = ""
    minutes: int = 0
    description: str = ""
    active: bool = True
    test: bool = False
    repeat: int | None = None
    left: int | None = None
    scripts: dict[int, str] = field(default_factory=dict)
    activations: int = 0
    due: float | None = None


@dataclass(slots=True)
class Configuration:
    """The running configuration; `kept` are lines that decide nothing of what is modelled, by what they are about."""

    hostname: str = FACTORY_NAME
    kept: dict[str, str] = field(default_factory=dict)
    vlans: dict[int, Vlan] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    aggregates: dict[str, Port] = field(default_factory=dict)
    lists: dict[ListKey, AccessList] = field(default_factory=dict)
    maps: dict[str, list[str]] = field(default_factory=dict)
    filters: dict[int, str] = field(default_factory=dict)
    interfaces: dict[int, VlanInterface] = field(default_factory=dict)
    routes: dict[tuple[IPv4Network | IPv6Network, IPv4Address | IPv6Address], int | None] = field(default_factory=dict)
    forwards_6: bool = False
    triggers: dict[int, Trigger] = field(default_factory=dict)
    lines: dict[str, dict[str, str]] = field(default_factory=dict)

    def find_port(self, name: str) -> Port | None:
        """Return a port or an aggregate."""
        return self.ports.get(name) or self.aggregates.get(name)

    def list_members(self, aggregate: str) -> list[str]:
        """Return the ports of an aggregate such as `sa2` or `po1`."""
        return [name for name, port in self.ports.items() if port.group and name_group(port.group) == aggregate]

    def list_attached(self, key: ListKey) -> list[str]:
        """Return what a list stands on."""
        held = [name for name, port in (self.ports | self.aggregates).items() if key in port.lists]
        return held + [f"access-map {name}" for name, names in self.maps.items() if key in [(4, one) for one in names]]


def name_group(group: Group) -> str:
    """Return the interface of a group: `saN` of a static one, `poN` of one by LACP (S3d)."""
    return f"{'sa' if group[0] == 'static' else 'po'}{group[1]}"


def is_by_lacp(name: str) -> bool:
    """Tell if an interface is a group by LACP."""
    return name.startswith("po") and not name.startswith("port")


def build_factory(ports: int) -> Configuration:
    """Return what a switch is out of the box: every port in VLAN 1."""
    return Configuration(
        kept={
            "service password-encryption": "service password-encryption",
            "banner motd": "no banner motd",
            "snmp-server": "snmp-server",
            "ip domain-lookup": "ip domain-lookup",
            "service dhcp-server": "no service dhcp-server",
            "ip multicast-routing": "no ip multicast-routing",
            "spanning-tree mode": "spanning-tree mode rstp",
            "switch provision": f"switch 1 provision x530-{ports}",
        },
        vlans={1: Vlan("default")},
        ports={f"port1.0.{number}": Port() for number in range(1, ports + 1)},
        lines={"con 0": {}, "vty 0 4": {}},
    )


def expand_interfaces(text: str) -> list[str]:
    """Return the names of `port1.0.5-1.0.22`, `po7-8`, `vlan3-4` or a list of such; ValueError where it is none.

    >>> expand_interfaces("port1.0.1-1.0.3,sa1")
    ['port1.0.1', 'port1.0.2', 'port1.0.3', 'sa1']
    """
    names: list[str] = []
    for part in text.lower().split(","):
        low, dash, high = part.partition("-")
        kind = re.match(r"port|po|sa|vlan", low)
        first = re.fullmatch(r"(?:port|po|sa|vlan)((?:[0-9]{1,2}\.[0-9]{1,2}\.)?)([0-9]{1,4})", low)
        if not kind or not first or bool(first[1]) != (kind[0] == "port"):
            raise ValueError(text)
        last = (
            re.fullmatch(rf"(?:{kind[0]})?((?:[0-9]{{1,2}}\.[0-9]{{1,2}}\.)?)([0-9]{{1,4}})", high) if dash else first
        )
        if not last or last[1] != first[1] or int(last[2]) < int(first[2]):
            raise ValueError(text)
        names += [f"{kind[0]}{first[1]}{number}" for number in range(int(first[2]), int(last[2]) + 1)]
    return names


def merge_names(names: list[str]) -> str:
    """Return neighbours as the device merges them (S3d).

    >>> merge_names(["port1.0.5", "port1.0.6"]), merge_names(["vlan3", "vlan4"]), merge_names(["sa1"])
    ('port1.0.5-1.0.6', 'vlan3-4', 'sa1')
    """
    last = names[-1]
    if len(names) == 1:
        return last
    return f"{names[0]}-{last.lstrip('abcdefghijklmnopqrstuvwxyz')}"

"""The plan of the virtual city: its namespaces, addresses, ports and services. It is kept in the state directory."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from controller.errors import LabError
from controller.lab.state import paths
from controller.model.network.packets import Family, parse_prefix
from controller.model.sites.contracted_lines import AccessLineName

CORE_ASN = 64800
"""The autonomous system of the core, behind both regions (private use, RFC 6996)."""
IPERF_PORT, DNS_PORT, HTTP_PORT = 5201, 53, 80
"""What answers measurements at each of a region's addresses on the lines: iperf3, DNS (UDP and TCP), HTTP."""


class Frozen(BaseModel):
    """A value of the lab that never changes and knows all its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FamilyPair(Frozen):
    """The same thing in each family that there is: an address, a prefix, or a length, as text."""

    v4: str | None = None
    v6: str | None = None

    def find(self, family: Family) -> str | None:
        """The one of a family, if there is one."""
        return self.v4 if family is Family.V4 else self.v6

    def of(self, family: Family) -> str:
        """The one of a family.

        Raises:
            LabError: there is none.
        """
        found = self.find(family)
        if found is None:
            message = f"the lab that is up has no IPv{int(family)} here ({self.first})"
            raise LabError(message)
        return found

    @property
    def by_family(self) -> dict[Family, str]:
        """Those that there are."""
        return {family: found for family in Family if (found := self.find(family)) is not None}

    @property
    def first(self) -> str:
        """The one of IPv4 where there is IPv4, else that of IPv6; empty where there is neither."""
        return self.v4 or self.v6 or ""


class BothFamilies(FamilyPair):
    """The same thing in both families."""

    v4: str
    v6: str


class Interface(Frozen):
    """An interface in a segment: its addresses, the lengths of the subnets, and the segment's gateway."""

    address: FamilyPair
    length: FamilyPair
    gateway: FamilyPair


class SwitchPort(Frozen):
    """A port of a switch and the VLAN of its untagged packets."""

    name: str
    vlan: int


class Wire(Frozen):
    """What is plugged into a port of a virtual switch: a veth for its untagged packets, or for those of one VLAN."""

    interface: str
    port: str
    tag: int | None = None


class Gateway(Frozen):
    """The router's interface in a segment; `port` is its name on the switch and on the router."""

    segment: str
    vlan: int
    port: str
    interface: Interface


class HostLayout(Frozen):
    """A host of a school; `port` is its switch port."""

    id: str
    school: str
    segment: str
    namespace: str
    port: str
    interface: Interface


class LineLayout(Frozen):
    """A school's line: its interface and addresses on the router, its port at the carrier, its rate each way."""

    name: AccessLineName
    interface: str
    port: str
    mbps: int
    address: FamilyPair


class SchoolLayout(Frozen):
    """One school. `device` is its switch, `router_device` its router, which answers SSH at `router_address`.

    `egress`: an address (IPv4) and a prefix (IPv6) that nobody else comes from, where its lines have such.
    `platform` is the switch's; a virtual switch has `wires`, and no port for its own management. Where it routes, the
    only gateway is the link to it, and `behind` are the prefixes that the router reaches through it.
    """

    id: str
    asn: int
    device: str
    router_device: str
    router_address: FamilyPair
    block: FamilyPair
    outside: tuple[str, ...] = ()
    egress: FamilyPair | None = None
    lines: tuple[LineLayout, ...]
    ports: tuple[SwitchPort, ...]
    management_port: str
    management: Interface
    gateways: tuple[Gateway, ...]
    hosts: tuple[HostLayout, ...]
    platform: str = "ovs"
    wires: tuple[Wire, ...] = ()
    behind: tuple[str, ...] = ()

    @property
    def is_virtual(self) -> bool:
        """Whether its switch is a virtual one, with a vendor's command line."""
        return bool(self.wires)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Its namespaces."""
        return (self.switch, self.router, *(host.namespace for host in self.hosts))

    @property
    def own_prefixes(self) -> dict[Family, tuple[str, ...]]:
        """What its router announces: its block, what segments have outside of it, and what it translates to."""
        own = (self.block, self.egress) if self.egress else (self.block,)
        given = {
            family: (*(one for both in own if (one := both.find(family)) is not None), *self.list_outside(family))
            for family in self.block.by_family
        }
        return {family: tuple(dict.fromkeys(str(parse_prefix(one)) for one in all_)) for family, all_ in given.items()}

    def list_outside(self, family: Family) -> tuple[str, ...]:
        """Return the prefixes that segments have outside of the school's block, in one family."""
        return tuple(one for one in self.outside if parse_prefix(one).version == family)

    def list_sources(self) -> tuple[str, ...]:
        """Return the IPv4 prefixes that the school's hosts have their addresses in."""
        return *([] if self.block.v4 is None else [self.block.v4]), *self.list_outside(Family.V4)

    def find_line(self, name: AccessLineName) -> LineLayout | None:
        """One of its lines, if it has it."""
        return next((line for line in self.lines if line.name == name), None)

    def line(self, name: AccessLineName) -> LineLayout:
        """One of its lines.

        Raises:
            LabError: it has no such line.
        """
        found = self.find_line(name)
        if found is None:
            has = " and ".join(line.name for line in self.lines)
            message = f"school {self.id} has no {name} line in the lab; it has: {has}"
            raise LabError(message)
        return found

    @property
    def switch(self) -> str:
        """The switch's namespace."""
        return paths.name_switch_namespace(self.id)

    @property
    def router(self) -> str:
        """The router's namespace."""
        return paths.name_router_namespace(self.id)


class CarrierLayout(Frozen):
    """The layer-2 network that all lines of a kind end in, and the lengths of its prefixes."""

    line: AccessLineName
    length: FamilyPair

    @property
    def namespace(self) -> str:
        """Where it lives."""
        return paths.name_carrier_namespace(self.line)


class RegionLayout(Frozen):
    """A region's router: its addresses by kind of line (a school's neighbours), and on its link to the core.

    At the addresses by kind of line there is also what measurements talk to: `IPERF_PORT`, `DNS_PORT`, `HTTP_PORT`.
    """

    id: str
    asn: int
    addresses: dict[AccessLineName, FamilyPair]
    core_link: BothFamilies
    core: BothFamilies

    @property
    def namespace(self) -> str:
        """Where it lives."""
        return paths.name_region_namespace(self.id)


class Listener(Frozen):
    """One HTTP socket: where it listens, and the applications it stands for."""

    namespace: str
    address: str
    port: int
    applications: tuple[str, ...]


class GuardedApplication(Frozen):
    """An application behind the identity-aware proxy: its host name, and what assertions for it are made out to.

    Its stand-in listens on `port`; no `audience` means that the proxy asks nobody there.
    """

    application: str
    host: str
    audience: str | None
    port: int


class Perimeter(Frozen):
    """What a deployed cloud adds: the proxy at its addresses, who signs people in, and people outside the schools.

    `world` is the offline Google's file. `fronts` are the addresses that the proxy answers at, `backend` that of the
    stand-ins behind it. Schools without an address of their own leave through `shared_exit`, like a carrier's NAT.
    `office` is the first address of an office of the board, where the city has one. `country` is the city's.
    """

    world: str
    fronts: tuple[BothFamilies, ...]
    guarded: tuple[GuardedApplication, ...]
    backend: BothFamilies
    identity: BothFamilies
    home: BothFamilies
    abroad: BothFamilies
    office: FamilyPair | None = None
    shared_exit: str
    country: str = "JP"

    @property
    def outside(self) -> tuple[FamilyPair, ...]:
        """The addresses of people who are in no school."""
        return (self.home, self.abroad, *((self.office,) if self.office else ()))


class Layout(Frozen):
    """The whole virtual city; the first school is the canary. `families` are those of its schools and lines."""

    user: str
    ssh_port: int
    families: tuple[Family, ...] = tuple(Family)
    controller: FamilyPair
    carriers: tuple[CarrierLayout, ...]
    regions: tuple[RegionLayout, ...]
    schools: tuple[SchoolLayout, ...]
    listeners: tuple[Listener, ...]
    perimeter: Perimeter | None = None

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every network namespace, by name."""
        return (
            paths.CONTROLLER,
            paths.CORE,
            paths.INTERNET,
            *((paths.HOME,) if self.perimeter else ()),
            *(carrier.namespace for carrier in self.carriers),
            *(region.namespace for region in self.regions),
            *(name for school in self.schools for name in school.namespaces),
        )

    def region(self, name: str) -> RegionLayout:
        """A region by its id.

        Raises:
            LabError: there is none.
        """
        for region in self.regions:
            if region.id == name:
                return region
        message = f"the lab has no region {name}; it has: {', '.join(region.id for region in self.regions)}"
        raise LabError(message)

    def carrier(self, line: AccessLineName) -> CarrierLayout:
        """The carrier of a kind of line."""
        return next(carrier for carrier in self.carriers if carrier.line == line)

    def school(self, name: str) -> SchoolLayout:
        """A school by its id.

        Raises:
            LabError: it is not in the lab.
        """
        for school in self.schools:
            if school.id == name:
                return school
        message = f"the lab has no school {name}; it has: {', '.join(school.id for school in self.schools)}"
        raise LabError(message)


def describe_fixed_parts(layout: Layout) -> object:
    """All of a layout but what a stage of integration decides: the places of hosts, the VLANs of ports.

    What answers at hosts is left out with them.
    """
    rest = layout.model_dump(exclude={"listeners": True, "schools": {"__all__": {"hosts", "ports"}}})
    names = [
        (*sorted(port.name for port in school.ports), *(host.namespace for host in school.hosts))
        for school in layout.schools
    ]
    return rest, names

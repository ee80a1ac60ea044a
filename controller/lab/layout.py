"""The plan of the virtual city: its namespaces, addresses, ports and services. It is kept in the state directory."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from controller.errors import LabError
from controller.lab import place
from controller.model.flow import Family


class Frozen(BaseModel):
    """A value of the lab that never changes and knows all its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Both(Frozen):
    """The same thing in both families: an address, or a prefix, as text."""

    v4: str
    v6: str

    def of(self, family: Family) -> str:
        """The one of a family."""
        return self.v4 if family is Family.V4 else self.v6


class Interface(Frozen):
    """An interface in a segment: its addresses, the lengths of the subnets, and the segment's gateway."""

    address: Both
    v4_length: int
    v6_length: int
    gateway: Both


class Port(Frozen):
    """A port of a switch and the VLAN of its untagged packets."""

    name: str
    vlan: int


class Gateway(Frozen):
    """The router's interface in a segment; `port` is its name on the switch and on the router."""

    segment: str
    vlan: int
    port: str
    interface: Interface


class Host(Frozen):
    """A host of a school; `port` is its switch port."""

    id: str
    school: str
    segment: str
    namespace: str
    port: str
    interface: Interface


class SchoolLayout(Frozen):
    """One school. `link` counts its line to the core, from 2 on (0 is the controller's, 1 the internet's).

    `egress`: an address (IPv4) and a prefix (IPv6) that nobody else comes from, where its line has such.
    """

    id: str
    link: int
    device: str
    block: Both
    egress: Both | None = None
    ports: tuple[Port, ...]
    management_port: str
    management: Interface
    gateways: tuple[Gateway, ...]
    hosts: tuple[Host, ...]

    @property
    def switch(self) -> str:
        """The switch's namespace."""
        return place.switch_namespace(self.id)

    @property
    def router(self) -> str:
        """The router's namespace."""
        return place.router_namespace(self.id)


class Listener(Frozen):
    """One HTTP socket: where it listens, and the applications it stands for."""

    namespace: str
    address: str
    port: int
    applications: tuple[str, ...]


class Guarded(Frozen):
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
    `office` is the first address of an office of the board, where the city has one.
    """

    world: str
    fronts: tuple[Both, ...]
    guarded: tuple[Guarded, ...]
    backend: Both
    identity: Both
    home: Both
    abroad: Both
    office: Both | None = None
    shared_exit: str

    @property
    def outside(self) -> tuple[Both, ...]:
        """The addresses of people who are in no school."""
        return (self.home, self.abroad, *((self.office,) if self.office else ()))


class Layout(Frozen):
    """The whole virtual city; the first school is the canary."""

    user: str
    ssh_port: int
    controller: Both
    schools: tuple[SchoolLayout, ...]
    listeners: tuple[Listener, ...]
    perimeter: Perimeter | None = None

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every network namespace, by name."""
        return (
            place.CONTROLLER,
            place.CORE,
            place.INTERNET,
            *((place.HOME,) if self.perimeter else ()),
            *(
                name
                for school in self.schools
                for name in (school.switch, school.router, *(host.namespace for host in school.hosts))
            ),
        )

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

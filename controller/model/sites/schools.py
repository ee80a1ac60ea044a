"""The files of `policies/city/`: wards, schools and their lines, addressing, the lab overlay."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from controller.inputs.character_classes import Name, PlatformName
from controller.model.network.packets import Family, Prefix
from controller.model.network.router_link import TransitLink
from controller.model.sites.addressing import Addressing, Ipv4Field, Ipv6Field, PrefixField
from controller.model.sites.adoption import AdoptionLevel
from controller.model.sites.contracted_lines import AccessLineName, AccessLines
from controller.model.sites.localities import CountryCode, TimeZoneName
from controller.model.sites.school_kinds import DEFAULT_KINDS, SchoolKind, SchoolKindId
from controller.model.sites.stages import Stage, Stages, is_in_stage
from controller.model.yaml_source import LocatedItem, StrictModel

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,38}$")]
DeviceRole = Literal["router", "core", "floor", "access-point"]


LARGEST_SUBNET, SMALLEST_SUBNET = 16, 30
"""The lengths that the IPv4 prefix of a segment may have."""
IPV6_SUBNET = 64
"""The length of every IPv6 prefix of a segment."""


class Ward(LocatedItem):
    """A ward; `lot` names the procurement lot of those of its schools that name none themselves."""

    id: Identifier
    name: Name
    english: Name | None = None
    lot: Identifier | None = None


class AccessChoice(LocatedItem):
    """Devices that are reached by another access than the others: by their school, their lot or their role.

    A device is meant where every list that is given names it.
    """

    access: Identifier
    schools: tuple[Identifier, ...] = ()
    lots: tuple[Identifier, ...] = ()
    roles: tuple[DeviceRole, ...] = ()

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.schools or self.lots or self.roles):
            message = "name schools, lots or roles; what holds for all others is 'default'"
            raise ValueError(message)
        return self

    @property
    def weight(self) -> tuple[bool, bool, bool]:
        """How closely it names devices: schools weigh more than lots, lots more than roles."""
        return bool(self.schools), bool(self.lots), bool(self.roles)

    def matches(self, school: str, lot: str, role: DeviceRole) -> bool:
        """Tell if a device of this school, lot and role is meant."""
        return (
            (not self.schools or school in self.schools)
            and (not self.lots or lot in self.lots)
            and (not self.roles or role in self.roles)
        )


class AccessSelection(StrictModel):
    """Which access each device is reached by. Only ids: what they mean stands in the operators' file.

    Of the choices that mean a device the one that names it most closely holds; order means nothing.
    """

    default: Identifier
    choices: tuple[AccessChoice, ...] = Field(default=(), max_length=200)

    def choose_access(self, school: str, lot: str, role: DeviceRole) -> str:
        """Return the id of the access of a device.

        >>> AccessSelection(default="switches").choose_access("as-e04", "lot-1", "core")
        'switches'
        """
        meant = [one for one in self.choices if one.matches(school, lot, role)]
        return max(meant, key=lambda one: one.weight).access if meant else self.default

    @property
    def ids(self) -> tuple[str, ...]:
        """Every access that is named, each once."""
        return tuple(dict.fromkeys((self.default, *(one.access for one in self.choices))))


class Office(LocatedItem):
    """A place of the board's own that is no school; `egress`: the addresses that only people there come from.

    Devices can be registered there; it has no school network.
    """

    id: Identifier
    name: Name
    egress: tuple[PrefixField, ...] = ()


class CityFile(StrictModel):
    """`policies/city/city.yaml`.

    `timezone` is the zone that hours are meant in, `country` the one that people at home are in, `kinds` the kinds of
    schools that there are. `stack` names the stack outputs in use, `reserved` the prefixes that are no internet
    (RFC 6890), `controllers` the addresses that Tsunagu's own SSH sessions come from, `transit` the link between a core
    switch that routes and its router, `device_access` the ids of the accesses in the operators' file.
    """

    id: Identifier
    name: Name
    timezone: TimeZoneName
    country: CountryCode = "JP"
    kinds: tuple[SchoolKind, ...] = Field(default=DEFAULT_KINDS, min_length=1, max_length=100)
    wards: tuple[Ward, ...]
    addressing: Addressing
    stack: Identifier
    controllers: tuple[PrefixField, ...] = Field(min_length=1)
    reserved: tuple[PrefixField, ...]
    management_segment: Identifier
    device_access: AccessSelection
    offices: tuple[Office, ...] = ()
    transit: TransitLink | None = None


class SchoolSegment(LocatedItem):
    """What a segment has of its own at one school, where the formula does not say what is there: prefixes, VLAN."""

    id: Identifier
    ipv4: Ipv4Field | None = None
    ipv6: Ipv6Field | None = None
    vlan: int | None = Field(default=None, ge=2, le=4094)

    @model_validator(mode="after")
    def _can_hold_hosts(self) -> Self:
        if self.ipv4 is None and self.ipv6 is None and self.vlan is None:
            message = "says nothing; give it an ipv4 or ipv6 prefix or a vlan, or leave it out"
            raise ValueError(message)
        if self.ipv4 is not None and not LARGEST_SUBNET <= self.ipv4.prefixlen <= SMALLEST_SUBNET:
            message = f"ipv4: a segment's prefix is /{LARGEST_SUBNET} to /{SMALLEST_SUBNET}, not /{self.ipv4.prefixlen}"
            raise ValueError(message)
        if self.ipv6 is not None and self.ipv6.prefixlen != IPV6_SUBNET:
            message = f"ipv6: a segment's prefix is a /{IPV6_SUBNET} (hosts make their addresses in it; RFC 4291)"
            raise ValueError(message)
        return self

    def get_prefix(self, family: Family) -> Prefix | None:
        """Return the prefix of one family; None where the formula gives it."""
        return self.ipv4 if family is Family.V4 else self.ipv6


class School(LocatedItem):
    """A school; `number` decides its addresses; `ipv4`/`ipv6` override the formula where history demands it.

    `segments` override it for single segments. `lot` is the procurement lot that decides the platforms of its devices
    where it is not its ward's, `blueprint` the one that it has, whatever its kind and size.
    `adoption` is how far its devices are managed; see `controller.model.sites.adoption`. `english` is its name for
    readers of English; without one they read the Japanese one.
    """

    id: Identifier
    number: int = Field(ge=1, le=4095)
    name: Name
    english: Name | None = None
    ward: Identifier
    kind: SchoolKindId
    pupils: int = Field(ge=0, le=5000)
    lines: AccessLines
    ipv4: Ipv4Field | None = None
    ipv6: Ipv6Field | None = None
    segments: tuple[SchoolSegment, ...] = ()
    lot: Identifier | None = None
    blueprint: Identifier | None = None
    adoption: AdoptionLevel = "all"

    def find_segment(self, name: str) -> SchoolSegment | None:
        """Return what a segment has of its own here; None where all of it follows from the formula."""
        return next((one for one in self.segments if one.id == name), None)


class SchoolFile(StrictModel):
    """`policies/city/schools/*.yaml`."""

    schools: tuple[School, ...]


class LabHost(LocatedItem):
    """A host of the virtual city, in a segment of each of its schools.

    In other stages of integration it may be in another segment, at the same port: one more entry with its id. As a
    computer that stays on its desk, it is somewhere in every stage.
    """

    id: Identifier
    segment: Identifier
    stages: Stages = ()


LONGEST_LAB_NAME = 12
"""Linux limits an interface name to 15 characters, and the lab puts two before the name."""
LEAST_LAB_RATE, MOST_LAB_RATE = 50, 800


class LabRates(StrictModel):
    """What a school's lines carry in the virtual city, each way, in Mbit/s of whole Ethernet frames.

    A line of which nothing is said here carries what its contract says, within the same bounds.
    """

    primary: int = Field(ge=LEAST_LAB_RATE, le=MOST_LAB_RATE)
    backup: int | None = Field(default=None, ge=LEAST_LAB_RATE, le=MOST_LAB_RATE)
    third: int | None = Field(default=None, ge=LEAST_LAB_RATE, le=MOST_LAB_RATE)

    def get_rate(self, line: AccessLineName, contracted: int) -> int:
        """Return what a line carries.

        >>> LabRates(primary=400).get_rate("primary", 1000), LabRates(primary=400).get_rate("backup", 1000)
        (400, 800)
        """
        given: int | None = getattr(self, line)
        return given or min(max(contracted, LEAST_LAB_RATE), MOST_LAB_RATE)


class LabFile(StrictModel):
    """`policies/city/lab.yaml`: six of the city's schools, each with one switch, one router and some hosts.

    The switch has a port for each host, one for its own management, and one for each segment's gateway.
    `rates` gives every one of the schools what its lines carry. `platforms` names the schools whose switch is of
    another platform than `platform`: a virtual switch with a vendor's command line.
    """

    schools: tuple[Identifier, ...]
    canary: Identifier
    rates: dict[Identifier, LabRates]
    platform: PlatformName
    router_platform: PlatformName
    hosts: tuple[LabHost, ...]
    platforms: dict[Identifier, PlatformName] = Field(default_factory=dict)

    def get_platform(self, school: str) -> str:
        """Return the platform of a school's switch."""
        return self.platforms.get(school, self.platform)

    def list_hosts(self, stage: Stage | None) -> tuple[LabHost, ...]:
        """The hosts of a school that is in a stage: each once, in the order in which their ids first stand."""
        found = {one.id: one for one in self.hosts if is_in_stage(one.stages, stage)}
        return tuple(found[name] for name in dict.fromkeys(one.id for one in self.hosts) if name in found)

    def list_segments_of(self, host: str) -> tuple[str, ...]:
        """The segments that a host is in, in one stage or another."""
        return tuple(dict.fromkeys(one.segment for one in self.hosts if one.id == host))

"""The lines of `policies/city/lines.yaml`: regions, links, addresses by formula, and which line is preferred."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Self

from pydantic import Field, model_validator

from controller.inputs.character_classes import AnsweredFor, Name
from controller.model.network.packets import Family, Prefix
from controller.model.sites.addressing import Ipv4Field, Ipv6Field
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES, AccessLineName
from controller.model.sites.schools import Identifier, School
from controller.model.yaml_source import LocatedItem, StrictModel

FIRST_SCHOOL = 16
"""School number n has the host number 16 + n on a link; the regions' host numbers stand below."""
PRIVATE_ASN = (4_200_000_000, 4_294_967_294)
"""Autonomous systems of 32 bits for private use (RFC 6996)."""

InterfaceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9.-]{0,14}$")]


class Region(LocatedItem):
    """A region of the cloud; `asn` is its routers' autonomous system, `host` its number on every link."""

    id: Identifier
    name: Name
    english: Name | None = None
    asn: int = Field(ge=1, le=4_294_967_294)
    host: int = Field(ge=1, lt=FIRST_SCHOOL)


class Link(StrictModel):
    """One kind of line, as a network between schools and regions; `interface` is its name on a school's router."""

    interface: InterfaceName
    ipv4: Ipv4Field | None = None
    ipv6: Ipv6Field | None = None

    def find_prefix(self, family: Family) -> Prefix | None:
        """The network of one family; None where the link has none."""
        return self.ipv4 if family is Family.V4 else self.ipv6

    def get_prefix(self, family: Family) -> Prefix:
        """The network of one family.

        Raises:
            ValueError: the link has none; `check` refuses that for a family that the city uses.
        """
        found = self.find_prefix(family)
        if found is None:
            message = f"the link of {self.interface} has no network of IPv{int(family)}"
            raise ValueError(message)
        return found


class Links(StrictModel):
    """The kinds of line that schools have: one, two or three."""

    primary: Link
    backup: Link | None = None
    third: Link | None = None

    @property
    def by_name(self) -> dict[AccessLineName, Link]:
        """The links that there are, by the names of their lines, the primary first."""
        given = (self.primary, self.backup, self.third)
        return {name: link for name, link in zip(ACCESS_LINE_NAMES, given, strict=True) if link is not None}


class PathPreference(LocatedItem):
    """A way out of a school: one of its lines, to one of the regions."""

    line: AccessLineName
    region: Identifier

    @property
    def pair(self) -> tuple[AccessLineName, str]:
        """The way without the place where it was written."""
        return self.line, self.region

    def __str__(self) -> str:
        return f"{self.line} to {self.region}"


def _each_once(ways: tuple[PathPreference, ...]) -> None:
    for pair, count in Counter(way.pair for way in ways).items():
        if count > 1:
            message = f"names {pair[0]} to {pair[1]} {count} times; once is enough"
            raise ValueError(message)


class Override(LocatedItem):
    """Schools, by themselves or by ward, with an order of their own; somebody answers for it."""

    schools: tuple[Identifier, ...] = ()
    wards: tuple[Identifier, ...] = ()
    preference: tuple[PathPreference, ...] = Field(min_length=1)
    owner: AnsweredFor
    reason: AnsweredFor

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if not self.schools and not self.wards:
            message = "names neither schools nor wards, so it is for nobody"
            raise ValueError(message)
        _each_once(self.preference)
        return self


class AccessLinesFile(StrictModel):
    """`policies/city/lines.yaml`. `usual` is the order of all schools without one of their own."""

    school_asn_base: int = Field(ge=PRIVATE_ASN[0], le=PRIVATE_ASN[1])
    regions: tuple[Region, ...] = Field(min_length=1)
    links: Links
    usual: tuple[PathPreference, ...] = Field(min_length=1, alias="preference")
    overrides: tuple[Override, ...]

    @model_validator(mode="after")
    def _sane(self) -> Self:
        _each_once(self.usual)
        first: dict[str, AccessLineName] = {}
        for name, link in self.links.by_name.items():
            if link.interface in first:
                both = f"the links {first[link.interface]} and {name} have the interface {link.interface!r}"
                message = f"{both}; every line needs its own"
                raise ValueError(message)
            first[link.interface] = name
        return self

    @property
    def names(self) -> tuple[AccessLineName, ...]:
        """The lines that have a link, the primary first."""
        return tuple(self.links.by_name)

    def get_link(self, line: AccessLineName) -> Link:
        """The network of a line.

        Raises:
            KeyError: the city has no such line.
        """
        return self.links.by_name[line]

    def get_region(self, name: str) -> Region:
        """A region by its id.

        Raises:
            KeyError: there is no such region.
        """
        return {region.id: region for region in self.regions}[name]

    def get_asn(self, school: School) -> int:
        """The school's autonomous system."""
        return self.school_asn_base + school.number

    def school_address(self, school: School, line: AccessLineName, family: Family) -> IPv4Address | IPv6Address:
        """The address of a school's router on one of its lines."""
        return self._address(line, family, FIRST_SCHOOL + school.number)

    def region_address(self, region: Region, line: AccessLineName, family: Family) -> IPv4Address | IPv6Address:
        """The address of a region's router on a kind of line: a school's neighbour there."""
        return self._address(line, family, region.host)

    def list_paths(self) -> tuple[tuple[AccessLineName, Region], ...]:
        """Every line to every region."""
        return tuple((line, region) for line in self.names for region in self.regions)

    def list_bgp_paths(self, school: School) -> tuple[tuple[AccessLineName, Region], ...]:
        """The neighbours that a school's router has, once a family: each of its lines with BGP, to every region."""
        lines = school.lines.by_name
        return tuple(
            (line, region) for line, region in self.list_paths() if line in lines and lines[line].routing == "bgp"
        )

    def find_override(self, school: School) -> Override | None:
        """What gives a school an order of its own; where it is named itself goes before its ward."""
        own = (one for one in self.overrides if school.id in one.schools)
        return next(own, None) or next((one for one in self.overrides if school.ward in one.wards), None)

    def get_preference(self, school: School) -> tuple[PathPreference, ...]:
        """A school's ways, the preferred one first; one that is left out carries nothing.

        The order of many schools may name lines that one of them does not have: these are passed over.
        """
        override = self.find_override(school)
        ways = override.preference if override else self.usual
        return tuple(way for way in ways if way.line in school.lines.by_name)

    def _address(self, line: AccessLineName, family: Family, host: int) -> IPv4Address | IPv6Address:
        return ip_address(int(self.get_link(line).get_prefix(family).network_address) + host)

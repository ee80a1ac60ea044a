"""The addresses of a city: of schools, segments, devices, applications and the internet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address
from itertools import pairwise

from controller.model.access.rules import CONTROLLER, INTERNET, Application, PrefixListFile, Segment
from controller.model.integration.school_stages import SchoolStages
from controller.model.network.packets import (
    AddressSet,
    Family,
    Interval,
    Prefix,
    build_prefix,
    get_bounds,
    merge_intervals,
    parse_prefix,
    subtract_interval,
)
from controller.model.sites.devices import FIRST_DEVICE
from controller.model.sites.schools import CityFile, School
from controller.model.sites.stack_outputs import StackOutputs


@dataclass(frozen=True, eq=False)
class AddressPlan:
    """The addresses that follow from a policy, each worked out once.

    A segment that a school does not have in its stage of integration has no addresses there, as a source or as a place
    of an application; its prefix by the formula is kept for it.
    """

    settings: CityFile
    schools: tuple[School, ...]
    segments: Mapping[str, Segment]
    stages: SchoolStages
    applications: Mapping[str, Application]
    prefix_lists: Mapping[str, PrefixListFile]
    outputs: StackOutputs

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The families of addresses that the city uses."""
        return self.settings.addressing.families

    def school_prefix(self, school: School, family: Family) -> Prefix:
        """The school's block of one family: its own, or the one that the formula gives its number.

        Segments may have prefixes of their own outside of it; `school_prefixes` has them, too.
        """
        # By the object: a school that a test has changed, under the same id, is another one.
        kept = self._blocks.get((school.id, family))
        if kept is None or kept[0] is not school:
            kept = self._blocks[school.id, family] = (school, compute_school_prefix(self.settings, school, family))
        return kept[1]

    @cached_property
    def _blocks(self) -> dict[tuple[str, Family], tuple[School, Prefix]]:
        """The blocks that were asked for: a proof asks for them some thousand times a school."""
        return {}

    def school_prefixes(self, school: School, family: Family) -> tuple[Prefix, ...]:
        """All that a school has of one family: its block, and the prefixes that segments have outside of it.

        None in a family that the city does not use.
        """
        if family not in self.families:
            return ()
        block = self.school_prefix(school, family)
        low, high = get_bounds(block)
        given = (one.get_prefix(family) for one in school.segments)
        outside = (one for one in given if one is not None and not low <= get_bounds(one)[0] <= high)
        return (block, *outside)

    def other_schools(self, school: School, family: Family) -> tuple[Interval, ...]:
        """The addresses of all schools but one; none in a family that the city does not use."""
        if family not in self._school_blocks:
            return ()
        blocks, together, apart = self._school_blocks[family]
        if not apart:
            others = (own for number, own in enumerate(blocks) if self.schools[number] is not school)
            return merge_intervals(one for own in others for one in own)
        for own in self.school_prefixes(school, family):
            together = subtract_interval(together, *get_bounds(own))
        return together

    @cached_property
    def _school_blocks(self) -> dict[Family, tuple[list[tuple[Interval, ...]], tuple[Interval, ...], bool]]:
        """By family: what each school has, all of it together, and whether no two overlap."""
        found = {}
        for family in self.families:
            blocks = [tuple(map(get_bounds, self.school_prefixes(school, family))) for school in self.schools]
            ordered = sorted(one for own in blocks for one in own)
            apart = all(one[1] < other[0] for one, other in pairwise(ordered))
            found[family] = (blocks, merge_intervals(ordered), apart)
        return found

    def segment_prefix(self, school: School, segment: Segment, family: Family) -> Prefix:
        """The segment's subnet at a school: its own there, or the formula's part of the school's block."""
        own = school.find_segment(segment.id)
        given = own.get_prefix(family) if own else None
        if given is not None:
            return given
        return compute_segment_prefix(self.school_prefix(school, family), segment)

    def gateway_address(self, school: School, segment: Segment, family: Family) -> int:
        """The gateway of a segment at a school: the first address after the subnet's own."""
        return int(self.segment_prefix(school, segment, family).network_address) + 1

    def device_address(self, school: School, index: int) -> IPv4Address | IPv6Address:
        """The management address of the school's `index`-th device, counted from 0: of IPv4, where there is IPv4."""
        family = self.families[0]
        subnet = self.segment_prefix(school, self.segments[self.settings.management_segment], family)
        return ip_address(int(subnet.network_address) + FIRST_DEVICE + index)

    @cached_property
    def internet(self) -> AddressSet:
        """Every address that is neither reserved, nor the city's own, nor named by an application."""
        named = [p for app in self.applications.values() if not app.segment for p in self.application_prefixes(app)]
        excluded: set[Prefix] = {*self.settings.reserved, *self.settings.controllers, *named}
        excluded |= {self.settings.addressing.get_block(family)[0] for family in self.families}
        for school in self.schools:
            given = [school.ipv4, school.ipv6]
            given += [one.get_prefix(family) for one in school.segments for family in Family]
            excluded |= {prefix for prefix in given if prefix is not None}
        return AddressSet(
            (Family.V4.everything, parse_prefix("2000::/3")),
            (
                *collapse_addresses(p for p in excluded if isinstance(p, IPv4Network)),
                *collapse_addresses(p for p in excluded if isinstance(p, IPv6Network)),
            ),
        )

    def application_prefixes(self, app: Application) -> tuple[Prefix, ...]:
        """The addresses that an application has the same for every school."""
        if app.hosting == "cloud-run":
            placed = self.outputs.applications.get(app.id)
            return (*placed.ipv4, *placed.ipv6) if placed else ()
        if app.prefixes:
            return self.prefix_lists[app.prefixes].prefixes
        return app.addresses

    def destination_addresses(self, name: str, school: School) -> AddressSet:
        """The addresses of an application (or of the internet) as a school sees it."""
        if name != INTERNET and (segment := self.applications[name].segment):
            return self.source_addresses(segment, school)
        return self._anywhere[name]

    def destination_addresses_in(self, name: str, school: School, family: Family) -> AddressSet:
        """The same in one family; where it is the same for every school, the same object."""
        if name != INTERNET and (segment := self.applications[name].segment):
            return self.source_addresses_in(segment, school, family)
        return self._anywhere_in[name, family]

    @cached_property
    def _anywhere(self) -> dict[str, AddressSet]:
        """Destinations that do not depend on the school."""
        own = {name: app for name, app in self.applications.items() if not app.segment}
        named = {
            name: self.internet if app.belongs_to else AddressSet(self.application_prefixes(app))
            for name, app in own.items()
        }
        return {INTERNET: self.internet, **named}

    @cached_property
    def _anywhere_in(self) -> dict[tuple[str, Family], AddressSet]:
        return {(name, family): one.in_family(family) for name, one in self._anywhere.items() for family in Family}

    @cached_property
    def _controllers_in(self) -> dict[Family, AddressSet]:
        return {family: AddressSet(self.settings.controllers).in_family(family) for family in Family}

    def source_addresses(self, name: str, school: School) -> AddressSet:
        """The addresses of a rule's source (a segment, or the controller) at a school."""
        if name == CONTROLLER:
            return AddressSet(self.settings.controllers)
        segment = self.segments[name]
        if not self.stages.has_segment(school, segment):
            return AddressSet(())
        return AddressSet(tuple(self.segment_prefix(school, segment, family) for family in self.families))

    def source_addresses_in(self, name: str, school: School, family: Family) -> AddressSet:
        """The same in one family."""
        if name == CONTROLLER:
            return self._controllers_in[family]
        segment = self.segments[name]
        if family not in self.families or not self.stages.has_segment(school, segment):
            return AddressSet(())
        return AddressSet((self.segment_prefix(school, segment, family),))


def compute_school_prefix(file: CityFile, school: School, family: Family) -> Prefix:
    """The block of a school.

    Raises:
        ValueError: the formula leads outside the city's prefix, or the city does not use the family.
    """
    city, length = file.addressing.get_block(family)
    own = school.ipv4 if family is Family.V4 else school.ipv6
    return own if own is not None else _nth(city, length, school.number)


def compute_segment_prefix(own: Prefix, segment: Segment) -> Prefix:
    """The subnet of a segment inside a school's own block.

    Raises:
        ValueError: the segment has no part of this family, or its offset does not fit its length.
    """
    first = get_bounds(own)[0]
    if Family(own.version) is Family.V4 and segment.ipv4 is not None:
        return build_prefix(Family.V4, first + int(segment.ipv4.offset), segment.ipv4.length)
    if Family(own.version) is Family.V6 and segment.ipv6_subnet is not None:
        return build_prefix(Family.V6, first + (segment.ipv6_subnet << 64), 64)
    message = f"segment {segment.id} has no part of IPv{own.version}"
    raise ValueError(message)


def _nth(city: Prefix, length: int, number: int) -> Prefix:
    low, high = get_bounds(city)
    first = low + (number << (city.max_prefixlen - length))
    if first > high:
        message = f"school number {number} leads outside the city's {city}"
        raise ValueError(message)
    return build_prefix(Family(city.version), first, length)

"""The city as loaded: schools, devices and the access policy, with the addresses that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address
from itertools import pairwise
from zoneinfo import ZoneInfo

from controller.model.access.admission import Admission, AdmissionLimits
from controller.model.access.data_flows import System, SystemFlow
from controller.model.access.infrastructure_protocols import InfrastructureProtocol
from controller.model.access.people import PeopleFile
from controller.model.access.rules import (
    CONTROLLER,
    INTERNET,
    Application,
    IdentityPart,
    PrefixListFile,
    Rule,
    Segment,
)
from controller.model.access.second_factors import STRENGTHS, Strength
from controller.model.address_blocks import compute_school_prefix, compute_segment_prefix
from controller.model.measurement import MeasurementFile
from controller.model.network.packets import (
    AddressSet,
    Family,
    Interval,
    Prefix,
    Service,
    get_bounds,
    merge_intervals,
    parse_prefix,
    subtract_interval,
)
from controller.model.sites.access_lines import AccessLinesFile
from controller.model.sites.calendar import CalendarFile, DayKind
from controller.model.sites.devices import (
    FIRST_DEVICE,
    Device,
    DevicePort,
    build_blueprint_devices,
    expand_port_groups,
    lab_school_devices,
)
from controller.model.sites.schools import BlueprintFile, CityFile, DeviceGroup, LabFile, School, matches_school
from controller.model.sites.scope import SchoolGroup
from controller.model.sites.stack_outputs import StackOutputs


@dataclass(frozen=True, eq=False)
class City:
    """Everything that `policies/` says, for one day. Build it with `controller.model.loading.load.load_city`.

    A city is itself and no other: what was worked out of it can be kept beside it.

    `on` is that day: `rules` and `flows` are those in force on it, `lapsed` and `lapsed_flows` are expired exceptions.
    Without a calendar every day is of no known kind. `necessities` hold addresses where their file says `admission`.
    """

    directory: str
    digest: str
    on: date
    file: CityFile
    schools: tuple[School, ...]
    blueprints: BlueprintFile
    lines: AccessLinesFile
    measurement: MeasurementFile
    lab: LabFile
    segments: Mapping[str, Segment]
    people: PeopleFile
    applications: Mapping[str, Application]
    prefix_lists: Mapping[str, PrefixListFile]
    rules: tuple[Rule, ...]
    lapsed: tuple[Rule, ...]
    calendar: CalendarFile | None
    groups: Mapping[str, SchoolGroup]
    systems: Mapping[str, System]
    flows: tuple[SystemFlow, ...]
    lapsed_flows: tuple[SystemFlow, ...]
    admissions: tuple[Admission, ...]
    otherwise: str
    admission_limits: AdmissionLimits
    admission_servers: tuple[IPv4Address | IPv6Address, ...]
    necessities: tuple[InfrastructureProtocol, ...]
    outputs: StackOutputs

    @cached_property
    def timezone(self) -> ZoneInfo:
        """The zone that hours are meant in."""
        return ZoneInfo(self.file.timezone)

    @cached_property
    def school_by_id(self) -> dict[str, School]:
        """Schools by their id."""
        return {school.id: school for school in self.schools}

    def school_prefix(self, school: School, family: Family) -> Prefix:
        """The school's block of one family: its own, or the one that the formula gives its number."""
        # By the object: a school that a test has changed, under the same id, is another one.
        kept = self._blocks.get((school.id, family))
        if kept is None or kept[0] is not school:
            kept = self._blocks[school.id, family] = (school, compute_school_prefix(self.file, school, family))
        return kept[1]

    @cached_property
    def _blocks(self) -> dict[tuple[str, Family], tuple[School, Prefix]]:
        """The blocks that were asked for: a proof asks for them some thousand times a school."""
        return {}

    def other_schools(self, school: School, family: Family) -> tuple[Interval, ...]:
        """The addresses of all schools but one."""
        blocks, together, apart = self._school_blocks[family]
        own = get_bounds(self.school_prefix(school, family))
        if not apart:
            return merge_intervals(one for number, one in enumerate(blocks) if self.schools[number] is not school)
        return subtract_interval(together, *own)

    @cached_property
    def _school_blocks(self) -> dict[Family, tuple[list[Interval], tuple[Interval, ...], bool]]:
        """By family: the block of each school, all of them together, and whether no two overlap."""
        found = {}
        for family in Family:
            blocks = [get_bounds(self.school_prefix(school, family)) for school in self.schools]
            ordered = sorted(blocks)
            apart = all(one[1] < other[0] for one, other in pairwise(ordered))
            found[family] = (blocks, merge_intervals(ordered), apart)
        return found

    def segment_prefix(self, school: School, segment: Segment, family: Family) -> Prefix:
        """The segment's subnet at a school."""
        return compute_segment_prefix(self.school_prefix(school, family), segment)

    def gateway(self, school: School, segment: Segment, family: Family) -> int:
        """The gateway of a segment at a school: the first address after the subnet's own."""
        return int(self.segment_prefix(school, segment, family).network_address) + 1

    @cached_property
    def internet(self) -> AddressSet:
        """Every address that is neither reserved, nor the city's own, nor named by an application."""
        named = [p for app in self.applications.values() if not app.segment for p in self.named(app)]
        excluded: set[Prefix] = {*self.file.reserved, *self.file.controllers, *named}
        excluded |= {self.file.addressing.ipv4, self.file.addressing.ipv6}
        excluded |= {p for school in self.schools for p in (school.ipv4, school.ipv6) if p is not None}
        return AddressSet(
            (Family.V4.everything, parse_prefix("2000::/3")),
            (
                *collapse_addresses(p for p in excluded if isinstance(p, IPv4Network)),
                *collapse_addresses(p for p in excluded if isinstance(p, IPv6Network)),
            ),
        )

    def destination(self, name: str, school: School) -> AddressSet:
        """The addresses of an application (or of the internet) as a school sees it."""
        if name != INTERNET and (segment := self.applications[name].segment):
            return self.source(segment, school)
        return self._anywhere[name]

    def destination_of(self, name: str, school: School, family: Family) -> AddressSet:
        """The same in one family; where it is the same for every school, the same object."""
        if name != INTERNET and (segment := self.applications[name].segment):
            return self.source_of(segment, school, family)
        return self._anywhere_of[name, family]

    @cached_property
    def _anywhere(self) -> dict[str, AddressSet]:
        """Destinations that do not depend on the school."""
        own = {name: app for name, app in self.applications.items() if not app.segment}
        named = {name: self.internet if app.belongs_to else AddressSet(self.named(app)) for name, app in own.items()}
        return {INTERNET: self.internet, **named}

    @cached_property
    def _anywhere_of(self) -> dict[tuple[str, Family], AddressSet]:
        return {(name, family): one.of(family) for name, one in self._anywhere.items() for family in Family}

    @cached_property
    def _controllers_of(self) -> dict[Family, AddressSet]:
        return {family: AddressSet(self.file.controllers).of(family) for family in Family}

    def source(self, name: str, school: School) -> AddressSet:
        """The addresses of a rule's source (a segment, or the controller) at a school."""
        if name == CONTROLLER:
            return AddressSet(self.file.controllers)
        segment = self.segments[name]
        return AddressSet(tuple(self.segment_prefix(school, segment, family) for family in Family))

    def source_of(self, name: str, school: School, family: Family) -> AddressSet:
        """The same in one family."""
        if name == CONTROLLER:
            return self._controllers_of[family]
        return AddressSet((self.segment_prefix(school, self.segments[name], family),))

    def services(self, rule: Rule, name: str) -> tuple[Service, ...]:
        """The services of an application that the network part of a rule speaks of."""
        chosen = rule.network.services if rule.network else ()
        if name == INTERNET:
            return chosen
        return tuple(s for s in self.applications[name].services if not chosen or s in chosen)

    def is_for(self, rule: Rule, school: School) -> bool:
        """Whether a school is in the rule's scope."""
        return rule.schools is None or rule.schools.holds(school, self.groups)

    def scope(self, rule: Rule) -> frozenset[str]:
        """The schools of a rule, by id."""
        return frozenset(school.id for school in self.schools if self.is_for(rule, school))

    @cached_property
    def alike(self) -> tuple[tuple[School, ...], ...]:
        """The schools in groups that no rule's scope tells apart, in the order of their first school."""
        scoped = [rule for rule in self.rules if rule.schools is not None]
        grouped: dict[tuple[bool, ...], list[School]] = {}
        for school in self.schools:
            grouped.setdefault(tuple(self.is_for(rule, school) for rule in scoped), []).append(school)
        return tuple(map(tuple, grouped.values()))

    @cached_property
    def rules_at(self) -> dict[str, tuple[Rule, ...]]:
        """By application (and the internet): the rules that name it, in order."""
        found: dict[str, list[Rule]] = {}
        for rule in self.rules:
            for name in dict.fromkeys(rule.applications):
                found.setdefault(name, []).append(rule)
        return {name: tuple(rules) for name, rules in found.items()}

    @cached_property
    def device_classes(self) -> frozenset[str]:
        """The classes of devices that people use."""
        return frozenset(one.id for one in self.people.device_classes)

    def day_kind(self, day: date) -> DayKind | None:
        """What kind of day the calendar says it is; None where it says nothing."""
        if day not in self._day_kinds:
            self._day_kinds[day] = self.calendar.kind(day) if self.calendar else None
        return self._day_kinds[day]

    @cached_property
    def _day_kinds(self) -> dict[date, DayKind | None]:
        """The kinds of the days that were asked for."""
        return {}

    @cached_property
    def registrations(self) -> frozenset[str]:
        """Where a device can be registered: at a school, or at an office of the board."""
        return frozenset(self.school_by_id) | {office.id for office in self.file.offices}

    def second_factor(self, identity: IdentityPart, application: str) -> Strength:
        """The least second factor that a rule asks for at one of its applications."""
        if not identity.mfa:
            return Strength.NONE
        if identity.mfa is True:
            return STRENGTHS[self.people.mfa.of(self.applications[application].importance).strength]
        return STRENGTHS[identity.mfa]

    def devices(self, school: School) -> tuple[Device, ...]:
        """The devices of a school by its blueprint."""
        kept = self._fleets.get(school.id)
        if kept is None or kept[0] is not school:
            kept = self._fleets[school.id] = (school, tuple(self._devices(school)))
        return kept[1]

    def _devices(self, school: School) -> Iterator[Device]:
        blueprint = next(one for one in self.blueprints.blueprints if matches_school(one, school))
        lot = next(ward.lot for ward in self.file.wards if ward.id == school.ward)
        return build_blueprint_devices(
            school, blueprint, lot, self.file.device_access, self._ports_of, self.device_address
        )

    def lab_devices(self, school: School) -> tuple[Device, ...]:
        """The devices of a lab school: a switch, then a router."""
        return lab_school_devices(school, self.lab, self.file.management_segment, self.device_address)

    @cached_property
    def _fleets(self) -> dict[str, tuple[School, tuple[Device, ...]]]:
        """The devices of the schools that were asked for."""
        return {}

    def device_address(self, school: School, index: int) -> IPv4Address | IPv6Address:
        """The management address of the school's `index`-th device, counted from 0."""
        subnet = self.segment_prefix(school, self.segments[self.file.management_segment], Family.V4)
        return ip_address(int(subnet.network_address) + FIRST_DEVICE + index)

    def named(self, app: Application) -> tuple[Prefix, ...]:
        """The addresses that an application has the same for every school."""
        if app.hosting == "cloud-run":
            placed = self.outputs.applications.get(app.id)
            return (*placed.ipv4, *placed.ipv6) if placed else ()
        if app.prefixes:
            return self.prefix_lists[app.prefixes].prefixes
        return app.addresses

    def _ports_of(self, group: DeviceGroup, platform: str) -> tuple[DevicePort, ...]:
        """The ports of every device of a group on a platform: one object."""
        kept = self._wired.get((id(group), platform))
        if kept is None:
            pattern = self.blueprints.port_names.get(platform, "{n}")
            ports = expand_port_groups(group, pattern, tuple(self.segments), self.file.management_segment)
            kept = self._wired[id(group), platform] = (group, tuple(ports))
        return kept[1]

    @cached_property
    def _wired(self) -> dict[tuple[int, str], tuple[DeviceGroup, tuple[DevicePort, ...]]]:
        return {}

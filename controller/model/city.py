"""The city as loaded: schools, devices and the access policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

from controller.model import policy_files
from controller.model.access.admission import Admission, AdmissionFile, AdmissionLimits
from controller.model.access.data_flows import System, SystemFlow
from controller.model.access.infrastructure_protocols import InfrastructureProtocol
from controller.model.access.people import PeopleFile
from controller.model.access.quarantines import CutOffs
from controller.model.access.rules import CONTROLLER, INTERNET, Application, IdentityPart, PrefixListFile, Rule, Segment
from controller.model.access.second_factors import STRENGTHS, Strength
from controller.model.address_plan import AddressPlan
from controller.model.integration.integrations import Integrations
from controller.model.integration.rule_scopes import RuleScopes
from controller.model.integration.school_stages import SchoolStages
from controller.model.measurement import MeasurementFile
from controller.model.network.packets import Family, Prefix, Service
from controller.model.policy_bounds import SSH_PORT, PolicyBounds
from controller.model.policy_files import Model, PolicyFile, PolicyValues
from controller.model.sites.access_lines import AccessLinesFile
from controller.model.sites.blueprints import BlueprintFile, DeviceGroup
from controller.model.sites.calendar import CalendarFile, DayKind
from controller.model.sites.devices import Device, DevicePort, EstateName, build_devices, expand_port_groups
from controller.model.sites.equipment import Equipment
from controller.model.sites.inventory import ListedDevice
from controller.model.sites.school_kinds import SchoolKind
from controller.model.sites.schools import CityFile, LabFile, Office, School, Ward
from controller.model.sites.scope import SchoolGroup
from controller.model.sites.stack_outputs import StackOutputs
from controller.model.sites.stages import Stage

_Ported = DeviceGroup | ListedDevice


@dataclass(frozen=True, eq=False)
class City:
    """Everything that `policies/` says, for one day. Build it with `controller.model.loading.load_city.load_city`.

    `files` holds what each file says (`city.files.get(RULES)`); the properties are views of it. `policy_date` is the
    day: `rules` and `flows` are those in force on it. Without a calendar every day is of no known kind.
    `bounds` are those that it was loaded within.

    A city is itself and no other: what was worked out of it can be kept beside it. This class is the real estate: its
    devices are those of the schools' blueprints. `controller.model.virtual_city` is the other one.
    """

    directory: str
    digest: str
    policy_date: date
    files: PolicyValues
    bounds: PolicyBounds = field(default_factory=PolicyBounds)

    def replace_file(self, file: PolicyFile[Model], *values: Model) -> Self:
        """The same city with other contents of one kind of file, its digest unchanged."""
        return replace(self, files=self.files.replace_file(file, *values))

    # What a file says as a whole.

    @cached_property
    def settings(self) -> CityFile:
        """City.yaml: addressing, time zone, stack, and how devices are reached."""
        return self.files.get(policy_files.CITY)

    @cached_property
    def blueprints(self) -> BlueprintFile:
        """The devices of each kind of school."""
        return self.files.get(policy_files.BLUEPRINTS)

    @cached_property
    def lines(self) -> AccessLinesFile:
        """Regions, links and path preferences."""
        return self.files.get(policy_files.LINES)

    @cached_property
    def measurement(self) -> MeasurementFile:
        """The recommended bandwidth and how lines are measured."""
        return self.files.get(policy_files.MEASUREMENT)

    @cached_property
    def virtual_estate(self) -> LabFile:
        """Which schools the virtual estate has, and with what devices; a city can do without the file."""
        return self.files.get(policy_files.LAB)

    @cached_property
    def people(self) -> PeopleFile:
        """Roles, postures, places, device classes and second factors."""
        return self.files.get(policy_files.PEOPLE)

    @cached_property
    def calendar(self) -> CalendarFile | None:
        """The school calendar, where there is one."""
        return self.files.find(policy_files.CALENDAR)

    @cached_property
    def admission(self) -> AdmissionFile:
        """What 802.1X answers."""
        return self.files.get(policy_files.ADMISSION)

    @cached_property
    def outputs(self) -> StackOutputs:
        """What the stack in use says of itself."""
        return self.files.get(policy_files.OUTPUTS)

    # Of city.yaml.

    @property
    def id(self) -> str:
        """The city's id."""
        return self.settings.id

    @property
    def name(self) -> str:
        """The city's name for people."""
        return self.settings.name

    @property
    def wards(self) -> tuple[Ward, ...]:
        """The wards."""
        return self.settings.wards

    @property
    def offices(self) -> tuple[Office, ...]:
        """The board's places that are no schools."""
        return self.settings.offices

    @cached_property
    def kinds(self) -> Mapping[str, SchoolKind]:
        """The kinds of schools by their id."""
        return {kind.id: kind for kind in self.settings.kinds}

    @property
    def controllers(self) -> tuple[Prefix, ...]:
        """The addresses that Tsunagu's own SSH sessions come from."""
        return self.settings.controllers

    @property
    def management_segment(self) -> str:
        """The id of the segment that devices are managed in."""
        return self.settings.management_segment

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """The families of addresses that the city uses: both, or one of them."""
        return self.settings.addressing.families

    estate: ClassVar[EstateName] = "real"
    called: ClassVar[str] = "the city"

    @cached_property
    def estate_schools(self) -> tuple[School, ...]:
        """The schools that have devices in this estate: all of them, in the real one."""
        return self.schools

    @property
    def canary(self) -> str:
        """The id of the school that is changed before all others; "" where the operators' file may name one."""
        return ""

    @cached_property
    def timezone(self) -> ZoneInfo:
        """The zone that hours are meant in."""
        return ZoneInfo(self.settings.timezone)

    # Items of files, by their id or in force.

    @cached_property
    def schools(self) -> tuple[School, ...]:
        """The schools, in the order of the files."""
        return tuple(school for file in self.files.get_all(policy_files.SCHOOLS) for school in file.schools)

    @cached_property
    def school_by_id(self) -> dict[str, School]:
        """Schools by their id."""
        return {school.id: school for school in self.schools}

    @cached_property
    def groups(self) -> Mapping[str, SchoolGroup]:
        """Groups of schools by their id."""
        return {group.id: group for group in self.files.get(policy_files.GROUPS).groups}

    @cached_property
    def segments(self) -> Mapping[str, Segment]:
        """Segments by their id."""
        return {segment.id: segment for segment in self.files.get(policy_files.SEGMENTS).segments}

    def list_segments(self, school: School) -> Mapping[str, Segment]:
        """The segments that a school has in its stage, by their id, each with the VLAN number that it has there."""
        return self.stages.list_segments(school)

    @cached_property
    def applications(self) -> Mapping[str, Application]:
        """Applications by their id."""
        return {one.id: one for one in self.files.get(policy_files.APPLICATIONS).applications}

    @cached_property
    def prefix_lists(self) -> Mapping[str, PrefixListFile]:
        """Published lists of prefixes by their id."""
        return {one.id: one for one in self.files.get_all(policy_files.PREFIX_LISTS)}

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force."""
        return tuple(one for one in self.files.get(policy_files.RULES).rules if one.holds_on(self.policy_date))

    @cached_property
    def expired_rules(self) -> tuple[Rule, ...]:
        """Exceptions that permit nothing any more."""
        return tuple(one for one in self.files.get(policy_files.RULES).rules if not one.holds_on(self.policy_date))

    @cached_property
    def systems(self) -> Mapping[str, System]:
        """Systems that exchange data and are no applications, by their id."""
        return {system.id: system for system in self.files.get(policy_files.FLOWS).systems}

    @cached_property
    def flows(self) -> tuple[SystemFlow, ...]:
        """The data flows in force."""
        return tuple(one for one in self.files.get(policy_files.FLOWS).flows if one.holds_on(self.policy_date))

    @cached_property
    def expired_flows(self) -> tuple[SystemFlow, ...]:
        """Data flows by an exception that is over."""
        return tuple(one for one in self.files.get(policy_files.FLOWS).flows if not one.holds_on(self.policy_date))

    @property
    def admissions(self) -> tuple[Admission, ...]:
        """Which segment a device with which certificate is put into."""
        return self.admission.admissions

    @property
    def default_segment(self) -> str:
        """The id of the segment that a device is put into which no admission names (its default VLAN)."""
        return self.admission.default_segment

    @property
    def admission_limits(self) -> AdmissionLimits:
        """How often a device in quarantine is asked anew."""
        return self.admission.limits

    @property
    def admission_servers(self) -> tuple[IPv4Address | IPv6Address, ...]:
        """The RADIUS servers, in the order in which they are asked."""
        return self.admission.servers

    @cached_property
    def infrastructure_protocols(self) -> tuple[InfrastructureProtocol, ...]:
        """The baseline permits of necessities.yaml, with addresses where the file says `admission`."""
        listed = self.files.get(policy_files.INFRASTRUCTURE_PROTOCOLS).necessities
        return tuple(known for one in listed if (known := one.resolve_admission(self.admission_servers)) is not None)

    @cached_property
    def cut_offs(self) -> CutOffs:
        """What is in quarantine, or closed, on the day."""
        return CutOffs(self.files.get(policy_files.QUARANTINES), self.policy_date)

    # What follows from more than one file.

    @cached_property
    def integrations(self) -> Integrations:
        """The stage of integration of each school, and what comes next."""
        return Integrations(self.files.find(policy_files.INTEGRATION), self.groups)

    @cached_property
    def stages(self) -> SchoolStages:
        """What schools have in their stages of integration."""
        return SchoolStages(self.integrations, self.segments)

    def find_stage(self, school: School) -> Stage | None:
        """Find the stage of integration of a school; None where the city names no stages."""
        return self.stages.find_stage(school)

    @cached_property
    def scopes(self) -> RuleScopes:
        """Which schools each rule is for."""
        return RuleScopes(self.rules, self.schools, self.groups, self.stages)

    @cached_property
    def addresses(self) -> AddressPlan:
        """The addresses of everything."""
        said = (self.applications, self.prefix_lists, self.outputs)
        return AddressPlan(self.settings, self.schools, self.segments, self.stages, *said)

    def get_permitted_services(self, rule: Rule, name: str) -> tuple[Service, ...]:
        """The services of an application that the network part of a rule speaks of."""
        chosen = rule.network.services if rule.network else ()
        if name == INTERNET:
            return chosen
        return tuple(s for s in self.applications[name].services if not chosen or s in chosen)

    def rule_applies_at(self, rule: Rule, school: School) -> bool:
        """Tell if a school is in the rule's scope."""
        return self.scopes.applies_at(rule, school)

    def list_askers(self, rule: Rule, school: School) -> tuple[str, ...]:
        """The segments (and the controller) that the network part of a rule lets ask at a school."""
        here = rule.network is not None and self.rule_applies_at(rule, school)
        if not here:
            return ()
        known = self.list_segments(school)
        asking = self.cut_offs.list_askers(rule, school.id, self.management_segment)
        return tuple(name for name in asking if name in known or name == CONTROLLER)

    def list_schools_in_scope(self, rule: Rule) -> frozenset[str]:
        """The schools of a rule, by id."""
        return frozenset(school.id for school in self.schools if self.rule_applies_at(rule, school))

    @property
    def schools_of_equal_scope(self) -> tuple[tuple[School, ...], ...]:
        """The schools in groups that no rule's scope and no stage tells apart, in the order of their first school."""
        return self.scopes.schools_of_equal_scope

    @cached_property
    def rules_by_application(self) -> dict[str, tuple[Rule, ...]]:
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

    def find_day_kind(self, day: date) -> DayKind | None:
        """What kind of day the calendar says it is; None where it says nothing."""
        if day not in self._day_kinds:
            self._day_kinds[day] = self.calendar.find_day_kind(day) if self.calendar else None
        return self._day_kinds[day]

    @cached_property
    def _day_kinds(self) -> dict[date, DayKind | None]:
        """The kinds of the days that were asked for."""
        return {}

    @cached_property
    def registrations(self) -> frozenset[str]:
        """Where a device can be registered: at a school, or at an office of the board."""
        return frozenset(self.school_by_id) | {office.id for office in self.offices}

    def get_second_factor(self, identity: IdentityPart, application: str) -> Strength:
        """The least second factor that a rule asks for at one of its applications."""
        if not identity.mfa:
            return Strength.NONE
        if identity.mfa is True:
            return STRENGTHS[self.people.mfa.get_minimum(self.applications[application].importance).strength]
        return STRENGTHS[identity.mfa]

    def list_devices(self, school: School) -> tuple[Device, ...]:
        """The devices of a school in this estate."""
        kept = self._fleets.get(school.id)
        if kept is None or kept[0] is not school:
            found = (self.cut_offs.close_ports(one, self.default_segment) for one in self._devices(school))
            kept = self._fleets[school.id] = (school, tuple(found))
        return kept[1]

    def _devices(self, school: School) -> Iterator[Device]:
        slots, access, stage = self.equipment.list_slots(school), self.settings.device_access, self.find_stage(school)
        found = build_devices(school, stage, slots, access, self._ports_of, self.addresses.device_address)
        ports, numbers = self.bounds.ssh_ports, self.bounds.numbers
        return (
            replace(one, ssh_port=ports.get(one.access, SSH_PORT), numbers=numbers.get(one.platform, ()))
            for one in found
        )

    @cached_property
    def equipment(self) -> Equipment:
        """What stands at each school: its lot, its blueprint, and what the inventory lists."""
        listed = self.files.get_all(policy_files.DEVICES)
        inventory = tuple(one for file in listed for one in file.devices)
        return Equipment(self.wards, self.blueprints, inventory, self.find_stage)

    @cached_property
    def _fleets(self) -> dict[str, tuple[School, tuple[Device, ...]]]:
        """The devices of the schools that were asked for."""
        return {}

    def _ports_of(self, group: _Ported, platform: str, stage: Stage | None) -> tuple[DevicePort, ...]:
        """The ports of every device of a group on a platform, in a stage: one object."""
        kept = self._wired.get((id(group), platform, stage))
        if kept is None:
            pattern = self.blueprints.port_names.get(platform, "{n}")
            segments = tuple(self.stages.segments_by_stage[stage])
            ports = expand_port_groups(group, stage, pattern, segments, self.management_segment)
            kept = self._wired[id(group), platform, stage] = (group, tuple(ports))
        return kept[1]

    @cached_property
    def _wired(self) -> dict[tuple[int, str, Stage | None], tuple[_Ported, tuple[DevicePort, ...]]]:
        return {}

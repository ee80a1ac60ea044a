"""Names across files: each is given once, and whatever is named exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.errors import Origin, Problem
from controller.model.access.admission import PLUGGED, Admission, AdmissionFile
from controller.model.access.data_flows import FlowFile
from controller.model.access.infrastructure_protocols import InfrastructureProtocol
from controller.model.access.people import PeopleFile
from controller.model.access.rules import CONTROLLER, INTERNET, Application, PrefixListFile, Rule, Segment
from controller.model.measurement import MeasurementFile
from controller.model.sites.access_lines import AccessLinesFile
from controller.model.sites.calendar import CalendarFile
from controller.model.sites.schools import Blueprint, BlueprintFile, CityFile, LabFile, School, matches_school
from controller.model.sites.scope import GroupFile
from controller.model.sites.stack_outputs import StackOutputs
from controller.model.source import Placed

FindOrigin = Callable[[str, str], Origin]
"""Gives the line where a file (named from `policies/` on) has one of its own fields."""
LONGEST_LAB_NAME = 12
"""Linux limits an interface name to 15 characters, and the lab puts two before the name."""


@dataclass(frozen=True)
class Files:
    """What could be read of `policies/`; None where a file could not."""

    directory: Path
    place: FindOrigin
    city: CityFile | None
    schools: tuple[School, ...] | None
    blueprints: BlueprintFile | None
    lines: AccessLinesFile | None
    groups: GroupFile | None
    calendar: CalendarFile | None
    measurement: MeasurementFile | None
    lab: LabFile | None
    segments: tuple[Segment, ...] | None
    people: PeopleFile | None
    applications: tuple[Application, ...] | None
    prefix_lists: Sequence[PrefixListFile] | None
    rules: tuple[Rule, ...] | None
    exchange: FlowFile | None
    admission: AdmissionFile | None
    necessities: tuple[InfrastructureProtocol, ...] | None
    outputs: StackOutputs | None


def find_name_problems(files: Files, *, undeployed: bool = False) -> list[Problem]:
    """Names given twice, and names that nothing carries. Files that could not be read are passed over.

    `undeployed` accepts cloud applications that the outputs do not hold.
    """
    return [
        *_twice(files),
        *_city(files),
        *_blueprints(files),
        *_lines(files),
        *_measurement(files),
        *_lab(files),
        *_applications(files),
        *(() if undeployed else _not_deployed(files)),
        *_rules(files),
        *_admission(files),
    ]


def _twice(files: Files) -> Iterator[Problem]:
    people = files.people
    groups: list[tuple[str, Iterable[Placed] | None, str]] = [
        ("id", files.schools, "school"),
        ("number", files.schools, "school"),
        ("id", files.segments, "segment"),
        ("vlan", files.segments, "segment"),
        ("ipv6_subnet", files.segments, "segment"),
        ("id", files.applications, "application"),
        ("id", files.rules, "rule"),
        ("id", files.necessities, "necessity"),
        ("id", files.city.wards if files.city else (), "ward"),
        ("id", files.blueprints.blueprints if files.blueprints else (), "blueprint"),
        ("id", files.lines.regions if files.lines else (), "region"),
        ("asn", files.lines.regions if files.lines else (), "region"),
        ("host", files.lines.regions if files.lines else (), "region"),
        ("id", files.lab.hosts if files.lab else (), "lab host"),
        ("id", files.admission.admissions if files.admission else (), "admission"),
        ("id", people.roles if people else (), "role"),
        ("id", people.postures if people else (), "posture"),
        ("id", people.places if people else (), "place"),
        ("id", people.device_classes if people else (), "device class"),
        ("id", files.groups.groups if files.groups else (), "group"),
        ("id", files.city.offices if files.city else (), "office"),
        ("id", files.exchange.systems if files.exchange else (), "system"),
        ("id", files.exchange.flows if files.exchange else (), "flow"),
    ]
    for field, items, noun in groups:
        first: dict[object, Origin] = {}
        for item in items or ():
            value = getattr(item, field)
            if value in first:
                shown = field.replace("_", "-")
                message = f"{noun} {shown} {value!r} is already given at {first[value]}"
                yield Problem(item.origin, shown, message)
            first.setdefault(value, item.origin)


def find_unknown(
    origin: Origin, field: str, noun: str, names: Iterable[str], allowed: Iterable[str]
) -> Iterator[Problem]:
    """A problem for each name that is not among the allowed ones."""
    known = set(allowed)
    for name in names:
        if name not in known:
            yield Problem(origin, field, f"unknown {noun} {name!r}; allowed: {', '.join(sorted(known))}")


def _segment_names(files: Files) -> list[str] | None:
    return None if files.segments is None else [segment.id for segment in files.segments]


def _city(files: Files) -> Iterator[Problem]:
    if files.city is None:
        return
    origin = files.place("city/city.yaml", "management-segment")
    segments = _segment_names(files)
    if segments is not None:
        yield from find_unknown(origin, "management-segment", "segment", [files.city.management_segment], segments)
    for school in files.schools or ():
        wards = [ward.id for ward in files.city.wards]
        yield from find_unknown(school.origin, "ward", "ward", [school.ward], wards)


def _blueprints(files: Files) -> Iterator[Problem]:
    if files.blueprints is None:
        return
    segments = _segment_names(files)
    for blueprint in files.blueprints.blueprints:
        yield from _platforms(files, files.blueprints, blueprint)
        for group in blueprint.devices:
            for ports in group.ports:
                if ports.segments != "all" and segments is not None:
                    yield from find_unknown(ports.origin, "segments", "segment", ports.segments, segments)
            for ssid in group.ssids:
                if segments is not None:
                    yield from find_unknown(ssid.origin, "segment", "segment", [ssid.segment], segments)
    for school in files.schools or ():
        found = [blueprint for blueprint in files.blueprints.blueprints if matches_school(blueprint, school)]
        if len(found) != 1:
            names = ", ".join(f"{b.id} ({b.origin})" for b in found) or "none"
            message = f"{school.kind} with {school.pupils} pupils needs exactly one blueprint; found: {names}"
            yield Problem(school.origin, "pupils", message)


def _platforms(files: Files, file: BlueprintFile, blueprint: Blueprint) -> Iterator[Problem]:
    lots = {ward.lot for ward in files.city.wards} if files.city else set()
    for group in blueprint.devices:
        if lots and set(group.platform) != lots:
            message = f"names a platform for the lots {sorted(group.platform)}; the city's lots are {sorted(lots)}"
            yield Problem(group.origin, "platform", message)
        if lots:
            yield from find_unknown(group.origin, "keeps-state", "lot", group.keeps_state, lots)
        if group.ports or group.ssids:
            yield from find_unknown(group.origin, "platform", "port-names of", group.platform.values(), file.port_names)


def _lines(files: Files) -> Iterator[Problem]:
    if files.lines is None:
        return
    regions = [region.id for region in files.lines.regions]
    for way in (*files.lines.usual, *(way for one in files.lines.overrides for way in one.preference)):
        yield from find_unknown(way.origin, "region", "region", [way.region], regions)
    schools = None if files.schools is None else [school.id for school in files.schools]
    wards = None if files.city is None else [ward.id for ward in files.city.wards]
    first: dict[tuple[str, str], Origin] = {}
    for override in files.lines.overrides:
        for field, names, known in (("schools", override.schools, schools), ("wards", override.wards, wards)):
            if known is not None:
                yield from find_unknown(override.origin, field, field[:-1], names, known)
            for name in names:
                if (field, name) in first:
                    message = f"{name!r} already has an order of its own at {first[field, name]}"
                    yield Problem(override.origin, field, message)
                first.setdefault((field, name), override.origin)


def _measurement(files: Files) -> Iterator[Problem]:
    if files.measurement is not None and files.lines is not None:
        origin = files.place("measurement.yaml", "judged.regions")
        regions = [region.id for region in files.lines.regions]
        yield from find_unknown(origin, "judged.regions", "region", files.measurement.judged.regions, regions)


def _lab(files: Files) -> Iterator[Problem]:
    lab = files.lab
    if lab is None:
        return
    if files.schools is not None:
        origin = files.place("city/lab.yaml", "schools")
        yield from find_unknown(origin, "schools", "school", lab.schools, [school.id for school in files.schools])
    origin = files.place("city/lab.yaml", "canary")
    yield from find_unknown(origin, "canary", "lab school", [lab.canary], lab.schools)
    origin = files.place("city/lab.yaml", "rates")
    yield from find_unknown(origin, "rates", "lab school", lab.rates, lab.schools)
    without = [school for school in lab.schools if school not in lab.rates]
    if without:
        yield Problem(origin, "rates", f"gives no rates for the lab schools {', '.join(without)}")
    segments = _segment_names(files)
    for host in lab.hosts:
        if segments is not None:
            yield from find_unknown(host.origin, "segment", "segment", [host.segment], segments)
        for name in (host.id, host.segment):
            if len(name) > LONGEST_LAB_NAME:
                message = f"{name!r} is too long for the lab; at most {LONGEST_LAB_NAME} characters"
                yield Problem(host.origin, "id", message)


def _applications(files: Files) -> Iterator[Problem]:
    segments = _segment_names(files)
    for application in files.applications or ():
        if application.prefixes and files.prefix_lists is not None:
            lists = [one.id for one in files.prefix_lists]
            yield from find_unknown(application.origin, "prefixes", "prefix list", [application.prefixes], lists)
        if application.segment and segments is not None:
            yield from find_unknown(application.origin, "segment", "segment", [application.segment], segments)
        if application.id == INTERNET:
            yield Problem(application.origin, "id", f"{INTERNET!r} is the name of the destination of its own")


def _not_deployed(files: Files) -> Iterator[Problem]:
    for application in files.applications or ():
        if application.hosting == "cloud-run" and files.outputs and application.id not in files.outputs.applications:
            message = (
                f"the outputs of stack {files.outputs.stack!r} hold no application {application.id!r}; "
                f"they hold: {', '.join(sorted(files.outputs.applications))}"
            )
            yield Problem(application.origin, "id", message)


def _rules(files: Files) -> Iterator[Problem]:
    segments = _segment_names(files)
    for rule in files.rules or ():
        if files.applications is not None:
            names = [*(application.id for application in files.applications), INTERNET]
            yield from find_unknown(rule.origin, "applications", "application", rule.applications, names)
        if rule.network and segments is not None:
            yield from find_unknown(rule.origin, "network.from", "segment", rule.network.from_, [*segments, CONTROLLER])
        if rule.identity and files.people is not None:
            identity, people = rule.identity, files.people
            yield from find_unknown(rule.origin, "identity.roles", "role", identity.roles, [r.id for r in people.roles])
            postures = [posture.id for posture in people.postures]
            yield from find_unknown(rule.origin, "identity.postures", "posture", identity.postures, postures)
            places = [place.id for place in people.places]
            yield from find_unknown(rule.origin, "identity.places", "place", identity.places, places)


def _admission(files: Files) -> Iterator[Problem]:
    if files.admission is None:
        return
    segments = _segment_names(files)
    if segments is not None:
        origin = files.place("access/admission.yaml", "otherwise")
        yield from find_unknown(origin, "otherwise", "segment", [files.admission.otherwise], segments)
    for admission in files.admission.admissions:
        if segments is not None:
            yield from find_unknown(admission.origin, "segment", "segment", [admission.segment], segments)
        if files.people is not None:
            people = files.people
            yield from find_unknown(admission.origin, "roles", "role", admission.roles, [r.id for r in people.roles])
            postures = [posture.id for posture in people.postures]
            yield from find_unknown(admission.origin, "postures", "posture", admission.postures, postures)
            places = [place.id for place in people.places]
            yield from find_unknown(admission.origin, "places", "place", admission.places, places)
    yield from _admitted_twice(files.admission.admissions)


def _admitted_twice(admissions: Iterable[Admission]) -> Iterator[Problem]:
    """Two admissions of one certificate class at one place: the server could not know which to answer."""
    given: dict[tuple[str, str], Admission] = {}
    for admission in admissions:
        for place in admission.places or PLUGGED:
            if place not in PLUGGED:
                message = f"802.1X cannot see {place!r}; it can see: {', '.join(PLUGGED)}"
                yield Problem(admission.origin, "places", message)
            other = given.setdefault((admission.certificate, place), admission)
            if other is not admission:
                admitted = f"certificate {admission.certificate!r} at {place}"
                message = f"{admitted} is admitted by {other.id!r} already ({other.origin})"
                yield Problem(admission.origin, "certificate", message)

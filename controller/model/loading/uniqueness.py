"""Each name is given once: of two things of one kind with one id, number or VLAN, the second is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from controller.errors import Origin, Problem
from controller.model.access.admission import PLUGGED, Admission
from controller.model.loading.policy_reader import ReadPolicy
from controller.model.policy_files import (
    ADMISSION,
    APPLICATIONS,
    BLUEPRINTS,
    CITY,
    DEVICES,
    FLOWS,
    GROUPS,
    INFRASTRUCTURE_PROTOCOLS,
    LAB,
    LINES,
    PEOPLE,
    RULES,
    SCHOOLS,
    SEGMENTS,
    PolicyFile,
)
from controller.model.yaml_source import LocatedItem

_ONCE: tuple[tuple[PolicyFile[BaseModel], str, str, tuple[str, ...]], ...] = (
    (SCHOOLS, "schools", "school", ("id", "number")),
    (DEVICES, "devices", "device", ("id",)),
    (SEGMENTS, "segments", "segment", ("id", "vlan", "ipv6_subnet")),
    (APPLICATIONS, "applications", "application", ("id",)),
    (RULES, "rules", "rule", ("id",)),
    (INFRASTRUCTURE_PROTOCOLS, "necessities", "necessity", ("id",)),
    (CITY, "wards", "ward", ("id",)),
    (CITY, "offices", "office", ("id",)),
    (BLUEPRINTS, "blueprints", "blueprint", ("id",)),
    (LINES, "regions", "region", ("id", "asn", "host")),
    (LAB, "hosts", "lab host", ("id",)),
    (ADMISSION, "admissions", "admission", ("id",)),
    (PEOPLE, "roles", "role", ("id",)),
    (PEOPLE, "postures", "posture", ("id",)),
    (PEOPLE, "places", "place", ("id",)),
    (PEOPLE, "device_classes", "device class", ("id",)),
    (GROUPS, "groups", "group", ("id",)),
    (FLOWS, "systems", "system", ("id",)),
    (FLOWS, "flows", "flow", ("id",)),
)
"""The lists of a file, what one item is called, and which of its fields no other item may share."""


def find_duplicates(policy: ReadPolicy) -> list[Problem]:
    """What is given twice; each problem names the first. Files that could not be read are passed over."""
    found: list[Problem] = []
    for file, listed, noun, fields in _ONCE:
        values = policy.find_all(file) or ()
        items: list[LocatedItem] = [item for value in values for item in getattr(value, listed)]
        for field in fields:
            found += _find_repeated(items, field, noun)
    blueprints = policy.find(BLUEPRINTS)
    for blueprint in blueprints.blueprints if blueprints else ():
        for group in blueprint.devices:
            found += _find_repeated(group.ssids, "ssid", "")
    return [*found, *_find_offices_named_as_schools(policy), *_find_repeated_overrides(policy), *_find_overlaps(policy)]


def _find_repeated(items: Iterable[LocatedItem], field: str, noun: str) -> Iterator[Problem]:
    first: dict[object, Origin] = {}
    for item in items:
        value = getattr(item, field)
        if value in first:
            shown = field.replace("_", "-")
            called = f"{noun} {shown} {value!r}" if noun else repr(value)
            yield Problem(item.origin, shown, f"{called} is already given at {first[value]}")
        first.setdefault(value, item.origin)


def _find_offices_named_as_schools(policy: ReadPolicy) -> Iterator[Problem]:
    city = policy.find(CITY)
    schools = {school.id: school for file in policy.find_all(SCHOOLS) or () for school in file.schools}
    for office in city.offices if city else ():
        if office.id in schools:
            message = f"{office.id!r} is a school ({schools[office.id].origin}); an office needs an id of its own"
            yield Problem(office.origin, "id", message)


def _find_repeated_overrides(policy: ReadPolicy) -> Iterator[Problem]:
    """A school, or a ward, with two path preferences of its own."""
    lines = policy.find(LINES)
    first: dict[tuple[str, str], Origin] = {}
    for override in lines.overrides if lines else ():
        for field, names in (("schools", override.schools), ("wards", override.wards)):
            for name in names:
                if (field, name) in first:
                    message = f"{name!r} already has an order of its own at {first[field, name]}"
                    yield Problem(override.origin, field, message)
                first.setdefault((field, name), override.origin)


def _find_overlaps(policy: ReadPolicy) -> Iterator[Problem]:
    """Two admissions of one certificate class at one place: the server could not know which to answer."""
    admission_file = policy.find(ADMISSION)
    given: dict[tuple[str, str], Admission] = {}
    for admission in admission_file.admissions if admission_file else ():
        for place in admission.places or PLUGGED:
            other = given.setdefault((admission.certificate, place), admission)
            if other is not admission:
                admitted = f"certificate {admission.certificate!r} at {place}"
                message = f"{admitted} is admitted by {other.id!r} already ({other.origin})"
                yield Problem(admission.origin, "certificate", message)

"""Each name is given once: of two things of one kind with one id, number or VLAN, the second is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pydantic import BaseModel

from controller.errors import Origin, Problem
from controller.model.access.admission import PLUGGED, Admission
from controller.model.access.people import Role
from controller.model.loading.place_meanings import find_meanings
from controller.model.loading.policy_reader import ReadPolicy
from controller.model.network.lags import LARGEST_LAG
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
from controller.model.sites.blueprints import PortGroup
from controller.model.sites.devices import name_ports
from controller.model.sites.stages import list_by_stage
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
    (CITY, "kinds", "kind of school", ("id",)),
    (BLUEPRINTS, "blueprints", "blueprint", ("id",)),
    (LINES, "regions", "region", ("id", "asn", "host")),
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
            for ssids in list_by_stage(group.ssids):
                found += _find_repeated(ssids, "ssid", "")
    overlay = policy.find(LAB)
    for hosts in list_by_stage(overlay.hosts if overlay else ()):
        # What stands twice in more than one stage is told once.
        found += [one for one in _find_repeated(hosts, "id", "lab host") if one not in found]
    found += [*_find_offices_named_as_schools(policy), *_find_repeated_overrides(policy), *_find_port_problems(policy)]
    return [*found, *_find_repeated_principals(policy), *_find_overlaps(policy)]


def _find_port_problems(policy: ReadPolicy) -> Iterator[Problem]:
    """Ports that stand in two groups by the names that their platform gives them, and LAGs of unlike ports."""
    file = policy.find(BLUEPRINTS)
    names = file.port_names if file else {}
    for blueprint in file.blueprints if file else ():
        for group in blueprint.devices:
            patterns = [names.get(platform, "{n}") for platform in dict.fromkeys(group.platform.values())]
            for ports in list_by_stage(group.ports):
                yield from _find_unlike_groups(ports)
                yield from _find_repeated_names(ports, patterns)
    for devices in policy.find_all(DEVICES) or ():
        for one in devices.devices:
            patterns = [names.get(one.platform, "{n}")] if one.platform else [*names.values()]
            for ports in list_by_stage(one.ports or ()):
                yield from _find_unlike_groups(ports)
                yield from _find_repeated_names(ports, patterns)


def _find_unlike_groups(groups: Iterable[PortGroup]) -> Iterator[Problem]:
    """Groups of one LAG that would not agree: the switch would take the port out of service."""
    first: dict[int, PortGroup] = {}
    members: Counter[int] = Counter()
    for group in groups:
        if group.lag is None:
            continue
        number = group.lag.number
        known = first.setdefault(number, group)
        carried = [(one.mode, one.segments, one.faces, one.lag and one.lag.mode) for one in (known, group)]
        if carried[0] != carried[1]:
            message = (
                f"the ports of LAG {number} are alike in mode, segments, faces and the LAG's mode; {known.origin} has"
            )
            yield Problem(group.origin, "lag", f"{message} others; write the same, or another number")
        before = members[number]
        members[number] += group.last - group.first + 1
        if before <= LARGEST_LAG < members[number]:
            message = (
                f"LAG {number} has {members[number]} ports (since {known.origin}); a LAG has at most {LARGEST_LAG}"
            )
            yield Problem(group.origin, "lag", message)


def _find_repeated_names(groups: Sequence[PortGroup], patterns: Iterable[str]) -> Iterator[Problem]:
    """Ports that two groups give, each once, by the first platform on which they meet."""
    told: set[Origin] = set()
    for pattern in dict.fromkeys(patterns):
        given: dict[str, PortGroup] = {}
        for group in groups:
            for name in name_ports(group, pattern):
                other = given.setdefault(name, group)
                if other is not group and group.origin not in told:
                    told.add(group.origin)
                    what = "in two LAGs, or in one and by itself" if group.lag or other.lag else "given twice"
                    yield Problem(group.origin, "ports", f"port {name} is {what}; it stands at {other.origin} already")


def find_copied_files(policy: ReadPolicy) -> list[Problem]:
    """Return one problem for each file that holds only schools of another one: a copy that was left in the folder."""
    found: list[Problem] = []
    by_file: dict[str, set[str]] = {}
    for file in policy.find_all(SCHOOLS) or ():
        for school in file.schools:
            by_file.setdefault(school.origin.file, set()).add(school.id)
    # The copy is most likely the one with the longer name: 'asao (1).yaml', 'asao - Copy.yaml'.
    names = sorted(by_file, key=lambda name: (len(name), name))
    for at, name in enumerate(names):
        first = next((one for one in names[:at] if by_file[name] <= by_file[one]), None)
        if first is not None:
            message = f"repeats {len(by_file[name])} schools of {first}; is it a copy? Delete one of the two files"
            found.append(Problem(Origin(name, 1), "", message))
    return found


def _find_repeated(items: Iterable[LocatedItem], field: str, noun: str) -> Iterator[Problem]:
    first: dict[object, Origin] = {}
    for item in items:
        value = getattr(item, field)
        if value is None:
            continue
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


def _find_repeated_principals(policy: ReadPolicy) -> Iterator[Problem]:
    """A principal in two roles: what a rule forbids the one role, the same people would have by the other."""
    people = policy.find(PEOPLE)
    first: dict[str, Role] = {}
    for role in people.roles if people else ():
        for one in role.principals:
            if one in first:
                message = (
                    f"{one} has the role {first[one].id!r} already ({first[one].origin}); name it at one role, once"
                )
                yield Problem(role.origin, "principals", message)
            first.setdefault(one, role)


def _find_overlaps(policy: ReadPolicy) -> Iterator[Problem]:
    """Two admissions of one certificate class at one place: the server could not know which to answer."""
    admission_file, meanings = policy.find(ADMISSION), find_meanings(policy.find(PEOPLE))
    given: dict[tuple[str, str], Admission] = {}
    for admission in admission_file.admissions if admission_file else ():
        for place in (meanings.get(word, word) for word in admission.places or PLUGGED):
            other = given.setdefault((admission.certificate, place), admission)
            if other is not admission:
                admitted = f"certificate {admission.certificate!r} at {place}"
                message = f"{admitted} is admitted by {other.id!r} already ({other.origin})"
                yield Problem(admission.origin, "certificate", message)

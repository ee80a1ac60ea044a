"""What is cut off is there, is managed from here, and is neither the way of others nor that of the devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.errors import Problem
from controller.model.access.quarantines import ClosedSchool, Quarantine, QuarantineFile
from controller.model.city import City
from controller.model.loading.references import find_unknown
from controller.model.network.device_state import PortMode, PortRole
from controller.model.policy_files import QUARANTINES
from controller.model.sites.adoption import ManagedPart, list_managed_parts
from controller.model.sites.devices import DevicePort
from controller.model.sites.schools import School


def find_quarantine_problems(city: City, estate: City) -> Iterator[Problem]:
    """Return what of the file cannot be meant, whatever the day.

    `estate` is the city as it is going to be used: of a virtual one the ports of its switches can be meant, too.
    """
    file = city.files.get(QUARANTINES)
    # Ports as the blueprints have them: of those in quarantine the city of the day says something else.
    whole, used = (one.replace_file(QUARANTINES, QuarantineFile()) for one in (city, estate))
    for one in file.quarantines:
        if one.school is not None:
            yield from _find_school_problems(whole, one, one.school)
            rules = [rule.id for rule in whole.rules if rule.network and rule.effect == "permit"]
            yield from find_unknown(one.origin, "keeps", "permit with a network part", one.keeps, rules)
            yield from _find_kept_in_vain(whole, one)
        else:
            problems = [*_find_port_problems(whole, one)]
            if problems and (estate is city or [*_find_port_problems(used, one)]):
                yield from problems
    for closed in file.closed:
        yield from _find_school_problems(whole, closed, closed.school)
    yield from _find_overlaps(file.quarantines)
    yield from _find_closed_twice(file.closed)


def _find_school_problems(city: City, one: Quarantine | ClosedSchool, name: str) -> Iterator[Problem]:
    yield from find_unknown(one.origin, "school", "school", [name], city.school_by_id)
    school = city.school_by_id.get(name)
    if school is not None:
        yield from _find_unmanaged(one, "school", school, "filters")


def _find_kept_in_vain(city: City, one: Quarantine) -> Iterator[Problem]:
    school = city.school_by_id.get(one.school or "")
    for rule in city.rules:
        if school is not None and rule.id in one.keeps and not city.scopes.may_apply_at(rule, school):
            message = f"the rule {rule.id!r} ({rule.origin}) is not for {school.name}: it would keep nothing there"
            yield Problem(one.origin, "keeps", message)


def _find_unmanaged(one: Quarantine | ClosedSchool, field: str, school: School, part: ManagedPart) -> Iterator[Problem]:
    if part not in list_managed_parts(school.adoption):
        message = (
            f"{school.name} ({school.origin}) is at 'adoption: {school.adoption}', which manages no {part}: nothing "
            "would be cut off"
        )
        yield Problem(one.origin, field, message)


def _find_port_problems(city: City, one: Quarantine) -> Iterator[Problem]:
    known = {device.id: device for school in city.schools for device in city.list_devices(school)}
    device = known.get(one.device or "")
    if device is None:
        yield from find_unknown(one.origin, "device", "device", [one.device or ""], known)
        return
    yield from _find_unmanaged(one, "device", device.school, "ports")
    ports = {port.name: port for port in device.ports}
    members = {name: port for port in device.ports if port.lag for name in port.lag.members}
    port = ports.get(one.port or "") or members.get(one.port or "")
    if port is None:
        yield from find_unknown(one.origin, "port", f"port of {device.id}", [one.port or ""], ports)
        return
    fault = _find_port_fault(city, port)
    if fault:
        yield Problem(one.origin, "port", f"port {one.port} of {device.id} {fault}")


def _find_port_fault(city: City, port: DevicePort) -> str:
    """Say why a port cannot be cut off; "" where it can."""
    if port.role is PortRole.UPLINK:
        return "is the way to the gateway: cut off the school instead"
    if port.segments == (city.management_segment,):
        return f"carries the segment of the devices ({city.management_segment}): nobody could reach them any more"
    if port.lag is not None:
        return f"is part of LAG {port.lag.number}, behind which others stand: cut off the ports of that device"
    if port.mode is not PortMode.ACCESS:
        return "is a trunk, behind which others stand: cut off the ports of that device, or the school"
    if port.segments == (city.default_segment,):
        return f"is in the segment of the unknown ({city.default_segment}) already"
    return ""


def _find_overlaps(listed: Sequence[Quarantine]) -> Iterator[Problem]:
    seen: dict[tuple[str, ...], list[Quarantine]] = {}
    for one in listed:
        for other in seen.setdefault(one.target, []):
            if one.since <= other.until and other.since <= one.until:
                message = f"{one.subject} is in quarantine on some of these days already ({other.origin})"
                yield Problem(one.origin, "since", message)
        seen[one.target].append(one)


def _find_closed_twice(listed: Sequence[ClosedSchool]) -> Iterator[Problem]:
    first: dict[str, ClosedSchool] = {}
    for one in listed:
        other = first.setdefault(one.school, one)
        if other is not one:
            yield Problem(one.origin, "school", f"{one.school} is closed already ({other.origin})")

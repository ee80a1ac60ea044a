"""The inventory against the rest of the policy: known names, room in the blueprint, addresses of no other device."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from controller.errors import Origin, Problem
from controller.model.city import City
from controller.model.loading.policy_reader import ReadPolicy
from controller.model.loading.references import count_others, find_integrations, find_unknown, list_lots
from controller.model.network.packets import Family, get_bounds
from controller.model.policy_files import BLUEPRINTS, CITY, DEVICES, SCHOOLS, SEGMENTS
from controller.model.sites.blueprints import BlueprintFile
from controller.model.sites.devices import Device, DeviceSlot
from controller.model.sites.equipment import Equipment
from controller.model.sites.inventory import ListedDevice
from controller.model.sites.schools import School
from controller.model.sites.stages import Stage


def find_inventory_problems(policy: ReadPolicy) -> Iterator[Problem]:
    """Unknown names in the inventory, devices that no blueprint has room for, and platforms that nothing gives."""
    files, schools = policy.find_all(DEVICES), policy.find_all(SCHOOLS)
    city, blueprints = policy.find(CITY), policy.find(BLUEPRINTS)
    if files is None or schools is None or city is None or blueprints is None:
        return
    listed = [one for file in files for one in file.devices]
    unknown = list(_find_unknown_names(policy, listed, blueprints))
    yield from unknown
    stages = find_integrations(policy)
    placed = [school for school, lot in list_lots(policy) if lot]
    known = [school for school in placed if _has_blueprint(blueprints, school, stages.find_stage(school))]
    if not unknown:
        equipment = Equipment(city.wards, blueprints, tuple(listed), stages.find_stage)
        yield from _find_slot_problems(equipment, known, blueprints)


def _find_unknown_names(policy: ReadPolicy, listed: list[ListedDevice], blueprints: BlueprintFile) -> Iterator[Problem]:
    schools = [school.id for file in policy.find_all(SCHOOLS) or () for school in file.schools]
    segments = policy.find(SEGMENTS)
    lots = {lot for group in blueprints.blueprints for one in group.devices for lot in one.platform}
    for one in listed:
        yield from find_unknown(one.origin, "school", "school", [one.school], schools)
        if one.lot is not None:
            yield from find_unknown(one.origin, "lot", "procurement lot", [one.lot], lots)
        if one.blueprint is not None:
            names = [blueprint.id for blueprint in blueprints.blueprints]
            yield from find_unknown(one.origin, "blueprint", "blueprint", [one.blueprint], names)
        for ports in one.ports or ():
            if ports.segments != "all" and segments is not None:
                ids = [segment.id for segment in segments.segments]
                yield from find_unknown(ports.origin, "segments", "segment", ports.segments, ids)


def _has_blueprint(blueprints: BlueprintFile, school: School, stage: Stage | None) -> bool:
    return any(one.matches(school, stage) for one in blueprints.blueprints)


def _find_slot_problems(equipment: Equipment, schools: list[School], blueprints: BlueprintFile) -> Iterator[Problem]:
    taken: dict[str, Origin] = {}
    lacking: dict[str, list[tuple[Origin, School]]] = {}
    told: set[Origin] = set()
    for school in schools:
        slots = equipment.list_slots(school)
        yield from _find_homeless(equipment, school)
        if not any(slot.group.role == "core" for slot in slots):
            blueprint = equipment.find_blueprint(school)
            message = f"has no device of the role core: blueprint {blueprint.id} ({blueprint.origin}) leaves it to the"
            yield Problem(school.origin, "", f"{message} inventory, which lists none")
        for slot in slots:
            origin = slot.listed.origin if slot.listed else slot.group.origin
            if slot.id in taken:
                message = f"{slot.id!r} is another device's name already ({taken[slot.id]})"
                yield Problem(origin, "id", message)
            taken.setdefault(slot.id, origin)
            if slot.platform is None and origin not in told:
                told.add(origin)
                lacking.setdefault(slot.lot, []).append((origin, school))
            if slot.listed is not None and slot.platform is not None:
                yield from _find_unnamed_ports(slot, slot.platform, blueprints)
    for lot, places in sorted(lacking.items()):
        (origin, school), *others = places
        message = f"names no platform for the lot {lot!r} of school {school.id} ({school.origin})"
        yield Problem(origin, "platform", message + count_others(others))


def _find_homeless(equipment: Equipment, school: School) -> Iterator[Problem]:
    """Devices that the inventory lists and the blueprint has no room for."""
    for one in equipment.list_homeless(school):
        blueprint = equipment.find_blueprint(school)
        count = sum(group.managed for group in blueprint.devices if group.role == one.role)
        message = (
            f"blueprint {blueprint.id} ({blueprint.origin}) gives school {school.id} {count} devices of the role "
            f"{one.role}, and this is one more; write `count: listed` there, or `blueprint: ...` at the school"
        )
        yield Problem(one.origin, "role", message)


def _find_unnamed_ports(slot: DeviceSlot, platform: str, blueprints: BlueprintFile) -> Iterator[Problem]:
    by_number = any(ports.pattern is None for ports in slot.port_groups.ports or ())
    if slot.listed is not None and (by_number or slot.group.ssids):
        known = blueprints.port_names
        yield from find_unknown(slot.listed.origin, "platform", "port-names of", [platform], known)


def find_management_problems(city: City) -> Iterator[Problem]:
    """Management addresses that are not in the school's management segment, its gateway's, or two devices'."""
    segment = city.segments[city.management_segment]
    for school in city.schools:
        listed = {one.id: one for one in city.equipment.listed.get(school.id, ())}
        taken: dict[IPv4Address | IPv6Address, Device] = {}
        # What the inventory says comes last, so that a problem stands at its line.
        for device in sorted(city.list_devices(school) if listed else (), key=lambda one: one.id in listed):
            origin = device.origin or school.origin
            family = Family(device.management.version)
            if family not in city.families:
                message = f"{device.management} of {device.id} is IPv{int(family)}, which the city does not use"
                yield Problem(origin, "management", f"{message} (addressing in city.yaml)")
                continue
            subnet = city.addresses.segment_prefix(school, segment, family)
            (first, last), address = get_bounds(subnet), int(device.management)
            if not first < address < last + (family is Family.V6):
                message = (
                    f"{device.management} of {device.id} is no host of {subnet}, segment {segment.id} of {school.id}"
                )
                where = f"; write the school's own prefix: segments: [{{id: {segment.id}, ...}}] ({school.origin})"
                yield Problem(origin, "management", message + where)
            elif address == city.addresses.gateway_address(school, segment, family):
                message = (
                    f"{device.management} is the gateway of segment {segment.id} at {school.id}; devices have others"
                )
                yield Problem(origin, "management", message)
            other = taken.setdefault(device.management, device)
            if other is not device:
                message = f"{device.management} of {device.id} is {other.id}'s already ({other.origin})"
                yield Problem(origin, "management", message)

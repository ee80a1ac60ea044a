"""Devices of NetBox in the city's inventory: those whose role the operator names; all others are counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import get_args

from controller.importing.cell_values import CellRefused
from controller.importing.source_table import SourceDevice
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_text, shorten_value
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.inventory import ListedDevice
from controller.model.sites.schools import DeviceRole
from controller.platforms.registry import is_supported, list_platforms

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,38}")
_SLUG = re.compile(r"[a-z0-9_-]{1,100}")
_ROLES: tuple[DeviceRole, ...] = get_args(DeviceRole)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device that the inventory does not have yet."""

    id: str
    school: str
    role: DeviceRole
    platform: str | None
    management: IPv4Address | IPv6Address | None


@dataclass(frozen=True, slots=True)
class DeviceChanges:
    """The devices that come in, and in words what is left to a person."""

    new: tuple[NewDevice, ...]
    notes: tuple[str, ...]


def read_device_roles(words: Sequence[str]) -> Mapping[str, DeviceRole]:
    """Return which role of the city each role of NetBox is, as an option names it: `core-switch=core`.

    >>> read_device_roles(["core-switch=core"])
    {'core-switch': 'core'}

    Raises:
        CellRefused: a word names none.
    """
    found: dict[str, DeviceRole] = {}
    for word in words:
        slug, _, name = word.partition("=")
        role = next((one for one in _ROLES if one == name), None)
        if role is None or not _SLUG.fullmatch(slug):
            message = (
                f"{shorten_value(word)}: write the slug of a role in NetBox, '=', and one of "
                f"{', '.join(_ROLES)}, such as core-switch=core{suggest_names(name, _ROLES)}"
            )
            raise CellRefused(message)
        found[slug] = role
    return found


def choose_devices(
    city: City, devices: Sequence[SourceDevice], roles: Mapping[str, DeviceRole], schools: Mapping[int, str]
) -> DeviceChanges:
    """Return the devices that come into the inventory.

    Args:
        city: the city, with the schools that come in.
        devices: what NetBox has.
        roles: which role of the city each role of NetBox is.
        schools: the school of each site, by the site's number in NetBox.
    """
    listed = {one.id: one for inside in city.equipment.listed.values() for one in inside}
    reasons: dict[str, list[str]] = {}
    new: dict[str, NewDevice] = {}
    for one in devices:
        made = _read(one, city, roles, schools)
        if isinstance(made, str):
            if one.role in roles:
                reasons.setdefault(made, []).append(one.name or f"number {one.origin.line}")
        elif made.id in new:
            reasons.setdefault("have the name of another device", []).append(made.id)
        elif made.id not in listed:
            new[made.id] = made
        else:
            for difference in _list_differences(listed[made.id], made):
                reasons.setdefault(f"differ: {difference}; change them by hand", []).append(made.id)
    notes = [f"devices that {why}: {_name_some(names)}" for why, names in reasons.items()]
    return DeviceChanges(tuple(new.values()), (*notes, *describe_other_devices(devices, roles)))


def _read(
    one: SourceDevice, city: City, roles: Mapping[str, DeviceRole], schools: Mapping[int, str]
) -> NewDevice | str:
    """Return the device, or why it does not come in."""
    role, school = roles.get(one.role), schools.get(one.site)
    if role is None:
        return "have another role"
    if not one.is_active:
        return "are not active, and are left out"
    if school is None:
        return "stand at no school of the city, and are left out"
    device = re.sub(r"[ ._]", "-", one.name.casefold())
    if not _ID.fullmatch(device):
        return "have no name that can be an id (letters, digits and '-'), and are left out"
    platform = one.platform.replace("-", "_") or None
    if platform is not None and not is_supported(platform):
        known = ", ".join(list_platforms())
        return f"have the platform {shorten_text(one.platform)}, which is none of {known}, and are left out"
    family = Family(city.families[0])
    management = next((address for address in one.addresses if address.version == family), None)
    return NewDevice(device, school, role, platform, management)


def _list_differences(there: ListedDevice, new: NewDevice) -> Iterator[str]:
    for field, before, after in (
        ("school", there.school, new.school),
        ("role", there.role, new.role),
        ("platform", there.platform, new.platform),
        ("management", there.management, new.management),
    ):
        if after is not None and before != after:
            yield f"{field} {before} in the city ({there.origin}), {after} in NetBox"


def describe_other_devices(devices: Sequence[SourceDevice], roles: Mapping[str, DeviceRole]) -> Iterator[str]:
    """Yield how many devices have a role that nobody named, where there are such."""
    counted = Counter(one.role or "without a role" for one in devices if one.role not in roles)
    if counted:
        shown = ", ".join(f"{count} {shorten_text(role)}" for role, count in counted.most_common(8))
        how = "name their role to take them over, such as --devices core-switch=core"
        yield f"{counted.total()} devices of NetBox are not taken over ({shown}); {how}"


def _name_some(names: Sequence[str]) -> str:
    shown = ", ".join(shorten_text(one) for one in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown

"""Selects the devices that a command is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.errors import TsunaguError
from controller.inputs.near_matches import format_near_names, list_near_names, suggest_names
from controller.inputs.shown_text import shorten_value
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.sites.schools import School

_PARTS = re.compile(r"[,\u3001\uff0c;\s]+")
_SHOWN = 8
"""Names that are listed where one is not known."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Schools and wards by id or name; none of either means every school of the city's estate."""

    schools: Sequence[str] = ()
    wards: Sequence[str] = ()


def select_schools(city: City, selection: Selection) -> tuple[School, ...]:
    """Return the schools of a selection, the canary first. A school or ward may be named by its id or its name.

    Raises:
        TsunaguError: a name that the city does not know, or that several have.
    """
    known = {school.id: school for school in city.estate_schools}
    schools = _find_ids(city, "school", selection.schools, {one.id: one.name for one in known.values()})
    wards = _find_ids(city, "ward", selection.wards, {ward.id: ward.name for ward in city.wards})
    chosen = [
        school for school in known.values() if not (schools or wards) or school.id in schools or school.ward in wards
    ]
    return tuple(sorted(chosen, key=lambda school: school.id != city.canary))


def select_schools_in_service(city: City, selection: Selection) -> tuple[School, ...]:
    """Return the schools of a selection that are not closed; a closed one only where it is named.

    Raises:
        TsunaguError: a name that the city does not know, or that several have.
    """
    named = _find_ids(city, "school", selection.schools, {one.id: one.name for one in city.estate_schools})
    closed = city.cut_offs.closed - named
    return tuple(school for school in select_schools(city, selection) if school.id not in closed)


def select_devices(city: City, selection: Selection) -> tuple[Device, ...]:
    """Return the devices of the selected schools."""
    return tuple(device for school in select_schools(city, selection) for device in city.list_devices(school))


def find_named(noun: str, name: str, called: Mapping[str, str]) -> str:
    """Return the id of what is named by its id or by its name for people.

    Args:
        noun: what it is, for messages.
        name: what was asked for.
        called: the names for people by the ids; "" where something has none.

    >>> find_named("application", "校務支援システム", {"affairs": "校務支援システム", "internet": ""})
    'affairs'

    Raises:
        TsunaguError: there is nothing of that name, or several have it.
    """
    if name in called:
        return name
    meant = [one for one, word in called.items() if word and word == name]
    if len(meant) == 1:
        return meant[0]
    words = {one: word for one, word in called.items() if word}
    near = suggest_names(name, called, words)
    message = f"there is no {noun} {shorten_value(name)}; there are: {', '.join(called)}{near}"
    raise TsunaguError(message)


def find_device(city: City, name: str) -> Device:
    """Return one device by its id.

    Raises:
        TsunaguError: the city's estate has no such device.
    """
    listed_at = next((one.school for one in city.equipment.inventory if one.id == name), "")
    for school in city.estate_schools:
        if name.startswith(school.id) or school.id == listed_at:
            for device in city.list_devices(school):
                if device.id == name:
                    return device
    devices = [device.id for school in city.estate_schools for device in city.list_devices(school)]
    near = suggest_names(name, devices)
    message = f"{city.called} has no device {name!r}; device ids are {', '.join(devices[:2])}, ...{near}"
    raise TsunaguError(message)


def _find_ids(city: City, noun: str, names: Sequence[str], called: Mapping[str, str]) -> frozenset[str]:
    return frozenset(_find_id(city, noun, name, called) for name in names)


def _find_id(city: City, noun: str, name: str, called: Mapping[str, str]) -> str:
    if name in called:
        return name
    meant = [one for one, word in called.items() if word == name]
    if len(meant) == 1:
        return meant[0]
    if meant:
        message = f"{len(meant)} {noun}s of {city.called} are called {name!r}; name one by its id: {', '.join(meant)}"
        raise TsunaguError(message)
    message = f"there is no {noun} {shorten_value(name)} in {city.called}; "
    other = _explain_other_kind(city, noun, name)
    if other:
        raise TsunaguError(message + other)
    near = list_near_names(name, called, called)
    if near:
        raise TsunaguError(message + format_near_names(near, called))
    group, dash, _ = name.lower().partition("-")
    alike = [one for one in called if dash and one.startswith(f"{group}-")]
    listed = [f"{one} ({called[one]})" for one in alike] or list(called)
    message += f"there are: {', '.join(listed[:_SHOWN])}" + (", ..." if len(listed) > _SHOWN else "")
    raise TsunaguError(message)


def _explain_other_kind(city: City, noun: str, name: str) -> str:
    """Say what a name is, if it is not what was asked for: several names, a ward, a school, a device; else nothing."""
    parts = [part for part in _PARTS.split(name.strip()) if part]
    if len(parts) > 1:
        return f"repeat the option for each: {' '.join(f'--{noun} {part}' for part in parts[:_SHOWN])}"
    if noun == "school":
        ward = next((one for one in city.wards if name in {one.id, one.name}), None)
        return f"it is a ward: --ward {ward.id}" if ward else _explain_part_of_school(city, name)
    school = next((one for one in city.estate_schools if name in {one.id, one.name}), None)
    return f"it is a school: --school {school.id}" if school else ""


def _explain_part_of_school(city: City, name: str) -> str:
    listed = {one.id: one.school for one in city.equipment.inventory}
    school = next(
        (one.id for one in city.estate_schools if name.startswith((f"{one.id}-", f"{one.id}/", f"{one.id}."))), None
    ) or listed.get(name)
    return f"name its school: --school {school}" if school else ""

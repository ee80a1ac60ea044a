"""Selects the devices that a command is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.errors import TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.sites.schools import School

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


def select_devices(city: City, selection: Selection) -> tuple[Device, ...]:
    """Return the devices of the selected schools."""
    return tuple(device for school in select_schools(city, selection) for device in city.list_devices(school))


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
    shown = ", ".join(list(called)[:_SHOWN]) + (", ..." if len(called) > _SHOWN else "")
    near = suggest_names(name, called, called)
    message = f"there is no {noun} {name!r} in {city.called}; there are: {shown}{near}"
    raise TsunaguError(message)

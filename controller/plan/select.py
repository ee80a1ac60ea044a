"""Selects the devices that a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.sites.schools import School


@dataclass(frozen=True, slots=True)
class Selection:
    """Schools and wards by id; none of either means every school of the city's estate."""

    schools: Sequence[str] = ()
    wards: Sequence[str] = ()


def select_schools(city: City, selection: Selection) -> tuple[School, ...]:
    """Return the schools of a selection, the canary first.

    Raises:
        TsunaguError: a name that the city does not know.
    """
    known = {school.id: school for school in city.estate_schools}
    _all_known(city, "school", selection.schools, known)
    _all_known(city, "ward", selection.wards, [ward.id for ward in city.wards])
    chosen = [
        school
        for school in known.values()
        if not (selection.schools or selection.wards)
        or school.id in selection.schools
        or school.ward in selection.wards
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
    for school in city.estate_schools:
        if name.startswith(school.id):
            for device in city.list_devices(school):
                if device.id == name:
                    return device
    message = f"{city.called} has no device {name!r}; device ids are SCHOOL-core1, SCHOOL-floor2, ..."
    raise TsunaguError(message)


def _all_known(city: City, noun: str, names: Sequence[str], known: Sequence[str] | dict[str, School]) -> None:
    for name in names:
        if name not in known:
            shown = ", ".join(list(known)[:8]) + (", ..." if len(known) > 8 else "")  # noqa: PLR2004 a line's worth
            message = f"there is no {noun} {name!r} in {city.called}; there are: {shown}"
            raise TsunaguError(message)

"""Which devices a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controller.errors import TsunaguError
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.sites.schools import School


@dataclass(frozen=True, slots=True)
class Selection:
    """Schools and wards by id; none of either means every school. `lab` takes the virtual city's devices."""

    schools: Sequence[str] = ()
    wards: Sequence[str] = ()
    lab: bool = False


def selected_schools(city: City, selection: Selection) -> tuple[School, ...]:
    """The schools of a selection, the lab's canary first.

    Raises:
        TsunaguError: a name that the city does not know.
    """
    known = {id_: city.school_by_id[id_] for id_ in city.lab.schools} if selection.lab else city.school_by_id
    _all_known("school" if not selection.lab else "school of the lab", selection.schools, known)
    wards = [ward.id for ward in city.wards]
    _all_known("ward", selection.wards, wards)
    chosen = [
        school
        for school in known.values()
        if not (selection.schools or selection.wards)
        or school.id in selection.schools
        or school.ward in selection.wards
    ]
    return tuple(sorted(chosen, key=lambda school: school.id != city.lab.canary))


def selected_devices(city: City, selection: Selection) -> tuple[Device, ...]:
    """The devices of the selected schools."""
    devices_of = city.lab_devices if selection.lab else city.devices
    return tuple(device for school in selected_schools(city, selection) for device in devices_of(school))


def device_by_id(city: City, name: str, *, lab: bool) -> Device:
    """One device by its id.

    Raises:
        TsunaguError: the city (or the lab) has no such device.
    """
    devices_of = city.lab_devices if lab else city.devices
    schools = [city.school_by_id[id_] for id_ in city.lab.schools] if lab else city.schools
    for school in schools:
        if name.startswith(school.id):
            for device in devices_of(school):
                if device.id == name:
                    return device
    where = "the lab has" if lab else "the city has"
    message = f"{where} no device {name!r}; device ids are SCHOOL-core1, SCHOOL-floor2, ..."
    raise TsunaguError(message)


def _all_known(noun: str, names: Sequence[str], known: Sequence[str] | dict[str, School]) -> None:
    for name in names:
        if name not in known:
            shown = ", ".join(list(known)[:8]) + (", ..." if len(known) > 8 else "")  # noqa: PLR2004 a line's worth
            message = f"there is no {noun} {name!r}; there are: {shown}"
            raise TsunaguError(message)

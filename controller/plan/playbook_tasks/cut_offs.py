"""What a playbook cuts off or opens: which devices hold it, and whether a device that was read does so."""

from __future__ import annotations

from collections.abc import Sequence

from controller.compile.network.wanted_device_state import FILTERING_ROLE
from controller.errors import TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.model.access.quarantines import QuarantineFile
from controller.model.city import City
from controller.model.policy_files import QUARANTINES
from controller.model.sites.devices import Device
from controller.model.sites.schools import School
from controller.plan.backup import is_operable
from controller.plan.observe import observe_device
from controller.plan.playbook_tasks.policy_entries import Subject
from controller.plan.select import find_device
from controller.platforms.transport.base import Transport
from controller.prove.reachability.quarantine import find_quarantine_leaks


def choose_subject(devices: Sequence[Device], device: str, port: str) -> Subject:
    """Return what is meant: with a port that port, else the one school of the devices that the run is about.

    Raises:
        TsunaguError: there are devices of several schools, or the port's device is none of them.
    """
    schools = sorted({one.school.id for one in devices})
    if len(schools) != 1:
        message = f"one school at a time, and these are devices of {len(schools)}: name one with --school (or --limit)"
        raise TsunaguError(message)
    if not port:
        if device:
            message = "name the port, too; without a port it is the whole school"
            raise TsunaguError(message)
        return Subject(school=schools[0])
    names = [one.id for one in devices]
    if not device and len(names) == 1:
        return Subject(device=names[0], port=port)
    if device not in names:
        near = suggest_names(device, names)
        message = f"name the device of port {port}: one of {', '.join(names[:8])}{near}"
        raise TsunaguError(message)
    return Subject(device=device, port=port)


def list_holders(city: City, subject: Subject, hosts: Sequence[str]) -> tuple[str, ...]:
    """Return the devices that hold what is cut off: that of the port, or those with the school's filters.

    Raises:
        TsunaguError: the device has no such port, or one of the devices is none of the hosts of this run.
    """
    if subject.school:
        school = city.school_by_id[subject.school]
        holders = [one.id for one in city.list_devices(school) if one.role == FILTERING_ROLE]
    else:
        holders = [subject.device]
        whole = city.replace_file(QUARANTINES, QuarantineFile())
        fleet = [one for school in whole.schools for one in whole.list_devices(school) if one.id == subject.device]
        ports = [port.name for one in fleet for port in one.ports]
        if subject.port not in ports:
            near = suggest_names(subject.port, ports)
            message = f"{subject.device} has no port {subject.port}; it has: {', '.join(ports[:12])}{near}"
            raise TsunaguError(message)
    lacking = [name for name in holders if name not in hosts]
    if lacking or not holders:
        message = (
            f"{', '.join(lacking) or 'no device'} would have to hold it, and is no host of this run: its platform "
            "cannot be read over SSH, or the run was told to leave it out"
        )
        raise TsunaguError(message)
    return tuple(holders)


def refuse_part_of_school(city: City, school: School, hosts: Sequence[str]) -> None:
    """See that all devices of a school that can be read over SSH are hosts: it is closed as a whole.

    Raises:
        TsunaguError: one of them is none.
    """
    lacking = [one.id for one in city.list_devices(school) if is_operable(one) and one.id not in hosts]
    if lacking:
        message = (
            f"{', '.join(lacking[:12])} of {school.name} would neither be saved nor taken out of the pins: a school is "
            "closed as a whole, so run this for all its devices, without --device (or a narrower --limit)"
        )
        raise TsunaguError(message)


def explain_left_out(city: City, hosts: Sequence[str]) -> dict[str, str]:
    """Return, by their names, why the other devices of the hosts' schools are none of the hosts."""
    schools = {find_device(city, name).school.id: None for name in hosts}
    others = [one for name in schools for one in city.list_devices(city.school_by_id[name]) if one.id not in hosts]
    told = "the run was told to leave it out"
    return {
        one.id: told if is_operable(one) else f"platform {one.platform!r} cannot be read over SSH yet" for one in others
    }


def find_leaks(city: City, device: Device, transport: Transport) -> tuple[str, ...]:
    """Read a device, and return what of it is to be cut off by the policy of today and is not.

    Raises:
        DeviceError: it does not answer, does not let us in, or is not the pinned one.
        TsunaguError: what it holds is not understood.
    """
    observed = observe_device(device, transport, only_read=True)
    if observed.observation is None:
        message = f"{device.id}: it could not be read"
        raise observed.refusal or TsunaguError(message)
    return tuple(find_quarantine_leaks(city, device, observed.observation.state))

"""The city as an Ansible inventory: every device a host, in groups of its ward, its school's kind and its platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_files import POLICY_FILES
from controller.model.sites.devices import Device, EstateName
from controller.model.virtual_city import ESTATES
from controller.operations.device_access import DeviceAccess
from controller.operations.operations import Operations
from controller.operations.operators_file import load_operations
from controller.plan.backup import is_operable
from controller.plan.select import Selection, find_device, select_devices


@dataclass(frozen=True, slots=True)
class Host:
    """A device as Ansible sees it. The groups' names hold only what Ansible allows in a name."""

    name: str
    groups: tuple[str, ...]
    variables: dict[str, str | int] = field(default_factory=dict)


def load_city_once(policies: str, estate: EstateName) -> City:
    """Return the city of a folder, read once a run: Ansible forks a process a task, and all of them see this one.

    A playbook may change the policy itself: the city of other files is another one.

    Raises:
        PolicyError: the policies cannot be loaded.
    """
    return _load_city_of(policies, estate, _stamp_files(policies))


@cache
def _load_city_of(policies: str, estate: EstateName, _stamp: tuple[tuple[str, int, int], ...]) -> City:
    bounds = load_operations_once(policies).get_bounds()
    return load_city(Path(policies), estate=ESTATES[estate], bounds=bounds)


def _stamp_files(policies: str) -> tuple[tuple[str, int, int], ...]:
    """Return the files of a policy with their inodes and times: a file that is written whole has others."""
    names = sorted({path for kind in POLICY_FILES for path in Path(policies).glob(kind.pattern)})
    return tuple((str(path), path.stat().st_ino, path.stat().st_mtime_ns) for path in names)


def load_city_with(policies: str, estate: EstateName, instead: Mapping[str, Path]) -> City:
    """Return the city that other files in the place of some lead to.

    Raises:
        PolicyError: the policies cannot be loaded so.
    """
    bounds = load_operations_once(policies).get_bounds()
    return load_city(Path(policies), estate=ESTATES[estate], bounds=bounds, instead=instead)


@cache
def load_operations_once(policies: str) -> Operations:
    """Return what the operators' file says, read once a run.

    Raises:
        OperationsRefused: it cannot be used.
    """
    return load_operations(policies=Path(policies))


@dataclass(frozen=True, slots=True)
class PlaybookHost:
    """A host of a playbook as the controller knows it: its city, the operators' file, the device."""

    city: City
    operations: Operations
    device: Device


def load_playbook_host(variables: Mapping[str, object]) -> PlaybookHost:
    """Return the device that a playbook's task is about; `variables` are what Ansible gives the task.

    Raises:
        TsunaguError: the policies or the operators' file cannot be used, or the city has no such device.
    """
    policies, estate = str(variables["tsunagu_policies"]), str(variables["tsunagu_estate"])
    city = load_city_once(policies, TypeAdapter(EstateName).validate_python(estate))
    operations = load_operations_once(policies)
    return PlaybookHost(city, operations, find_device(city, str(variables["inventory_hostname"])))


def list_hosts(
    city: City, access: Mapping[str, DeviceAccess], waves: Mapping[str, str] | None = None
) -> Iterator[Host]:
    """Return every device of the city's estate as a host; its user and port where the operators' file has them.

    `waves` are the names of the waves by device, where they are known.
    """
    waves = waves or {}
    for device in select_devices(city, Selection()):
        yield _host(
            device, access.get(device.access), waves.get(device.id, ""), closed=device.school.id in city.cut_offs.closed
        )


def _host(device: Device, access: DeviceAccess | None, wave: str, *, closed: bool) -> Host:
    school = device.school
    groups = (
        f"ward_{school.ward}",
        f"school_{school.id}",
        f"kind_{school.kind}",
        f"phase_{school.adoption}",
        *((f"wave_{wave}",) if wave else ()),
        f"platform_{device.platform}",
        f"role_{device.role}",
        *(("closed",) if closed else ()),
        "operable" if is_operable(device) else "not_operable",
    )
    variables: dict[str, str | int] = {
        "ansible_host": str(device.management),
        **({} if access is None else {"ansible_port": access.port, "ansible_user": access.user}),
        "school": school.id,
        "school_name": school.name,
        "ward": school.ward,
        "platform": device.platform,
        "device_role": device.role,
    }
    return Host(device.id, tuple(group.replace("-", "_") for group in groups), variables)

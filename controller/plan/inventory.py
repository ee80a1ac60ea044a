"""The city as an Ansible inventory: every device a host, in groups of its ward, its school's kind and its platform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from controller.model.city import City
from controller.model.loading.load import load_city
from controller.model.sites.devices import Device
from controller.plan.backup import is_operable
from controller.plan.select import Selection, selected_devices


@dataclass(frozen=True, slots=True)
class Host:
    """A device as Ansible sees it. The groups' names hold only what Ansible allows in a name."""

    name: str
    groups: tuple[str, ...]
    variables: dict[str, str | int] = field(default_factory=dict)


@cache
def city_at(policies: str) -> City:
    """The city of a folder, read once a run: Ansible forks a process for each task, and all of them see this one.

    Raises:
        PolicyError: the policies cannot be loaded.
    """
    return load_city(Path(policies))


def hosts(city: City, *, lab: bool) -> Iterator[Host]:
    """Every device of the city, or of the virtual city."""
    for device in selected_devices(city, Selection(lab=lab)):
        yield _host(device)


def _host(device: Device) -> Host:
    school = device.school
    groups = (
        f"ward_{school.ward}",
        f"school_{school.id}",
        f"kind_{school.kind}",
        f"platform_{device.platform}",
        f"role_{device.role}",
        "operable" if is_operable(device) else "not_operable",
    )
    variables: dict[str, str | int] = {
        "ansible_host": str(device.management),
        "ansible_port": device.access.port,
        "ansible_user": device.access.user,
        "school": school.id,
        "school_name": school.name,
        "ward": school.ward,
        "platform": device.platform,
        "device_role": device.role,
    }
    return Host(device.id, tuple(group.replace("-", "_") for group in groups), variables)

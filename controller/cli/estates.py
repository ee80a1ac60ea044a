"""The operators' file of the estate that a command is about."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from datetime import date
from pathlib import Path

import typer

from controller.cli.advised_commands import remember_estate
from controller.cli.options import SCRATCH, choose_estate_class
from controller.inputs.real_path import find_real_path
from controller.lab.lab_operations import load_lab_operations
from controller.lab.state import paths
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.sites.devices import EstateName
from controller.model.virtual_city import VirtualCity
from controller.operations.operations import Operations
from controller.operations.operators_file import VARIABLE, load_operations
from controller.operations.trusted_files import find_untrusted_paths, list_untrusted_folders, refuse_file
from controller.platforms.transport.ssh_transport import SshTransport

_STATE_REFUSED = "The folder of what was done to real devices cannot be used:"


def load_estate_city(policies: Path, *, lab: bool = False, on: date | None = None) -> City:
    """Return the city, within the bounds that the operators' file gives; `lab`: with the virtual city's devices.

    Raises:
        PolicyError: the policies cannot be loaded, or are wider than their bounds.
        OperationsRefused: the operators' file cannot be used.
    """
    remember_estate(policies, lab=lab)
    operations = load_lab_operations() if lab else load_operations(policies=policies)
    return load_city(policies, on=on, estate=choose_estate_class(lab=lab), bounds=operations.get_bounds())


def build_policy_loader(
    policies: Path, estate: type[City], operations: Operations, on: date | None
) -> Callable[[dict[str, Path]], City]:
    """Return what loads the city with files that stand in for some of the policies' own; with none, as it is."""

    def load_with_files(instead: dict[str, Path]) -> City:
        return load_city(policies, on=on, instead=instead, estate=estate, bounds=operations.get_bounds())

    return load_with_files


def load_estate_operations(city: City) -> Operations:
    """Return what holds for a city's estate: the operators' file, or the one that the virtual city made for itself.

    Raises:
        OperationsRefused: the file cannot be used.
    """
    lab = isinstance(city, VirtualCity)
    return load_lab_operations() if lab else load_operations(policies=Path(city.directory))


def load_operations_of(estate: EstateName, policies: Path, state: Path | None = None) -> Operations:
    """Return the same for an estate whose city is not loaded yet.

    While no virtual city is up, what is kept about it goes into this command's own state folder.

    Raises:
        OperationsRefused: the file cannot be used.
        typer.BadParameter: a state folder was named for real devices.
    """
    if estate != VirtualCity.estate:
        operations = load_operations(policies=policies)
        _refuse_named_state(operations, state)
        return operations
    operations = load_lab_operations()
    here = find_real_path((state or SCRATCH) / "controller")
    return operations if paths.STATE.exists() else operations.model_copy(update={"state": here})


def choose_state_folder(estate: EstateName, operations: Operations, state: Path | None, policies: Path) -> Path:
    """Return where the audit trail, the timelines and the locks of an estate's devices stand.

    Of real devices there is one such folder, wherever a command is run: a second one would be a second trail, and locks
    that two commands do not share. Only the operators' file names it.

    Raises:
        typer.BadParameter: a state folder was named for real devices.
        OperationsRefused: it stands in the policies' repository or the working folder, where others can put a trail.
    """
    lab = estate == VirtualCity.estate
    remember_estate(policies, lab=lab, state=state if lab else None)
    if lab:
        return state or SCRATCH
    _refuse_named_state(operations, state)
    for path, folder in find_untrusted_paths([operations.state], list_untrusted_folders(policies)):
        reason = f"stands in {folder}; name a folder outside of policies and the working folder ('state' of the "
        raise refuse_file(_STATE_REFUSED, path, f"{reason}operators' file)")
    return operations.state


def _refuse_named_state(operations: Operations, state: Path | None) -> None:
    if state is not None:
        message = (
            f"--state is for the virtual city; what is done to real devices is kept in {operations.state} ('state' of "
            "the operators' file)"
        )
        raise typer.BadParameter(message)


def find_user_name() -> str:
    """Return the name of this user on this machine, as the system knows it; no variable can change it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user-{os.getuid()}"


def build_transport(city: City) -> SshTransport:
    """Return SSH to the devices of a city's estate, as its operators' file says.

    Raises:
        OperationsRefused: the file cannot be used.
    """
    return SshTransport(load_estate_operations(city).access)


def list_operations_variables(city: City) -> dict[str, str]:
    """Return the environment in which another program finds the operators' file of a city's estate."""
    if isinstance(city, VirtualCity):
        file = paths.STATE / paths.OPERATIONS
        return {VARIABLE: str(file)} if file.exists() else {}
    return {VARIABLE: os.environ[VARIABLE]} if os.environ.get(VARIABLE) else {}

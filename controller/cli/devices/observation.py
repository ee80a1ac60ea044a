"""What plan, drift and prove share: read the selected devices with progress, and say what came of each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from controller.cli.devices.unjudged import list_missing
from controller.cli.estates import build_transport
from controller.cli.output import Exit, errors, print_line
from controller.errors import TsunaguError
from controller.inputs.text_encodings import TextEncoding
from controller.lab.estate import list_active_devices
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.plan.build import ConsideredDevice, consider_device
from controller.plan.observe import NotSupported, Observed, read_devices
from controller.plan.saved_configurations import (
    NoConfiguration,
    list_unselected_files,
    read_saved_configurations,
)
from controller.plan.select import Selection, select_devices

_MOST_SHOWN = 3
"""Names of files in one line."""


def list_reachable_devices(city: City, chosen: Selection) -> tuple[Device, ...]:
    """Return the devices of a selection that can be asked: of the virtual city, those of the schools that are up."""
    return list_active_devices(city, chosen) if isinstance(city, VirtualCity) else select_devices(city, chosen)


def observe_devices(
    city: City,
    devices: Sequence[Device],
    configs: Path | None,
    *,
    only_read: bool = False,
    encoding: TextEncoding | None = None,
) -> list[Observed]:
    """Devices as they are, over SSH with progress on standard error, or from saved files.

    `only_read`: also devices that can be read and not changed over SSH. `encoding`: that of the saved files.
    """
    if configs is not None:
        return observe_given_configurations(city, devices, configs, encoding)
    count = 0

    def seen(one: Observed) -> None:
        nonlocal count
        count += 1
        if sys.stderr.isatty() or count == len(devices):
            state = "read" if one.refusal is None else "not read"
            errors.print(f"[{count}/{len(devices)}] {one.device.id} {state}", style="dim", markup=False)

    return read_devices(devices, build_transport(city), seen, only_read=only_read)


def observe_given_configurations(
    city: City, devices: Sequence[Device], configs: Path, encoding: TextEncoding | None
) -> list[Observed]:
    """Devices as their saved configurations show them, of some devices or of all.

    One folder may hold those of the whole city: files of devices that are not selected are named, and not read.

    Raises:
        TsunaguError: the folder holds none of a selected device.
    """
    others = _list_files_of_others(city, devices, configs)
    found = read_saved_configurations(devices, configs, encoding, others)
    if others:
        shown = ", ".join(others[:_MOST_SHOWN]) + (", ..." if len(others) > _MOST_SHOWN else "")
        errors.print(f"not read, of devices that are not selected: {len(others)} files ({shown})", markup=False)
    if all(isinstance(one.refusal, NoConfiguration | NotSupported) for one in found) and not any(
        (configs / f"{one.device.id}.cfg").exists() for one in found
    ):
        message = f"{configs}: holds no DEVICE.cfg of a selected device"
        raise TsunaguError(message)
    return found


def _list_files_of_others(city: City, devices: Sequence[Device], configs: Path) -> tuple[str, ...]:
    """The files of devices that the city has and that are not selected; what is of no device of it is a mistake."""
    unselected = list_unselected_files(devices, configs)
    if not unselected or not devices:
        return ()
    known = {device.id for school in city.estate_schools for device in city.list_devices(school)}
    return tuple(name for name in unselected if name.removesuffix(".cfg") in known)


def consider_devices(city: City, found: Sequence[Observed]) -> list[ConsideredDevice]:
    """Each device compiled, proved and compared."""
    return [consider_device(city, one) for one in found]


def say_refusals(found: Sequence[ConsideredDevice]) -> None:
    """What could not be looked at; platforms that are not supported are counted, everything else named.

    Devices of which no configuration was given are said apart (`say_missing`).
    """
    unsupported: dict[str, int] = {}
    for one in found:
        if isinstance(one.refusal, NotSupported):
            name = one.observed.device.platform
            unsupported[name] = unsupported.get(name, 0) + 1
        elif one.refusal is not None and not isinstance(one.refusal, NoConfiguration):
            print_line(f"x {one.refusal}", "red")
    if unsupported:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(unsupported.items()))
        print_line(f"not supported: {sum(unsupported.values())} devices ({counts})", "yellow")


def choose_exit_code(found: Sequence[ConsideredDevice]) -> Exit:
    """The code for what could not be looked at: a failure weighs most, a platform that is not built yet least."""
    refusals = [one.refusal for one in found if one.refusal is not None]
    if any(not isinstance(refusal, NotSupported | NoConfiguration) for refusal in refusals):
        return Exit.FAILED
    if any(one.unjudged for one in found) or list_missing(one.observed for one in found):
        return Exit.NOT_JUDGED
    return Exit.NOT_SUPPORTED if refusals else Exit.GOOD

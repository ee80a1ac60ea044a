"""What plan, drift and prove share: read the selected devices with progress, and say what came of each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from controller.adoption.take_over.consider import consider_take_over
from controller.cli.devices.unjudged import list_missing
from controller.cli.estates import build_transport
from controller.cli.output import Exit, errors, get_words, print_line, print_message, translate_first_line
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
from controller.plan.select import Selection, select_devices, select_schools_in_service
from controller.platforms.transport.base import Transport
from controller.telemetry.traces.phases import trace_phase

_FILES_SHOWN = 3
"""Names of files in one line."""
_SHOWN = 8
"""Devices that are listed by name."""


def list_reachable_devices(city: City, chosen: Selection) -> tuple[Device, ...]:
    """Return the devices of a selection that can be asked: of the virtual city, those of the schools that are up.

    Those of closed schools only where the school is named: their host keys are pinned no more.
    """
    asked = list_active_devices(city, chosen) if isinstance(city, VirtualCity) else select_devices(city, chosen)
    served = {school.id for school in select_schools_in_service(city, chosen)}
    return tuple(device for device in asked if device.school.id in served)


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
    return read_devices(devices, build_transport(city), say_reading(len(devices)), only_read=only_read)


def tell_unconfirmed(find: Callable[[], Sequence[ConsideredDevice]], policies: Path) -> None:
    """Tell the monitor which devices are in an unconfirmed state; where there is none, nothing is found out."""
    if any(name.startswith("OTEL_EXPORTER_OTLP") for name in os.environ):
        # Imported where it is needed: telemetry takes a third of a second.
        from controller.cli.devices.drift_telemetry import send_unconfirmed  # noqa: PLC0415

        send_unconfirmed(find(), policies)


def ask_schools_again(city: City, schools: Collection[str], transport: Transport) -> list[ConsideredDevice]:
    """Return the devices of some schools as they answer now, for what they tell of themselves."""
    devices = list_reachable_devices(city, Selection(tuple(sorted(schools))))
    found = read_devices(devices, transport, say_reading(len(devices)))
    return [ConsideredDevice(one, refusal=one.refusal) for one in found]


def say_reading(devices: int) -> Callable[[Observed], None]:
    """Return what is called with each of so many devices as it was read, and says on standard error how far that is."""
    count = 0

    def seen(one: Observed) -> None:
        nonlocal count
        count += 1
        if sys.stderr.isatty() or count == devices:
            key = "plan.progress-read" if one.refusal is None else "plan.progress-not-read"
            said = get_words().say(key, count=count, all=devices, device=one.device.id)
            errors.print(said, style="dim", markup=False)

    return seen


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
        shown = ", ".join(others[:_FILES_SHOWN]) + (", ..." if len(others) > _FILES_SHOWN else "")
        errors.print(get_words().say("plan.unselected", count=len(others), files=shown), markup=False)
    if all(isinstance(one.refusal, NoConfiguration | NotSupported) for one in found) and not any(
        (configs / f"{one.device.id}.cfg").exists() for one in found
    ):
        below = next((one.parent for one in sorted(configs.glob("*/*.cfg"))), None)
        message = f"{configs}: holds no DEVICE.cfg of a selected device"
        message += f"; did you mean --configs {below}?" if below is not None else ""
        raise TsunaguError(message)
    return found


def _list_files_of_others(city: City, devices: Sequence[Device], configs: Path) -> tuple[str, ...]:
    """The files of devices that the city has and that are not selected; what is of no device of it is a mistake."""
    unselected = list_unselected_files(devices, configs)
    if not unselected or not devices:
        return ()
    known = {device.id for school in city.estate_schools for device in city.list_devices(school)}
    return tuple(name for name in unselected if name.removesuffix(".cfg") in known)


def consider_devices(
    city: City, found: Sequence[Observed], taken: Mapping[str, Sequence[str]] | None = None
) -> list[ConsideredDevice]:
    """Each device compiled, proved and compared; `taken` names the objects that are taken over, by device."""
    considered = []
    with trace_phase("compile and prove devices", devices=len(found)):
        for one in found:
            name = one.device.id
            with trace_phase("compile and prove device", detail=True, device=name, school=one.device.school.id):
                own = (taken or {}).get(name)
                considered.append(consider_device(city, one) if own is None else consider_take_over(city, one, own))
    return considered


def say_refusals(found: Sequence[ConsideredDevice]) -> None:
    """What could not be looked at; platforms that are not supported are counted, everything else named.

    Devices of which no configuration was given are said apart (`say_missing`).
    """
    unsupported: dict[str, int] = {}
    refused: dict[str, list[str]] = {}
    for one in found:
        if isinstance(one.refusal, NotSupported):
            name = one.observed.device.platform
            unsupported[name] = unsupported.get(name, 0) + 1
        elif one.refusal is not None and not isinstance(one.refusal, NoConfiguration):
            name = one.observed.device.id
            told = translate_first_line(str(one.refusal))
            cause = told.removeprefix(f"{name}: ")
            refused.setdefault(cause, []).append("" if cause == told else name)
    for cause, names in refused.items():
        print_line(f"x {_name_devices(names)}{cause}", "red")
    if unsupported:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(unsupported.items()))
        print_message("plan.unsupported", "yellow", count=sum(unsupported.values()), platforms=counts)


def _name_devices(names: Sequence[str]) -> str:
    """Return the devices that one cause is said of, before it; none where it names its file itself."""
    if not names[0]:
        return ""
    if len(names) == 1:
        return f"{names[0]}: "
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return get_words().say("plan.same-cause", count=len(names), devices=shown)


def choose_exit_code(found: Sequence[ConsideredDevice]) -> Exit:
    """The code for what could not be looked at: a failure weighs most, a platform that is not built yet least."""
    refusals = [one.refusal for one in found if one.refusal is not None]
    if any(not isinstance(refusal, NotSupported | NoConfiguration) for refusal in refusals):
        return Exit.FAILED
    if any(one.unjudged for one in found) or list_missing(one.observed for one in found):
        return Exit.NOT_JUDGED
    return Exit.NOT_SUPPORTED if refusals else Exit.GOOD

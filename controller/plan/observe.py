"""What devices hold now: read over a transport (SSH), or from saved running configurations."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from controller.errors import (
    ConfigRefused,
    DeviceError,
    DeviceTextRefused,
    InputError,
    InputRefused,
    Origin,
    Problem,
    TsunaguError,
)
from controller.inputs.capture_faults import find_capture_fault
from controller.inputs.input_file import InputFolder
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.platforms.base import Observation, Operable, Platform, Readable
from controller.platforms.common.understanding import understand
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import is_supported, load_platform
from controller.platforms.transport.base import Transport

UNREADABLE = "The saved configurations cannot be read:"
_MOST_BYTES_OF_CONFIGURATIONS = 2 * 1024**3
"""Those of a whole city; each is parsed by itself."""
_BEHIND_DEVICE = re.compile(r"[^a-z0-9-]")
AT_ONCE = 20
"""Sessions open at the same time; most of a session is waiting."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A device as seen, and where. Exactly one of `observation` and `refusal` is set.

    `saved` is what it would boot with: None when that is missing or damaged; asked only where `knows_saved`.
    `text` is what was understood.
    """

    device: Device
    source: str = ""
    observation: Observation | None = None
    saved: DeviceState | None = None
    knows_saved: bool = False
    refusal: TsunaguError | None = None
    text: DeviceText | None = None


class NotSupported(TsunaguError):
    """The device's platform is not built yet, or not for this."""

    def __init__(self, device: Device, why: str) -> None:
        super().__init__(f"{device.id}: not supported: platform {device.platform!r} {why}")


def read_devices(
    devices: Sequence[Device],
    transport: Transport,
    on_observed: Callable[[Observed], None],
    *,
    only_read: bool = False,
) -> list[Observed]:
    """Read devices over a transport, many at once; `on_observed` is called for each as it comes.

    `only_read`: also those that cannot be changed over SSH, for who does not mean to.
    """

    def observe(device: Device) -> Observed:
        observed = _observe_device(device, transport, only_read=only_read)
        on_observed(observed)
        return observed

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return list(pool.map(observe, devices))
    finally:
        # After Ctrl-C nobody waits for devices that do not answer; nothing is changed on them.
        pool.shutdown(wait=False, cancel_futures=True)


def _observe_device(device: Device, transport: Transport, *, only_read: bool) -> Observed:
    if not is_supported(device.platform):
        return Observed(device, refusal=NotSupported(device, "is not built yet"))
    system = load_platform(device.platform)
    if not isinstance(system, Readable):
        return Observed(device, refusal=NotSupported(device, "is known as text only; use --configs"))
    if not (only_read or isinstance(system, Operable)):
        return Observed(device, refusal=NotSupported(device, "cannot be changed over SSH yet; use --configs"))
    try:
        with transport.open_session(device, system.device_type) as session:
            text = system.read(session)
            saved = system.read_saved(session)
        observation = understand(system, text, device.id)
        booted = _state(system, saved, device.id)
        return Observed(device, device.id, observation, booted, knows_saved=True, text=text)
    except (DeviceError, ConfigRefused) as error:
        return Observed(device, refusal=error)
    except Exception as error:  # noqa: BLE001 one device must not end the run for all others
        # Only its kind: its words may quote what the device said.
        message = f"reading it led to an error of this program ({error.__class__.__name__}); please report it"
        return Observed(device, refusal=DeviceTextRefused(device.id, message))


def _state(system: Platform, text: DeviceText, source: str) -> DeviceState | None:
    """The state that a saved configuration holds; None when there is none that can be understood."""
    try:
        return understand(system, text, f"{source} (boot)").state if text else None
    except ConfigRefused:
        return None


def read_saved_configurations(devices: Sequence[Device], directory: Path) -> list[Observed]:
    """Read saved running configurations: `DIRECTORY/<device id>.cfg`.

    Raises:
        InputError: the folder is missing, or a file in it belongs to no selected device, or is called in another way.
    """
    if not directory.is_dir():
        raise InputError(UNREADABLE, [Problem(Origin(str(directory), 1), "", "no such folder")])
    known = {device.id for device in devices}
    folder = InputFolder(directory, most_bytes_in_all=_MOST_BYTES_OF_CONFIGURATIONS)
    refuse_misnamed_configurations(devices, folder)
    strangers = [directory / name for name in folder.list_names("", "*.cfg") if name.removesuffix(".cfg") not in known]
    if strangers:
        message = "belongs to no selected device; files are named DEVICE.cfg"
        message += f", e.g. {devices[0].id}.cfg" if devices else ""
        problems = [Problem(Origin(str(path), 1), "", message) for path in strangers]
        raise InputError(UNREADABLE, problems)
    return [_from_file(device, folder) for device in devices]


def refuse_misnamed_configurations(devices: Sequence[Device], folder: InputFolder) -> None:
    """Refuse files that are called like a device and end in another way, where the device has no file that is read.

    Raises:
        InputError: with each of them.
    """
    names = folder.list_names("", "*")
    missing = {device.id.lower(): device.id for device in devices} if names else {}
    for name in names:
        if name.endswith(".cfg"):
            missing.pop(name.removesuffix(".cfg"), None)
    called = [(name, missing.get(_BEHIND_DEVICE.split(name.lower(), maxsplit=1)[0])) for name in names]
    problems = [
        Problem(Origin(str(folder.path / name), 1), "", f"is not read; rename it to {device}.cfg")
        for name, device in called
        if device is not None
    ]
    if problems:
        raise InputError(UNREADABLE, problems)


def _from_file(device: Device, folder: InputFolder) -> Observed:
    if not is_supported(device.platform):
        return Observed(device, refusal=NotSupported(device, "is not built yet"))
    path = folder.path / f"{device.id}.cfg"
    try:
        text = DeviceText(_read_capture(folder, path), device.id)
        seen = understand(load_platform(device.platform), text, str(path))
        return Observed(device, str(path), seen, text=text)
    except FileNotFoundError:
        return Observed(device, refusal=NoConfiguration(f"{device.id}: no configuration was given ({path})"))
    except (ConfigRefused, DeviceTextRefused, InputRefused) as error:
        return Observed(device, refusal=error)


def _read_capture(folder: InputFolder, path: Path) -> str:
    content = folder.read_text(path.name)
    fault = find_capture_fault(content)
    if fault is not None:
        raise InputRefused(path, fault[1], fault[0])
    return content


class NoConfiguration(TsunaguError):
    """No saved configuration was given for a device."""

"""Saved running configurations: `DIRECTORY/<device id>.cfg`, of some or all devices of a selection."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

from controller.errors import ConfigRefused, DeviceTextRefused, InputError, InputRefused, Origin, Problem, TsunaguError
from controller.inputs.capture_faults import find_capture_fault
from controller.inputs.file_kinds import name_binary_kind
from controller.inputs.input_file import InputFolder
from controller.inputs.text_encodings import TextEncoding, read_encoded_text
from controller.model.sites.devices import Device
from controller.plan.observe import NotSupported, Observed
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import is_supported, load_platform_of

UNREADABLE = "The saved configurations cannot be read:"
_MOST_BYTES_OF_CONFIGURATIONS = 2 * 1024**3
"""Those of a whole city; each is parsed by itself."""
_HOST_NAME = re.compile(r"^hostname (\S+)", re.MULTILINE)
_BEHIND_DEVICE = re.compile(r"[^a-z0-9-]")


class NoConfiguration(TsunaguError):
    """No saved configuration was given for a device."""


def list_unselected_files(devices: Sequence[Device], directory: Path) -> list[str]:
    """Return the names of the saved configurations that belong to none of these devices."""
    if not directory.is_dir():
        return []
    known = {device.id for device in devices}
    names = InputFolder(directory, most_bytes_in_all=_MOST_BYTES_OF_CONFIGURATIONS).list_names("", "*.cfg")
    return [name for name in names if not name.startswith(".") and name.removesuffix(".cfg") not in known]


def read_saved_configurations(
    devices: Sequence[Device],
    directory: Path,
    encoding: TextEncoding | None = None,
    left_out: Container[str] = (),
) -> list[Observed]:
    """Read saved running configurations; a device without a file is refused with `NoConfiguration`.

    `left_out`: names of files that are not read, because they are of other devices of the city.

    Raises:
        InputError: the folder is missing, or a file in it belongs to no device of these or is not named as one.
    """
    if not directory.is_dir():
        found = "is a file, not a folder" if directory.exists() else "no such folder"
        raise InputError(UNREADABLE, [Problem(Origin(str(directory), 1), "", found)])
    folder = InputFolder(directory, most_bytes_in_all=_MOST_BYTES_OF_CONFIGURATIONS)
    names = [
        name
        for name in folder.list_names("", "*")
        if not name.startswith(".") and name not in left_out and not (directory / name).is_dir()
    ]
    problems = [*_find_strangers(devices, directory, names), *_find_misnamed(devices, directory, names)]
    if problems:
        raise InputError(UNREADABLE, problems)
    ids = frozenset(device.id for device in devices)
    return [_from_file(device, folder, encoding, ids) for device in devices]


def _find_other_device(text: str, device: Device, ids: frozenset[str]) -> tuple[int, str] | None:
    """Return the line at which a text says that it is another selected device's, and what to do."""
    found = _HOST_NAME.search(text)
    if found is None or found[1] == device.id or found[1] not in ids:
        return None
    message = f"is the configuration of {found[1]} ('hostname'); name the file {found[1]}.cfg"
    return text.count("\n", 0, found.start(1)) + 1, message


def _find_strangers(devices: Sequence[Device], directory: Path, names: Iterable[str]) -> Iterator[Problem]:
    """Yield one problem for each school whose devices were not selected."""
    known = {device.id for device in devices}
    by_school: dict[str, list[str]] = {}
    for name in names:
        if name.endswith(".cfg") and name.removesuffix(".cfg") not in known:
            by_school.setdefault(name.removesuffix(".cfg").rpartition("-")[0] or name, []).append(name)
    for school, files in by_school.items():
        more = f", nor do {len(files) - 1} more of {school}" if len(files) > 1 else ""
        message = f"belongs to no selected device{more}; files are named DEVICE.cfg"
        message += f", e.g. {devices[0].id}.cfg" if devices else ""
        meant = _find_meant(files[0], known)
        if meant and len(files) == 1:
            message += f"; if it is that of {meant}, keep one file and name it {meant}.cfg"
        yield Problem(Origin(str(directory / files[0]), 1), "", message)


def _find_misnamed(devices: Sequence[Device], directory: Path, names: Iterable[str]) -> Iterator[Problem]:
    """Yield files that are called like a device and end in another way, where the device has no file that is read."""
    names = tuple(names)
    read = {name.removesuffix(".cfg") for name in names if name.endswith(".cfg")}
    missing = {device.id.lower(): device.id for device in devices if device.id not in read}
    ids = [device.id for device in devices]
    for name in names:
        if name.endswith(".cfg"):
            continue
        device = missing.get(_BEHIND_DEVICE.split(name.lower(), maxsplit=1)[0]) or _find_meant(name, ids)
        if device in missing.values():  # where it is not missing, the other file is kept beside it
            yield Problem(Origin(str(directory / name), 1), "", f"is not read; rename it to {device}.cfg")


def _find_meant(name: str, ids: Iterable[str]) -> str:
    r"""Return the device that a file is most likely of: the one whose id its name begins with; "" where there is none.

    >>> _find_meant("\uff4bw-s01-core1 (1).cfg", ["kw-s01-core1", "kw-s01-rt1"])
    'kw-s01-core1'
    """
    plain = unicodedata.normalize("NFKC", name).lower()
    begun = [one for one in ids if plain.startswith(one) and not plain.removeprefix(one)[:1].isalnum()]
    return max(begun, key=len, default="")


def _from_file(device: Device, folder: InputFolder, encoding: TextEncoding | None, ids: frozenset[str]) -> Observed:
    path = folder.path / f"{device.id}.cfg"
    if not is_supported(device.platform):
        return Observed(device, refusal=NotSupported(device, "is not built yet"))
    try:
        content = folder.read_bytes(path.name)
        kind = name_binary_kind(content)
        if kind:
            reason = f"is no text but {kind}; save what the device shows as its running configuration"
            return Observed(device, refusal=InputRefused(path, reason))
        read = read_encoded_text(content, path, encoding)
        fault = find_capture_fault(read.text) or _find_other_device(read.text, device, ids)
        if fault is not None:
            return Observed(device, refusal=InputRefused(path, fault[1], fault[0]))
        text = DeviceText(read.text, device.id)
        seen = understand_whole(load_platform_of(device), text, str(path))
    except FileNotFoundError:
        return Observed(device, refusal=NoConfiguration(f"{device.id}: no configuration was given ({path})"))
    except (ConfigRefused, DeviceTextRefused, InputRefused) as error:
        return Observed(device, refusal=error)
    told = "" if read.encoding is TextEncoding.UTF_8 else read.encoding.value
    return Observed(device, str(path), seen, encoding=told, text=text)

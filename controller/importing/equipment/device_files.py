"""Writes new devices into the inventory: into a file of their own, behind what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from controller.errors import InputRefused
from controller.importing.equipment.listed_devices import NewDevice
from controller.importing.school_files import FileChange, find_end
from controller.inputs.bounded_yaml import YamlRefused, compose_yaml
from controller.inputs.input_file import InputFolder, decode_text
from controller.inputs.shown_text import escape_controls
from controller.model.policy_files import DEVICES

NAME = DEVICES.name_for("netbox")
_BEGIN = """# Devices as {source} has them. What is not said here follows from the school's blueprint.
# `tsunagu import` adds devices behind the last one, and changes none.
format: {format}
devices:
"""


def add_devices(policies: Path, devices: Sequence[NewDevice], source: str) -> tuple[FileChange, ...]:
    """Return the file of devices with the new ones; none where there is none.

    Raises:
        InputRefused: the file is laid out so that a program would not change it safely.
    """
    if not devices:
        return ()
    folder = InputFolder(policies)
    lines = [write_device(one) for one in devices]
    if not folder.exists(NAME):
        begin = _BEGIN.format(source=escape_controls(source), format=DEVICES.format)
        return (FileChange(NAME, None, begin + "".join(f"  {line}\n" for line in lines)),)
    text = decode_text(folder.read_bytes(NAME), policies / NAME)
    listed = _find_list(text, policies / NAME)
    indent = " " * listed.start_mark.column
    at = find_end(text, listed.value[-1])
    line_end = "\r\n" if "\r\n" in text else "\n"
    added = "".join(f"{line_end}{indent}{line}" for line in lines)
    return (FileChange(NAME, text, text[:at] + added + text[at:]),)


def write_device(device: NewDevice) -> str:
    """Return a device as the inventory has it, in one line.

    >>> write_device(NewDevice("kw-e01-core1", "kw-e01", "core", "cisco_ios", None))
    '- {id: kw-e01-core1, school: kw-e01, role: core, platform: cisco_ios}'
    """
    fields = [f"id: {device.id}", f"school: {device.school}", f"role: {device.role}"]
    fields += [f"platform: {device.platform}"] if device.platform else []
    fields += [f'management: "{device.management}"'] if device.management else []
    return f"- {{{', '.join(fields)}}}"


def _find_list(text: str, path: Path) -> yaml.SequenceNode:
    try:
        top = compose_yaml(text)
    except YamlRefused as refused:
        raise InputRefused(path, refused.why, refused.line) from None
    entries = top.value if isinstance(top, yaml.MappingNode) else []
    found = next((value for key, value in entries if key.value == "devices"), None)
    if not isinstance(found, yaml.SequenceNode) or found.flow_style or not found.value or text.startswith("\ufeff"):
        line = 1 if found is None else int(found.start_mark.line) + 1
        raise InputRefused(path, "has no list 'devices' of lines that begin with '- '; add the devices by hand", line)
    return found

"""The VLANs of a Catalyst: in its running configuration, or beside it in the answers to two other commands.

Only where VTP is transparent or off does `show running-config` hold the VLANs; a server or client keeps them in a file
(`vlan.dat`). So `show vlan brief` and `show vtp status` are read, too, and put behind the last line of the running
configuration. A saved text may hold them in the same way. A client takes its VLANs from its server: it refuses ours.

Sources: Cisco IE 2000 Software Configuration Guide, chapter 18, "Configuring VTP" (modes, where VLANs are kept); the
answers of devices in the tests of ntc-templates (cisco_ios, `show vlan`, `show vtp status`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.errors import DeviceTextRefused
from controller.platforms.base import Command, ConfigLine, Session
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.dialect.vlan_table import VlanRow, VlanTable

BRIEF, STATUS = "show vlan brief", "show vtp status"
_END = "end"
_STATES = frozenset({"active", "suspended", "act/unsup", "act/lshut", "sus/lshut", "act/ishut", "sus/ishut"})
_INTERNAL = range(1002, 1006)
_MODE = re.compile(r"VTP Operating Mode\s{0,40}:\s{0,40}(?P<mode>[A-Za-z -]{1,40})")
_TOLD = re.compile(r"vtp mode (?P<mode>transparent|off|server|client)\b.*")
_ANSWERS = re.compile(
    r"VLAN |VTP |----|Feature VLAN|Maximum VLANs|Number of existing|Configuration (Revision|last)|MD5|Local updater"
    r"|Device ID|Primary |Remote SPAN|0x|<redacted>|[0-9]{1,4} |[A-Za-z<>][^:]{0,60}:"
)
_FEWEST_WORDS = 3


def may_stand_behind(line: str) -> bool:
    """Say if a line behind `end` can be of the two answers."""
    return _ANSWERS.match(line) is not None


def tells_vlans(running: str) -> bool:
    r"""Say if a running configuration holds its VLANs.

    >>> tells_vlans("vtp mode transparent\nend\n"), tells_vlans("vlan 20\nend\n"), tells_vlans("end\n")
    (True, True, False)
    """
    lines = running.split("\n")
    modes = [found["mode"] for line in lines if (found := _TOLD.fullmatch(line.rstrip()))]
    if modes:
        return modes[-1] in {"transparent", "off"}
    return any(re.fullmatch(r"vlan [0-9][0-9,-]{0,400}", line.rstrip()) for line in lines)


def join_vlan_database(running: DeviceText, brief: DeviceText, status: DeviceText, device: str) -> DeviceText:
    """Return a running configuration with what the two answers say of VLANs behind it, in the form that is parsed.

    Raises:
        DeviceTextRefused: one of the answers is not what such a command answers.
    """
    rows = [row for line in _number(brief.reveal()) if (row := _read_row(line))]
    mode = next((found["mode"] for line in _number(status.reveal()) if (found := _MODE.match(line.text))), "")
    if not rows or not mode:
        message = f"{BRIEF!r} shows no VLAN" if not rows else f"{STATUS!r} shows no operating mode"
        raise DeviceTextRefused(device, f"{message}, so its VLANs cannot be told")
    shown = [f"! {BRIEF}", *(f"{row.number} {row.name} {row.state}" for row in rows)]
    shown += [f"! {STATUS}", f"VTP Operating Mode : {mode.strip()}"]
    return DeviceText(running.reveal().rstrip("\n") + "\n" + "\n".join(shown) + "\n", device)


def read_vlan_database(running: DeviceText, session: Session) -> DeviceText:
    """Return a configuration with its VLANs behind it; where it holds them, nothing more is asked.

    Raises:
        CommandFailed: the device refuses a command.
        DeviceTextRefused: it does not say which VLANs it has.
    """
    if tells_vlans(running.reveal()):
        return running
    return join_vlan_database(running, session.run(Command(BRIEF)), session.run(Command(STATUS)), session.device)


def read_vlan_table(text: str) -> VlanTable:
    """Return what a text says of VLANs outside of its blocks."""
    lines = list(_number(text))
    ends = [index for index, line in enumerate(lines) if line.text.rstrip() == _END]
    at = ends[0] + 1 if ends else len(lines)
    begun = next((line for line in lines[:at] if re.match(r"hostname \S|version [0-9]", line.text)), None)
    told = next((line for line in lines[:at] if _TOLD.fullmatch(line.text.rstrip())), None)
    mode = _TOLD.fullmatch(told.text.rstrip()) if told else None
    behind = [line for line in lines[at:] if line.text.strip() and not line.text.startswith("!")]
    rows = tuple(row for line in behind if (row := _read_row(line)))
    shown = [(line, found["mode"].strip().lower()) for line in behind if (found := _MODE.match(line.text))]
    client = shown[0][0] if shown and shown[0][1] == "client" else None
    if client is None and mode is not None and mode["mode"] == "client":
        client = told
    whole = "\n".join(line.text for line in lines[:at])
    gap = None if rows or tells_vlans(whole) else (told or begun)
    return VlanTable(rows, gap, client, tuple(line for line, _ in shown))


def _number(text: str) -> Iterator[ConfigLine]:
    return (ConfigLine(number, line) for number, line in enumerate(text.split("\n"), start=1))


def _read_row(line: ConfigLine) -> VlanRow | None:
    """Return the VLAN that a line of the table is about; None where it is another line, or one of the system's own."""
    words = line.text.split()
    if line.text[:1] in " \t" or len(words) < _FEWEST_WORDS or not re.fullmatch(r"[0-9]{1,4}", words[0]):
        return None
    at = next((index for index, word in enumerate(words) if index > 1 and word in _STATES), None)
    number = int(words[0])
    if at is None or number in _INTERNAL:
        return None
    return VlanRow(line, number, " ".join(words[1:at]), words[at])

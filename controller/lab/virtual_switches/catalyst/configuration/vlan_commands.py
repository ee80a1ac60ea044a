"""The commands of VLANs."""

from __future__ import annotations

from controller.lab.virtual_switches.catalyst.configuration.editor import MODES, Editor
from controller.lab.virtual_switches.catalyst.grammar import Match, reject, reject_unmodelled

_LONGEST_VLAN_NAME = 32


def _name_vlans(editor: Editor, match: Match) -> None:
    """Name VLANs: 32 characters under VTP versions 1 and 2 (cisco.ios, terminal/ios.py)."""
    if match.words[0] == "no":
        for entry in editor.vlans.values():
            entry.name = None
        return
    name = match.get_text("WORD")
    if 1 in editor.vlans:
        reject("%Default VLAN 1 may not have its name changed.")
    if len(editor.vlans) > 1:
        reject_unmodelled("one name for several VLANs")
    if len(name) > _LONGEST_VLAN_NAME:
        reject(
            "%You must disable VTPv1 and VTPv2 or switch to VTPv3 before configuring a VLAN name longer than"
            f" {_LONGEST_VLAN_NAME} characters."
        )
    for number, entry in editor.vlans.items():
        entry.name = None if name == f"VLAN{number:04}" else name


def _set_vlan_state(editor: Editor, match: Match) -> None:
    if 1 in editor.vlans:
        reject_unmodelled(f"{match.line.strip()} in VLAN 1")
    for entry in editor.vlans.values():
        if match.words[-1] == "shutdown":
            entry.shut = match.words[0] != "no"
        else:
            entry.suspended = match.words[-1] == "suspend"


MODES["vlan"].add("name WORD", _name_vlans)
MODES["vlan"].add("no name [WORD]", _name_vlans)
for _pattern in ("state (active|suspend)", "shutdown", "no shutdown"):
    MODES["vlan"].add(_pattern, _set_vlan_state)
for _pattern in ("remote-span", "private-vlan", "mtu", "media", "said", "uni-vlan", "are", "bridge", "stp", "parent"):
    MODES["vlan"].refuse(_pattern)
    MODES["vlan"].refuse(f"no {_pattern}")

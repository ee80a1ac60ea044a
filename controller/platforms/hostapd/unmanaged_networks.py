"""Reads what a network of others decides about ours: the SSIDs that it bears, and the VLANs that clients get into.

A network of others may stand beside ours. One that bears our SSID catches our clients, and one that leads into a VLAN
of ours passes 802.1X by. hostapd says both in more than one way. Where the text does not tell which VLANs, it is any.

Sources: the annotated hostapd.conf of hostapd 2.10 at `ssid2` ("double quoted string, hexdump, printf-escaped string";
also `owe_transition_ssid`, `osu_ssid`, `multi_ap_backhaul_ssid`), `bridge`, `wds_bridge`, `dynamic_vlan`, `vlan_file`,
`vlan_tagged_interface`, `vlan_bridge`, `vlan_naming`, `accept_mac_file`, `sae_password`, `owe_transition_ifname`; its
example files hostapd.wpa_psk (`vlanid=`) and hostapd.accept. What hostapd 2.10 itself takes of each spelling:
`tests/platforms/hostapd/test_hostapd_reads.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine
from controller.platforms.common.managed import LAST_VLAN
from controller.platforms.hostapd.text import OURS

Setting = tuple[str, str, ConfigLine]
"""A setting's name, its value, and its line."""

_LONGEST_SSID = 32
_LONGEST_LINE = 4094
_ODD = frozenset("\x7f\x85\u2028\u2029\ufeff")
_SSIDS = frozenset({"ssid2", "owe_transition_ssid", "osu_ssid", "multi_ap_backhaul_ssid"})
"""Settings whose value is an SSID as `ssid2` has it."""
_ASSIGNING = frozenset({"wpa_psk_file", "accept_mac_file"})
"""Files of others whose lines can name a VLAN; they hold keys, so nobody reads them."""
_PASSWORD_VLAN = re.compile(r"\|vlanid=([0-9]{1,4})(?![0-9])")
_BRIDGES = frozenset({"bridge", "wds_bridge"})
_VLAN_BRIDGE = re.compile(r"br(?:vlan|[^ ]{1,12}\.)(?P<vlan>[0-9]{1,4})")
"""How hostapd names the bridge of a VLAN by itself: `brvlan10`, `breth1.10` (at `vlan_bridge`)."""
_VLAN_LINE = re.compile(
    r"(?:\*|[ \t]*\+?(?P<vlan>[0-9]{1,9}))[ \t]*(?P<name>[^ \t]+)(?:[ \t]+(?P<bridge>[^ \t]+))?[ \t]*"
)
_LONGEST_VLAN_LINE = 126
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "e": "\x1b", "\\": "\\", '"': '"'}
_ESCAPED = re.compile(r"\\(?:x(?P<hex>[0-9A-Fa-f]{1,2})|(?P<octal>[0-7]{1,3})|(?P<letter>[nrte\\\"])|)")
_NAMES_OURS = re.compile(rf"(?<![\w-]){OURS}[0-9]")
_FREE_TEXT = frozenset(
    {"ssid", *_SSIDS, "wpa_passphrase", "sae_password", "nas_identifier", "device_name", "friendly_name"}
)


@dataclass
class UnmanagedNetwork:
    """What a network of others decides: `ssids` and `vlans`, each with its line, `any_vlan` where the text names none.

    `paths` are ways that nobody can judge from the text; `refused` are lines that cannot stand, each with the reason.
    """

    ssids: list[tuple[str, ConfigLine]] = field(default_factory=list)
    vlans: dict[int, ConfigLine] = field(default_factory=dict)
    any_vlan: ConfigLine | None = None
    paths: list[UnmanagedPath] = field(default_factory=list)
    refused: list[tuple[ConfigLine, str]] = field(default_factory=list)


@cache
def list_known_settings() -> frozenset[str]:
    """Return the names of all settings that hostapd 2.10 knows."""
    text = (files("controller.platforms.hostapd") / "settings.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if not line.startswith("#"))


def parse_ssid(text: str) -> str | None:
    r"""Return the SSID that a value says in one of the spellings of `ssid2`; None if hostapd would refuse it.

    >>> [parse_ssid(text) for text in ('"staff"', '7374616666', 'P"st\\x61ff"', 'staff')]
    ['staff', 'staff', 'staff', None]
    """
    if text.startswith(('"', 'P"')):
        quoted = text.removeprefix("P").removeprefix('"')
        if not quoted.endswith('"'):
            return None
        found = quoted[:-1] if text.startswith('"') else _ESCAPED.sub(_unescape, quoted[:-1])
    else:
        try:
            found = bytes.fromhex(text).decode("utf-8", "surrogateescape") if " " not in text else ""
        except ValueError:
            return None
    return found if 1 <= len(found.encode("utf-8", "surrogatepass")) <= _LONGEST_SSID else None


def _unescape(found: re.Match[str]) -> str:
    if found["hex"]:
        return chr(int(found["hex"], 16))
    if found["octal"]:
        return chr(int(found["octal"], 8) & 0xFF)
    return _ESCAPES.get(found["letter"] or "", "")


def read_unmanaged_network(
    settings: Sequence[Setting], vlan_files: Mapping[str, Sequence[ConfigLine]], holder: str
) -> UnmanagedNetwork:
    """Return what the settings of a network of others decide; `vlan_files` are the files that the text holds."""
    network = UnmanagedNetwork()
    for key, value, line in settings:
        if key == "ssid":
            network.ssids.append((value, line))
        elif key in _SSIDS:
            ssid = parse_ssid(value)
            if ssid is None:
                network.refused.append((line, f"{key} is no SSID as hostapd reads one, so it would not start with it"))
            else:
                network.ssids.append((ssid, line))
        elif key not in list_known_settings():
            network.paths.append(_name_path(PathKind.UNKNOWN_LINE, line, holder))
        if key not in _FREE_TEXT and _NAMES_OURS.search(value):
            network.refused.append((line, f"{line.text!r} names an interface or a file of ours, and is of others"))
    _read_vlans(network, settings, vlan_files, holder)
    return network


def _read_vlans(
    network: UnmanagedNetwork, settings: Sequence[Setting], vlan_files: Mapping[str, Sequence[ConfigLine]], holder: str
) -> None:
    named = [(value, line) for key, value, line in settings if key == "vlan_file"]
    for path, line in named:
        if path in vlan_files:
            _read_vlan_file(network, vlan_files[path], holder)
        else:
            network.any_vlan = network.any_vlan or line
    for setting in settings:
        _read_vlan_setting(network, setting, holder, has_list=bool(named))
    for prefix in [value for key, value, _ in settings if key == "vlan_bridge"]:
        for vlan, line in list(network.vlans.items()):
            if found := _VLAN_BRIDGE.fullmatch(f"{prefix}{vlan}"):
                network.vlans.setdefault(int(found["vlan"]), line)


def _read_vlan_setting(network: UnmanagedNetwork, setting: Setting, holder: str, *, has_list: bool) -> None:
    key, value, line = setting
    if key in _BRIDGES:
        _note_bridge(network, value, line, holder)
    elif key == "sae_password":
        for vlan in _PASSWORD_VLAN.findall(value):
            network.vlans.setdefault(int(vlan), line)
    elif not has_list and _assigns_vlans(key, value):
        # Without a list of its own hostapd makes an interface for whichever VLAN it is told.
        network.any_vlan = network.any_vlan or line


def _assigns_vlans(key: str, value: str) -> bool:
    """Say if a setting puts clients into VLANs that somebody else names: a RADIUS server, or a file of keys."""
    return key in _ASSIGNING or (key == "dynamic_vlan" and value.strip() not in {"", "0"})


def _read_vlan_file(network: UnmanagedNetwork, lines: Sequence[ConfigLine], holder: str) -> None:
    for line in lines:
        found = _VLAN_LINE.fullmatch(line.text) if len(line.text) <= _LONGEST_VLAN_LINE else None
        if found is None or (found["vlan"] and not 1 <= int(found["vlan"]) <= LAST_VLAN):
            network.refused.append((line, f"{line.text!r} is no line of a file of VLANs: VLAN INTERFACE [BRIDGE]"))
            continue
        if found["vlan"] is None:
            network.any_vlan = network.any_vlan or line
        else:
            network.vlans.setdefault(int(found["vlan"]), line)
        if found["bridge"]:
            _note_bridge(network, found["bridge"], line, holder)


def _note_bridge(network: UnmanagedNetwork, name: str, line: ConfigLine, holder: str) -> None:
    """Note the VLAN of a bridge by its name; of another bridge nobody knows from here what is in it."""
    found = _VLAN_BRIDGE.fullmatch(name)
    if found:
        network.vlans.setdefault(int(found["vlan"]), line)
    else:
        network.paths.append(_name_path(PathKind.BRIDGE, line, holder))


def _name_path(kind: PathKind, line: ConfigLine, holder: str) -> UnmanagedPath:
    return UnmanagedPath(kind, line.number, line.text, holder, None)


def find_unreadable(text: str) -> Iterator[tuple[ConfigLine, str]]:
    """Yield the lines that no file of hostapd has: a pager's, a terminal's or an editor's, or longer than it reads."""
    for number, line in enumerate(text.split("\n"), start=1):
        shown = ConfigLine(number, line)
        if len(line.encode("utf-8", "surrogatepass")) > _LONGEST_LINE:
            yield shown, f"a line of more than {_LONGEST_LINE} bytes, of which hostapd makes two"
        elif "--More--" in line or any(sign in _ODD or (sign < " " and sign != "\t") for sign in line):
            how = "save the files anew, with: tail -n +1 FILES > TEXT"
            yield shown, f"it holds a sign of a pager, a terminal or an editor; {how}"

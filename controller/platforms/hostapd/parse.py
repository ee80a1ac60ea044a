"""Reading the files of hostapd; what is ours in them is told in `controller.platforms.hostapd.text`.

As hostapd reads them: a line is a setting as far as its end, spaces and all; only a `#` at its very beginning makes a
comment; a setting belongs to the last `bss=` above it. Inside what is ours, every setting must be one that we write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from controller.model.network.device_state import build_device_state
from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.platforms.base import ConfigLine, Observation, name_network_place
from controller.platforms.common.managed import LAST_VLAN
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import Reading
from controller.platforms.hostapd.radio_settings import decides_on_radio
from controller.platforms.hostapd.text import (
    BY_SERVER,
    COMMON,
    FOLDER,
    IDENTITY,
    KEYS,
    MAIN,
    OTHER_SECRET,
    OURS,
    RADIUS_PORT,
    SECRET_FILE,
    SECRET_KEY,
    SSID,
    UPLINK,
    name_interface,
    name_vlan_file,
    write_header,
    write_vlan_line,
)
from controller.platforms.hostapd.unmanaged_networks import find_unreadable, read_unmanaged_network

_HEADER = re.compile(r"==> (?P<path>\S+) <==")
_NAME = re.compile(rf"{OURS}(?P<vlan>[1-9][0-9]{{0,3}})")
_KEY = re.compile(r"[A-Za-z0-9_]+")
_HOW = f"save the files with: tail -n +1 {MAIN} {FOLDER}/{OURS}*.vlan"
_VLAN_FILE = re.compile(rf"{re.escape(FOLDER)}/{OURS}[^/]*")
_BRIDGE = re.compile(r"br(?P<uplink>.+)\.(?P<vlan>[0-9]{1,4})")
_PROTECTIONS = {words: protection for protection, words in KEYS.items()}
_SERVER = ("auth_server_addr", "auth_server_port", SECRET_KEY)
_OWN = frozenset({"ssid", "ap_isolate", "wpa_key_mgmt", *COMMON})
_SETTINGS = {
    Protection.ENHANCED_OPEN: _OWN | {"bridge"},
    Protection.WPA3_ENTERPRISE: _OWN | {*BY_SERVER, "vlan_file", "vlan_tagged_interface", "nas_identifier"},
}


def parse(text: str, source: str) -> Observation:
    """Understand the files.

    Raises:
        ConfigRefused: something inside what is ours is not understood, or a file of ours is missing.
    """
    return _HostapdReading(source).read(text)


class _Refused(ValueError):
    """Why a network of ours is not understood, and in which line."""

    def __init__(self, line: ConfigLine, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass
class _Block:
    """The settings under one `bss=` (or, of the radio, under none), in their order."""

    header: ConfigLine | None
    settings: list[tuple[str, str, ConfigLine]] = field(default_factory=list)


class _HostapdReading(Reading):
    """One pass over the files of an access point."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.networks: list[WirelessNetwork] = []
        self.vlan_files: dict[str, list[ConfigLine]] = {}
        self.other_files: dict[str, list[ConfigLine]] = {}
        self.paths: list[UnmanagedPath] = []

    def read(self, text: str) -> Observation:
        self.refuse_each(find_unreadable(text))
        files: dict[str, list[ConfigLine]] = {}
        for header, path, found in _files(text):
            if path in files:
                self.refuse(header, f"the file {path} stands twice")
            files[path] = found
        blocks = {path: list(_blocks(lines)) for path, lines in files.items()}
        named = {value for one in blocks.values() for block in one for _, value, _ in block.settings}
        self.vlan_files = {path: lines for path, lines in files.items() if _VLAN_FILE.fullmatch(path)}
        self.other_files = {path: lines for path, lines in files.items() if path in named}
        main = blocks.pop(MAIN, None)
        if main is None:
            self.refuse(ConfigLine(1, ""), f"there is no {MAIN} in this text; {_HOW}")
        else:
            self._refuse_incomplete(text, main)
        for block in main or ():
            self._block(block)
        for path, others in blocks.items():
            # Of another radio, or of no network at all; what a network names is read with it, if it is about VLANs.
            if path not in named and path not in self.vlan_files:
                for block in others:
                    self._note_other_radio(path, block)
        for path in self.vlan_files.keys() - named:
            for line in self.vlan_files[path]:
                self.refuse(line, f"{path} bears a name of ours, and no network names it")
        self._refuse_repeated(main or [])
        lines = [line for path in files for line in files[path]]
        return self.observe(lines, build_device_state(networks=self.networks), paths=self.paths)

    def _refuse_incomplete(self, text: str, blocks: Sequence[_Block]) -> None:
        """Refuse what is no whole file: hostapd starts with none that has no radio. Our part alone has none, either."""
        radio = blocks[0]
        ours = all(one.header is not None and one.header.text.startswith(f"bss={OURS}") for one in blocks[1:])
        alone = text.startswith(write_header(MAIN)) and not radio.settings and ours
        if not alone and not any(key == "interface" for key, _, _ in radio.settings):
            line = radio.settings[0][2] if radio.settings else ConfigLine(1, "")
            self.refuse(line, f"this is no whole {MAIN}: it names no radio (interface=) before its networks; {_HOW}")

    def _note_other_radio(self, path: str, block: _Block) -> None:
        if block.header is not None and block.header.text.startswith(f"bss={OURS}"):
            self.refuse(block.header, f"a network with a name of ours stands in {path}; those of ours are in {MAIN}")
        self._note_unmanaged(block)

    def _block(self, block: _Block) -> None:
        if block.header is None or not block.header.text.startswith(f"bss={OURS}"):
            self._note_unmanaged(block)
            self._note_radio(block)
            return
        try:
            network = self._network(block, block.header)
        except _Refused as refused:
            self.refuse(refused.line, str(refused))
            return
        stale = [line for key, value, line in block.settings if (key, value) == (SECRET_KEY, OTHER_SECRET)]
        if stale:
            words = f"{SECRET_KEY} of {name_interface(network.vlan)} is not the one in {SECRET_FILE}"
            self.remarks.append(ConfigLine(stale[0].number, words))
        else:
            self.networks.append(network)
        self.manage(block.header, *(line for _, _, line in block.settings))

    def _note_unmanaged(self, block: _Block) -> None:
        """A network of others takes its SSIDs, and the VLANs that it leads into."""
        for key, value, line in block.settings:
            if not _KEY.fullmatch(key):
                self.refuse(line, f"{line.text!r} is no setting of hostapd, which would not start with it; {_HOW}")
            if key == "vlan_file" and _VLAN_FILE.fullmatch(value):
                advice = advise(ConflictKind.VLAN_FILE, other=value)
                self.refuse(line, f"{value} is ours, and a network of others uses it{advice}")
        seen = read_unmanaged_network(block.settings, self.other_files, _name_holder(block))
        self.refuse_each(seen.refused)
        self.paths += seen.paths
        # The name of a bridge is no secret, and tells two such ways apart.
        self.understood.update(path.line for path in seen.paths if path.kind is PathKind.BRIDGE)
        for ssid, line in seen.ssids:
            self.conflicting[name_network_place(ssid)] = line
        for vlan, line in seen.vlans.items():
            self.conflicting[vlan] = line
        if seen.any_vlan is not None:
            for vlan in range(1, LAST_VLAN + 1):
                self.conflicting.setdefault(vlan, seen.any_vlan)

    def _note_radio(self, block: _Block) -> None:
        """Note what decides on the radio that our networks stand on, wherever in its file it stands."""
        holder = _name_holder(block)
        lines = [line for key, value, line in block.settings if decides_on_radio(key, value)]
        self.paths += [UnmanagedPath(PathKind.UNKNOWN_LINE, one.number, one.text, holder, None) for one in lines]

    def _network(self, block: _Block, header: ConfigLine) -> WirelessNetwork:
        name = _NAME.fullmatch(header.text.removeprefix("bss="))
        if name is None or int(name["vlan"]) > LAST_VLAN:
            raise _Refused(header, f"a network of ours is named {OURS}VLAN, 1 to {LAST_VLAN}")
        vlan = int(name["vlan"])
        settings = _once(block)
        protection = _protection(settings, header)
        servers = _servers(block)
        for key, (value, line) in settings.items():
            if key not in _SETTINGS[protection]:
                raise _Refused(line, f"unknown setting {key!r} in {name_interface(vlan)}, a network of ours")
            fixed = {**COMMON, **BY_SERVER}.get(key)
            if fixed is not None and value != fixed:
                raise _Refused(line, f"{key}={value}; ours have {key}={fixed}")
        for key in sorted(_SETTINGS[protection] - settings.keys()):
            raise _Refused(
                header, f"{name_interface(vlan)} has no {key!r}; without it hostapd takes a default that is not ours"
            )
        ssid, isolated = _matching(settings, "ssid", SSID), _matching(settings, "ap_isolate", _SWITCH) == "1"
        if protection is Protection.ENHANCED_OPEN:
            if servers:
                raise _Refused(header, f"{name_interface(vlan)} lets everybody in, and names admission servers")
            return WirelessNetwork(ssid, vlan, protection, isolated, _bridged(settings, vlan))
        if not servers:
            raise _Refused(header, f"{name_interface(vlan)} asks no admission server")
        self._own_vlan(settings["vlan_file"], vlan)
        uplink = _matching(settings, "vlan_tagged_interface", UPLINK)
        return WirelessNetwork(ssid, vlan, protection, isolated, uplink, _identity(settings, vlan), servers)

    def _own_vlan(self, setting: tuple[str, ConfigLine], vlan: int) -> None:
        """The network's file must be there, and hold its VLAN and no other."""
        path, line = setting
        if path != name_vlan_file(vlan):
            raise _Refused(line, f"the VLANs of {name_interface(vlan)} stand in {name_vlan_file(vlan)}, not in {path}")
        lines = self.vlan_files.get(path)
        if not lines:
            raise _Refused(
                line, f"{path} is empty, or not in this text, so nobody knows which VLANs it lets clients into; {_HOW}"
            )
        if [one.text for one in lines] != [write_vlan_line(vlan)]:
            raise _Refused(lines[0], f"{path} must hold exactly {write_vlan_line(vlan)!r}")
        self.manage(lines[0])

    def _refuse_repeated(self, blocks: list[_Block]) -> None:
        """Refuse what stands twice: hostapd takes an interface or an SSID twice without a word."""
        for what, values in (
            ("network", [(one.header.text, one.header) for one in blocks if one.header is not None]),
            ("SSID", [(value, line) for one in blocks for key, value, line in one.settings if key == "ssid"]),
        ):
            first: dict[str, ConfigLine] = {}
            mine = {f"bss={name_interface(one.vlan)}" for one in self.networks} | {one.ssid for one in self.networks}
            for value, line in values:
                if value in first and value in mine and (what == "network" or line.number in self.managed):
                    self.refuse(line, f"the {what} {value!r} stands in line {first[value].number} already")
                first.setdefault(value, line)


_SWITCH = re.compile("[01]")


def _name_holder(block: _Block) -> str:
    return block.header.text.removeprefix("bss=") if block.header is not None else ""


def _once(block: _Block) -> Mapping[str, tuple[str, ConfigLine]]:
    """The settings of a network but those of its servers, each given once."""
    found: dict[str, tuple[str, ConfigLine]] = {}
    for key, value, line in block.settings:
        if key in _SERVER:
            continue
        if key in found:
            raise _Refused(line, f"{key!r} stands in line {found[key][1].number} already")
        found[key] = value, line
    return found


def _protection(settings: Mapping[str, tuple[str, ConfigLine]], header: ConfigLine) -> Protection:
    value, line = settings.get("wpa_key_mgmt", ("", header))
    if value not in _PROTECTIONS:
        raise _Refused(line, f"wpa_key_mgmt={value}; ours have one of: {', '.join(sorted(_PROTECTIONS))}")
    return _PROTECTIONS[value]


def _matching(settings: Mapping[str, tuple[str, ConfigLine]], key: str, pattern: re.Pattern[str]) -> str:
    value, line = settings[key]
    if not pattern.fullmatch(value):
        raise _Refused(line, f"{key}={value!r} is not as we write it ({pattern.pattern})")
    return value


def _bridged(settings: Mapping[str, tuple[str, ConfigLine]], vlan: int) -> str:
    """The wired port of a network that is put into a bridge."""
    value, line = settings["bridge"]
    found = _BRIDGE.fullmatch(value)
    if found is None or int(found["vlan"]) != vlan or not UPLINK.fullmatch(found["uplink"]):
        raise _Refused(
            line, f"the clients of {name_interface(vlan)} belong into a bridge br<port>.{vlan}, not {value!r}"
        )
    return found["uplink"]


def _identity(settings: Mapping[str, tuple[str, ConfigLine]], vlan: int) -> str:
    value, line = settings["nas_identifier"]
    identity, _, network = value.partition("/")
    if network != name_interface(vlan) or not IDENTITY.fullmatch(identity):
        raise _Refused(line, f"nas_identifier={value!r} is not the access point's name and /{name_interface(vlan)}")
    return identity


def _servers(block: _Block) -> tuple[str, ...]:
    """The admission servers: an address, a port and a secret each, in this order; the secret is not looked at."""
    given = [(key, value, line) for key, value, line in block.settings if key in _SERVER]
    servers: list[str] = []
    for number, (key, value, line) in enumerate(given):
        expected = _SERVER[number % len(_SERVER)]
        if key != expected:
            raise _Refused(line, f"{key!r} stands where {expected!r} must: a server is {', '.join(_SERVER)}")
        if key == "auth_server_addr":
            try:
                servers.append(str(ip_address(value)))
            except ValueError:
                raise _Refused(line, f"{value!r} is no address of a server") from None
        elif key == "auth_server_port" and value != str(RADIUS_PORT):
            raise _Refused(line, f"port {value}; the admission servers listen at {RADIUS_PORT} (RFC 2865)")
        elif key == SECRET_KEY and not value:
            raise _Refused(line, "the server's secret is empty")
    if len(given) % len(_SERVER):
        raise _Refused(given[-1][2], f"the last server is not whole: {', '.join(_SERVER)}")
    return tuple(servers)


def _files(text: str) -> Iterator[tuple[ConfigLine, str, list[ConfigLine]]]:
    """Yield each file with the line that names it, and its lines that say something.

    A text without names of files is hostapd.conf alone.
    """
    header, path, lines = ConfigLine(1, ""), "", list[ConfigLine]()
    for number, line in enumerate(text.split("\n"), start=1):
        if found := _HEADER.fullmatch(line):
            if path or lines:
                yield header, path or MAIN, lines
            header, path, lines = ConfigLine(number, line), found["path"], []
        elif line and not line.startswith("#"):
            lines.append(ConfigLine(number, line))
    if path or lines:
        yield header, path or MAIN, lines


def _blocks(lines: list[ConfigLine]) -> Iterator[_Block]:
    """The radio with its first network, then each `bss=` with what stands under it."""
    block = _Block(None)
    for line in lines:
        key, equals, value = line.text.partition("=")
        # Without one it is no setting, and no key of hostapd has a space.
        key = key if equals else f"{key} "
        if key == "bss":
            yield block
            block = _Block(line)
        else:
            block.settings.append((key, value, line))
    yield block

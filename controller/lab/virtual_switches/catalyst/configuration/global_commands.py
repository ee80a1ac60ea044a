"""The commands of global configuration, of the archive and of lines."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Network

from controller.lab.virtual_switches.catalyst.configuration.editor import (
    GLOBAL,
    MODES,
    Confirmation,
    Editor,
    Handler,
)
from controller.lab.virtual_switches.catalyst.configuration.state import Archive, StaticRouteKey
from controller.lab.virtual_switches.catalyst.grammar import Match, reject, reject_unmodelled
from controller.lab.virtual_switches.catalyst.words import RESERVED_VLANS

_LONGEST_HOSTNAME = 63
_KEPT = (
    *("service REST", "logging REST", "aaa REST", "clock REST", "boot REST", "switch REST", "ip domain REST"),
    *("ip domain-name REST", "ip domain-lookup", "ip name-server REST", "spanning-tree REST", "errdisable REST"),
    *("lldp run", "cdp run", "ip forward-protocol REST", "ip http REST", "ip ssh REST", "ip tftp REST"),
    *("snmp-server REST", "ntp REST", "ip scp REST", "radius-server REST", "tacacs-server REST", "license REST"),
    *(
        "memory REST",
        "file prompt REST",
        "diagnostic REST",
        "ip classless",
        "ip subnet-zero",
        "vtp version NUMBER",
        "udld REST",
    ),
)
"""Commands that say nothing about which packets are forwarded: they are kept as they are typed."""
_ONE_VALUE = ("ip default-gateway ADDRESS",)
_REFUSED = (
    *("router", "route-map", "class-map", "policy-map", "vrf", "ip vrf", "ip dhcp", "ip nat", "ip policy", "ip sla"),
    *("ip prefix-list", "ip access-list (role-based|log-update|logging|helper)", "ip arp", "ip multicast-routing"),
    *("ip local", "ip as-path", "mac", "monitor", "dot1x", "authentication", "parameter-map", "object-group", "zone"),
    *("zone-pair", "crypto", "key", "track", "event", "control-plane", "mls", "qos", "sdm", "system", "time-range"),
    *(
        "vlan (access-map|filter|group|dot1q|configuration|accounting)",
        "ipv6 (route static|router|dhcp|nd|prefix-list)",
    ),
    *("template", "flow", "interface (range macro)", "port-channel", "stack-mac", "bridge", "device-tracking", "macro"),
    *("access-session", "tunnel", "redundancy", "no router", "no route-map", "no vrf", "ip route vrf", "vtp REST"),
    *("ip route ADDRESS MASK:ADDRESS", "ipv6 route PREFIX6", "ip cef", "ip source-route", "ip igmp", "ip pim"),
    *("alias", "tftp-server", "archive REST", "ip flow", "no vlan (access-map|filter)"),
)
"""Commands that the device has and this switch has not."""


def _on(*patterns: str) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        for pattern in patterns:
            GLOBAL.add(pattern, handler)
        return handler

    return keep


def hide_secret(word: str) -> str:
    """Return what the switch shows of a secret; the device's own hash is another one."""
    return f"$9$virtual${hashlib.sha256(word.encode()).hexdigest()[:43]}"


def _write_kept(match: Match) -> str:
    """Return a line with its words written out."""
    return " ".join(str(match.values[word]) if word.isupper() else word for word in match.words if word != "no")


def _keep(editor: Editor, match: Match) -> None:
    line = _write_kept(match)
    kept = editor.configuration.kept
    kept[:] = [one for one in kept if one not in {line, f"no {line}"}]
    kept.append(line)


def _drop(editor: Editor, match: Match) -> None:
    line = _write_kept(match)
    kept = editor.configuration.kept
    found = [one for one in kept if one == line or one.startswith(f"{line} ")]
    kept[:] = [one for one in kept if one not in found and one != f"no {line}"]
    if not found:
        kept.append(f"no {line}")


def _set_one(editor: Editor, match: Match) -> None:
    line = _write_kept(match)
    start = line.rpartition(" ")[0]
    kept = editor.configuration.kept
    kept[:] = [one for one in kept if not one.startswith(f"{start} ")]
    if "no" not in match.words:
        kept.append(line)


for _pattern in _KEPT:
    GLOBAL.add(_pattern, _keep)
    GLOBAL.add(f"no {_pattern}", _drop)
for _pattern in _ONE_VALUE:
    GLOBAL.add(_pattern, _set_one)
    GLOBAL.add(f"no {_pattern}", _set_one)
for _pattern in _REFUSED:
    GLOBAL.refuse(_pattern)


@_on("hostname WORD")
def _set_hostname(editor: Editor, match: Match) -> None:
    name = match.get_text("WORD")
    if len(name) > _LONGEST_HOSTNAME:
        reject_unmodelled(f"a hostname of more than {_LONGEST_HOSTNAME} characters")
    editor.configuration.hostname = name


@_on("no hostname [WORD]")
def _reset_hostname(editor: Editor, match: Match) -> None:
    del match
    editor.configuration.hostname = "Switch"


@_on("version WORD")
def _set_version(editor: Editor, match: Match) -> None:
    editor.configuration.version = match.get_text("WORD")


@_on("configuration mode exclusive [(auto|manual)]")
def _set_exclusive(editor: Editor, match: Match) -> None:
    editor.configuration.exclusive = "manual" if "manual" in match.words else "auto"


@_on("no configuration mode exclusive [(auto|manual)]")
def _reset_exclusive(editor: Editor, match: Match) -> None:
    del match
    editor.configuration.exclusive = None


@_on("ip routing", "no ip routing")
def _set_routing(editor: Editor, match: Match) -> None:
    editor.configuration.ip_routing = "no" not in match.words


@_on("ipv6 unicast-routing", "no ipv6 unicast-routing")
def _set_routing_6(editor: Editor, match: Match) -> None:
    editor.configuration.ipv6_routing = "no" not in match.words


def _read_route(match: Match) -> StaticRouteKey:
    distance = match.values.get("DISTANCE")
    assert distance is None or isinstance(distance, int)  # noqa: S101 the pattern says so
    if "PREFIX6" in match.values:
        network, gateway_6 = match.values["PREFIX6"], match.values["GATEWAY"]
        assert isinstance(network, IPv6Network)  # noqa: S101 the pattern says so
        assert isinstance(gateway_6, IPv6Address)  # noqa: S101 the pattern says so
        return network, gateway_6, distance
    address, mask, gateway = (match.values[name] for name in ("ADDRESS", "MASK", "GATEWAY"))
    assert isinstance(gateway, IPv4Address)  # noqa: S101 the pattern says so
    try:
        destination = IPv4Interface(f"{address}/{mask}")
    except ValueError:
        destination = None
    if destination is None or destination.ip != destination.network.network_address:
        reject("%Inconsistent address and mask")
    return destination, gateway, distance


@_on("ip route ADDRESS MASK:ADDRESS GATEWAY:ADDRESS [DISTANCE]", "ipv6 route PREFIX6 GATEWAY:ADDRESS6 [DISTANCE]")
def _add_route(editor: Editor, match: Match) -> None:
    route = _read_route(match)
    editor.configuration.routes = [one for one in editor.configuration.routes if one[:2] != route[:2]]
    editor.configuration.routes.append(route)


@_on("no ip route ADDRESS MASK:ADDRESS GATEWAY:ADDRESS [DISTANCE]", "no ipv6 route PREFIX6 GATEWAY:ADDRESS6 [DISTANCE]")
def _remove_route(editor: Editor, match: Match) -> None:
    route = _read_route(match)
    kept = [one for one in editor.configuration.routes if one[:2] != route[:2]]
    if len(kept) == len(editor.configuration.routes):
        reject("%No matching route to delete")
    editor.configuration.routes = kept


@_on("vlan VLANS")
def _begin_vlans(editor: Editor, match: Match) -> None:
    numbers = match.values["VLANS"]
    assert isinstance(numbers, frozenset)  # noqa: S101 the pattern says so
    if editor.database.mode == "client":
        reject("VTP VLAN configuration not allowed when device is in CLIENT mode.")
    if numbers & set(RESERVED_VLANS):
        reject_unmodelled(f"{match.line.strip()}: VLANs 1002 to 1005")
    editor.begin_vlans(sorted(numbers))


@_on("no vlan VLANS")
def _remove_vlans(editor: Editor, match: Match) -> None:
    numbers = match.values["VLANS"]
    assert isinstance(numbers, frozenset)  # noqa: S101 the pattern says so
    if editor.database.mode == "client":
        reject("VTP VLAN configuration not allowed when device is in CLIENT mode.")
    for number in sorted(numbers & {1, *RESERVED_VLANS}):
        reject(f"%Default VLAN {number} may not be deleted.")
    missing = sorted(numbers - set(editor.database.vlans))
    if missing:
        reject_unmodelled(f"to remove VLANs that are not there: {','.join(map(str, missing))}")
    for number in numbers:
        del editor.database.vlans[number]


@_on("vtp mode (server|client|transparent|off)")
def _set_vtp_mode(editor: Editor, match: Match) -> None:
    mode = match.words[-1]
    extended = any(number >= RESERVED_VLANS.stop for number in editor.database.vlans)
    if mode in {"server", "client"} and extended:
        reject_unmodelled(f"{match.line.strip()} while there are VLANs from 1006 on")
    if editor.database.mode == mode:
        editor.say(f"Device mode already VTP {mode.upper()}.")
        return
    editor.database.mode = mode
    editor.say(f"Setting device to VTP {mode.title()} mode for VLANS.")


@_on("vtp domain WORD")
def _set_vtp_domain(editor: Editor, match: Match) -> None:
    domain = match.get_text("WORD")
    editor.say(f"Changing VTP domain name from {editor.database.domain or 'NULL'} to {domain}")
    editor.database.domain = domain


@_on("enable (secret|password) WORD", "enable (secret|password) SECRET_TYPE WORD")
def _set_enable(editor: Editor, match: Match) -> None:
    word = match.get_text("WORD")
    kind = match.values.get("SECRET_TYPE", 0)
    if kind == 0:
        editor.configuration.enable_secret = word
        editor.configuration.enable = f"enable secret 9 {hide_secret(word)}"
    else:
        editor.configuration.enable = f"enable {match.words[1]} {kind} {word}"


@_on("no enable (secret|password)")
def _remove_enable(editor: Editor, match: Match) -> None:
    del match
    editor.configuration.enable, editor.configuration.enable_secret = "", None


@_on("username WORD REST")
def _set_user(editor: Editor, match: Match) -> None:
    """Keep a user; a secret that is typed in clear (type 0, or none) is shown as a hash."""
    name = match.get_text("WORD")
    words = match.get_text("REST").split()
    place = words.index("secret") + 1 if "secret" in words else len(words)
    typed = words[place:]
    if len(typed) == 1 or (len(typed) == 2 and typed[0] == "0"):  # noqa: PLR2004 the type and the secret
        words[place:] = ["9", hide_secret(typed[-1])]
    editor.configuration.users[name] = f"username {name} {' '.join(words)}"


@_on("no username WORD")
def _remove_user(editor: Editor, match: Match) -> None:
    """Ask first (napalm, ios.py)."""
    name = match.get_text("WORD")
    editor.say("This operation will remove all username related configurations with same name.")
    editor.confirmation = Confirmation("Do you want to continue? [confirm]", lambda: _drop_user(editor, name))


def _drop_user(editor: Editor, name: str) -> None:
    editor.configuration.users.pop(name, None)


@_on("banner (motd|login|exec) REST")
def _begin_banner(editor: Editor, match: Match) -> None:
    editor.begin_banner(match.words[1], match.get_text("REST"))


@_on("no banner (motd|login|exec)")
def _remove_banner(editor: Editor, match: Match) -> None:
    editor.configuration.banners.pop(match.words[2], None)


@_on("archive")
def _begin_archive(editor: Editor, match: Match) -> None:
    del match
    editor.mode = "archive"


@_on("no archive")
def _remove_archive(editor: Editor, match: Match) -> None:
    del match
    editor.configuration.archive = Archive()


@_on("line (con|console|vty) NUMBER [LAST:NUMBER]")
def _begin_line(editor: Editor, match: Match) -> None:
    kind = "vty" if match.words[1] == "vty" else "con"
    name = " ".join([kind, *(str(match.values[one]) for one in ("NUMBER", "LAST") if one in match.values)])
    editor.mode = "line"
    editor.line_block = editor.configuration.lines.setdefault(name, [])


def _set_archive(editor: Editor, match: Match) -> None:
    archive = editor.configuration.archive
    removed = "no" in match.words
    match next(one for one in match.words if one != "no"):
        case "path":
            archive.path = "" if removed else match.get_text("WORD")
        case "maximum":
            archive.maximum = None if removed else match.get_number("MAXIMUM")
        case "write-memory":
            archive.write_memory = not removed
        case _:
            archive.minutes = None if removed else match.get_number("NUMBER")


for _pattern in ("path WORD", "maximum MAXIMUM", "write-memory", "time-period NUMBER"):
    MODES["archive"].add(_pattern, _set_archive)
    MODES["archive"].add(f"no {_pattern.split()[0]}", _set_archive)
MODES["archive"].refuse("(log|rollback|no log)")

_LINE_KEPT = (
    *("access-class WORD (in|out) [vrf-also]", "ipv6 access-class WORD (in|out)", "transport REST", "login [local]"),
    *(
        "login authentication WORD",
        "exec-timeout REST",
        "password REST",
        "privilege level PRIVILEGE",
        "session-timeout REST",
    ),
    *(
        "logging synchronous",
        "stopbits NUMBER",
        "speed NUMBER",
        "length LENGTH",
        "width LENGTH",
        "history REST",
        "exec",
    ),
)


def _keep_in_line(editor: Editor, match: Match) -> None:
    line = _write_kept(match)
    start = line.split()[0]
    several = start in {"transport", "ipv6", "access-class"}
    held = [one for one in editor.line_block if not (one == line or (not several and one.split()[0] == start))]
    if "no" in match.words:
        held = [one for one in held if not one.startswith(line)]
    editor.line_block[:] = held + ([line] if "no" not in match.words else [])


for _pattern in _LINE_KEPT:
    MODES["line"].add(_pattern, _keep_in_line)
    MODES["line"].add(f"no {_pattern}", _keep_in_line)

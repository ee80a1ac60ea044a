"""The commands of interfaces and of VLANs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from controller.lab.virtual_switches.catalyst.configuration.editor import (
    GLOBAL,
    MODES,
    Editor,
    Handler,
    copy_switchport,
)
from controller.lab.virtual_switches.catalyst.configuration.state import Interface, VlanEntry
from controller.lab.virtual_switches.catalyst.grammar import InvalidAt, Match, reject, reject_unmodelled
from controller.lab.virtual_switches.catalyst.words import HIGHEST_VLAN, PARAMETERS, Mismatch, Words

_LONGEST_DESCRIPTION = 240
_EVERY_VLAN = frozenset(range(1, HIGHEST_VLAN + 1))
OneHandler = Callable[[Editor, Interface, Match], None]


def on_interface(*patterns: str) -> Callable[[OneHandler], OneHandler]:
    """Take a command for each interface of the mode."""

    def keep(handler: OneHandler) -> OneHandler:
        def carry_out(editor: Editor, match: Match) -> None:
            for one in editor.targets:
                handler(editor, one, match)

        for pattern in patterns:
            MODES["if"].add(pattern, carry_out)
            MODES["if-range"].add(pattern, carry_out)
        return handler

    return keep


def _on_global(*patterns: str) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        for pattern in patterns:
            GLOBAL.add(pattern, handler)
        return handler

    return keep


@_on_global("interface INTERFACE")
def _begin_interface(editor: Editor, match: Match) -> None:
    editor.targets = [editor.make_interface(match.get_text("INTERFACE"))]
    editor.mode = "if"


@_on_global("interface range REST")
def _begin_range(editor: Editor, match: Match) -> None:
    editor.targets = [editor.make_interface(name) for name in _list_range(match)]
    editor.mode = "if-range"


def _list_range(match: Match) -> Iterator[str]:
    """Return the names of `Gi1/0/1 - 4, Gi1/0/7`."""
    column = len(match.line) - len(match.line.rstrip()) + match.line.lower().find("r", match.line.find(" "))
    for part in match.get_text("REST").split(","):
        found = re.fullmatch(r"\s*([A-Za-z-]+)\s*([0-9/]+)\s*(?:-\s*([0-9]+))?\s*", part)
        if found is None:
            raise InvalidAt(column)
        first, last = found[2], found[3]
        stem, _, low = first.rpartition("/")
        for number in range(int(low), int(last or low) + 1):
            text = f"{found[1]}{stem}{'/' if stem else ''}{number}"
            try:
                name, _ = PARAMETERS["INTERFACE"](Words([(0, text)], text), 0)
            except Mismatch:
                raise InvalidAt(column) from None
            yield str(name)


@_on_global("no interface INTERFACE")
def _remove_interface(editor: Editor, match: Match) -> None:
    name = match.get_text("INTERFACE")
    known = editor.configuration.interfaces.get(name)
    if known is None:
        reject_unmodelled(f"to remove an interface that is not there: {name}")
    if known.is_physical:
        reject("% Removal of physical interfaces is not permitted")
    if known.is_port_channel and editor.list_members(known.number):
        reject_unmodelled(f"to remove a group that has ports: {name}")
    del editor.configuration.interfaces[name]


@_on_global("default interface INTERFACE")
def _reset_interface(editor: Editor, match: Match) -> None:
    name = match.get_text("INTERFACE")
    if name not in editor.configuration.interfaces:
        raise InvalidAt(len("default interface "))
    fresh = Interface(name)
    fresh.switched = not (fresh.is_vlan or fresh.is_loopback)
    editor.configuration.interfaces[name] = fresh
    editor.say(f"Interface {name} set to default configuration")


@on_interface("description REST")
def _set_description(_: Editor, one: Interface, match: Match) -> None:
    text = match.get_text("REST")
    if len(text) > _LONGEST_DESCRIPTION:
        reject_unmodelled(f"a description of more than {_LONGEST_DESCRIPTION} characters")
    one.description = text


@on_interface("no description [REST]")
def _remove_description(_: Editor, one: Interface, match: Match) -> None:
    del match
    one.description = ""


@on_interface("shutdown", "no shutdown")
def _set_shutdown(_: Editor, one: Interface, match: Match) -> None:
    one.shut = "no" not in match.words


def _spread(editor: Editor, one: Interface) -> None:
    """Give the ports of a group its settings."""
    if one.is_port_channel:
        for member in editor.list_members(one.number):
            copy_switchport(one, member)


def _on_switchport(*patterns: str) -> Callable[[OneHandler], OneHandler]:
    """Take a command for ports that are switched."""

    def keep(handler: OneHandler) -> OneHandler:
        def carry_out(editor: Editor, one: Interface, match: Match) -> None:
            if one.is_vlan or one.is_loopback:
                raise InvalidAt(len(match.line) - len(match.line.lstrip()))
            if not one.switched and len(match.words) > 1:
                reject(f"Command rejected: {one.name} not a switching port.")
            handler(editor, one, match)
            _spread(editor, one)

        on_interface(*patterns)(carry_out)
        return handler

    return keep


@_on_switchport("switchport")
def _make_switched(_: Editor, one: Interface, match: Match) -> None:
    del match
    one.switched = True
    one.address, one.secondaries = None, []


@_on_switchport(
    "switchport mode (access|trunk)", "switchport mode dynamic (auto|desirable)", "no switchport mode [REST]"
)
def _set_mode(editor: Editor, one: Interface, match: Match) -> None:
    if match.words[0] == "no":
        one.mode = None
        return
    mode = " ".join(match.words[2:])
    if mode == "trunk" and editor.model.needs_encapsulation and one.encapsulation != "dot1q":
        reject(
            'Command rejected: An interface whose trunk encapsulation is "Auto" can not be configured to "trunk" mode.'
        )
    one.mode = None if mode == "dynamic auto" else mode


@_on_switchport("switchport trunk encapsulation (dot1q|isl|negotiate)", "no switchport trunk encapsulation [REST]")
def _set_encapsulation(editor: Editor, one: Interface, match: Match) -> None:
    if editor.model.needs_encapsulation is False:
        # Only where ISL exists.
        raise InvalidAt(match.line.lower().find("enc"))
    wanted = match.words[-1] if match.words[0] != "no" else "negotiate"
    if wanted == "isl":
        reject_unmodelled(match.line.strip())
    if wanted == "negotiate" and one.mode == "trunk" and editor.model.needs_encapsulation:
        reject_unmodelled(f"{match.line.strip()} on a trunk")
    one.encapsulation = "dot1q" if wanted == "dot1q" else None


@_on_switchport("switchport access vlan VLAN", "no switchport access vlan [VLAN]")
def _set_access_vlan(editor: Editor, one: Interface, match: Match) -> None:
    if match.words[0] == "no":
        one.access_vlan = 1
        return
    number = match.get_number("VLAN")
    vlans = editor.database.vlans
    if number not in vlans and editor.database.mode != "client":
        editor.say(f"% Access VLAN does not exist. Creating vlan {number}")
        editor.commit_vlans({number: VlanEntry()})
    one.access_vlan = number


@_on_switchport("switchport trunk native vlan VLAN", "no switchport trunk native vlan [VLAN]")
def _set_native_vlan(_: Editor, one: Interface, match: Match) -> None:
    one.native_vlan = match.get_number("VLAN") if match.words[0] != "no" else 1


@_on_switchport(
    "switchport trunk allowed vlan (all|none)",
    "switchport trunk allowed vlan VLANS",
    "switchport trunk allowed vlan (add|remove|except) VLANS",
    "no switchport trunk allowed vlan [REST]",
)
def _set_allowed(_: Editor, one: Interface, match: Match) -> None:
    """Set a trunk's VLANs: a list replaces them, `add` extends and `remove` shortens."""
    before = _EVERY_VLAN if one.allowed is None else one.allowed
    vlans = match.values.get("VLANS", frozenset())
    assert isinstance(vlans, frozenset)  # noqa: S101 the pattern says so
    what = "all" if match.words[0] == "no" else match.words[4]
    match what:
        case "all":
            wanted = _EVERY_VLAN
        case "none":
            wanted = frozenset()
        case "add":
            wanted = before | vlans
        case "remove":
            wanted = before - vlans
        case "except":
            wanted = _EVERY_VLAN - vlans
        case _:
            wanted = vlans
    one.allowed = None if wanted == _EVERY_VLAN else wanted


@_on_switchport("switchport voice vlan VLAN", "no switchport voice vlan [VLAN]")
def _set_voice_vlan(editor: Editor, one: Interface, match: Match) -> None:
    if match.words[0] == "no":
        one.voice_vlan = None
        return
    number = match.get_number("VLAN")
    if number not in editor.database.vlans and editor.database.mode != "client":
        editor.say(f"% Voice VLAN does not exist. Creating vlan {number}")
        editor.commit_vlans({number: VlanEntry()})
    one.voice_vlan = number


@_on_switchport("switchport protected", "no switchport protected")
def _set_protected(_: Editor, one: Interface, match: Match) -> None:
    one.protected = match.words[0] != "no"


@_on_switchport("switchport nonegotiate", "no switchport nonegotiate")
def _set_nonegotiate(_: Editor, one: Interface, match: Match) -> None:
    wanted = match.words[0] != "no"
    if wanted and one.mode not in {"access", "trunk"}:
        reject("Command rejected: Conflict between 'nonegotiate' and 'dynamic' status.")
    one.nonegotiate = wanted


@on_interface("channel-group CHANNEL mode (on|active|passive|auto|desirable)")
def _join_group(editor: Editor, one: Interface, match: Match) -> None:
    if not one.is_physical:
        raise InvalidAt(len(match.line) - len(match.line.lstrip()))
    editor.join_group(one, match.get_number("CHANNEL"), match.words[-1])


@on_interface("no channel-group [CHANNEL]", "no channel-group CHANNEL mode (on|active|passive)")
def _leave_group(_: Editor, one: Interface, match: Match) -> None:
    del match
    one.channel = None


@on_interface("no switchport")
def _make_routed(_: Editor, one: Interface, match: Match) -> None:
    if one.is_vlan or one.is_loopback:
        raise InvalidAt(match.line.find("switchport"))
    if one.channel is not None or one.is_port_channel:
        reject_unmodelled("a routed group")
    one.switched = False


_KEPT = (
    *("speed REST", "duplex REST", "spanning-tree REST", "storm-control REST", "mtu NUMBER", "negotiation REST"),
    *("ip redirects", "ip proxy-arp", "ip unreachables", "ip route-cache", "load-interval NUMBER", "power REST"),
    *("logging REST", "snmp REST", "carrier-delay REST", "udld REST", "lldp REST", "cdp REST", "mdix auto"),
    *("keepalive [NUMBER]", "ipv6 enable", "ipv6 nd REST", "mls REST", "priority-queue out", "switchport block REST"),
)


def _write_kept(match: Match) -> str:
    return " ".join(str(match.values[word]) if word.isupper() else word for word in match.words if word != "no")


def _keep(_: Editor, one: Interface, match: Match) -> None:
    line = _write_kept(match)
    removed = match.words[0] == "no"
    start = " ".join(line.split()[: 2 if line.startswith(("ip", "spanning", "storm", "logging")) else 1])
    default_on = line in {"ip redirects", "ip proxy-arp", "ip unreachables", "cdp enable"}
    one.kept = [kept for kept in one.kept if kept != line and not kept.startswith(f"{start} ") and kept != f"no {line}"]
    if removed == default_on:
        one.kept.append(f"no {line}" if removed else line)


for _pattern in _KEPT:
    on_interface(_pattern, f"no {_pattern}")(_keep)
for _mode in ("if", "if-range"):
    for _pattern in (
        *("ip address dhcp", "ip unnumbered", "ip policy", "ip nat", "ip inspect", "ip verify", "ip vrf", "ip dhcp"),
        *("ip arp", "ip pim", "ip igmp", "ip ospf", "ip helper-address (global|vrf)", "ip mtu", "ip tcp", "vrf"),
        *("ip local-proxy-arp", "ip directed-broadcast", "ip flow", "ip device", "ip sticky-arp", "ip access-group"),
        *("ipv6 address", "ipv6 ospf", "ipv6 mtu", "ipv6 verify", "ipv6 traffic-filter", "ipv6 dhcp", "ipv6 policy"),
        *("service-policy", "service", "bridge-group", "zone-member", "standby", "vrrp", "glbp", "source", "mac"),
        *("authentication", "dot1x", "mab", "access-session", "encapsulation", "channel-protocol", "lacp", "pagp"),
        *("switchport private-vlan", "switchport mode private-vlan", "switchport mode dot1q-tunnel", "xconnect"),
        *("switchport port-security", "switchport vlan", "switchport backup", "switchport trunk pruning"),
        *("switchport priority", "switchport voice", "switchport access vlan (dynamic|name)", "private-vlan", "crypto"),
        *("switchport autostate", "auto", "macro", "flowcontrol", "bandwidth", "delay", "tunnel", "arp", "trust"),
        *("device-tracking", "cts", "macsec", "mvrp", "l2protocol-tunnel", "rmon", "autostate", "pvlan"),
    ):
        MODES[_mode].refuse(_pattern)
        MODES[_mode].refuse(f"no {_pattern}")

"""What is typed in configuration mode and the modes below it, but for interfaces (S3d, S7, S8, S9, S10, S11, S13)."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.x530 import trigger_commands as triggers
from controller.lab.virtual_switches.x530.access_lists import V4, AccessList, Family, Network, read_entry
from controller.lab.virtual_switches.x530.configuration import (
    FACTORY_NAME,
    ListKey,
    Vlan,
    VlanInterface,
    expand_interfaces,
)
from controller.lab.virtual_switches.x530.grammar import (
    Refused,
    Unmodelled,
    build_syntax,
    split_words,
)
from controller.lab.virtual_switches.x530.modes import Mode, Where
from controller.lab.virtual_switches.x530.running_text import name_default

if TYPE_CHECKING:
    from controller.lab.virtual_switches.x530.command_line import X530CommandLine

Change = Callable[..., None]
Address = IPv4Address | IPv6Address
LONGEST_NAME = 32
ATTACHED = "% This access-list is attached to an interface"
"""S3b: information, no error: the edit is taken."""
NUMBERED = range(3000, 3700)
"""S9c page 829: numbers of hardware lists for IP."""
_SOFTWARE = re.compile(r"[0-9]{1,4}")


def set_hostname(line: X530CommandLine, name: str) -> None:
    """Set the name: letters, digits and hyphens (oxidized issue 1493)."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}", name):
        message = "% hostname contains invalid characters"
        raise Refused(message)
    line.running.hostname = name


def enter_vlans(line: X530CommandLine) -> None:
    """Enter the VLAN database."""
    line.go(Mode.VLAN)


def enter_interfaces(line: X530CommandLine, text: str) -> None:
    """Enter interfaces; an interface of a VLAN is made by it, where there is such a VLAN (S12)."""
    try:
        names = expand_interfaces(text)
    except ValueError:
        message = "Can't find interface"
        raise Refused(message) from None
    running = line.running
    for name in names:
        number = int(name.removeprefix("vlan")) if name.startswith("vlan") else 0
        if number not in running.vlans if number else running.find_port(name) is None:
            message = "Can't find interface"
            raise Refused(message)
    for name in names:
        if name.startswith("vlan"):
            running.interfaces.setdefault(int(name.removeprefix("vlan")), VlanInterface())
    line.go(Mode.INTERFACE, Where(interfaces=tuple(names)))


def remove_interface(line: X530CommandLine, text: str) -> None:
    """Remove the interfaces of VLANs."""
    numbers = [name.removeprefix("vlan") for name in expand_interfaces(text)]
    if not all(number.isdigit() and int(number) in line.running.interfaces for number in numbers):
        message = "Can't find interface"
        raise Refused(message)
    for number in numbers:
        del line.running.interfaces[int(number)]


def make_vlans(line: X530CommandLine, vlans: frozenset[int]) -> None:
    """Make VLANs."""
    for number in vlans:
        line.running.vlans.setdefault(number, Vlan(name_default(number)))


def name_vlan(line: X530CommandLine, vlans: frozenset[int], name: str) -> None:
    """Name a VLAN, and make it where it is missing."""
    if len(vlans) != 1 or 1 in vlans:
        message = "% Only one VLAN takes a name, and VLAN 1 keeps its own"
        raise Refused(message)
    (number,) = vlans
    other = re.fullmatch(r"(?i)vlan([0-9]+)", name)
    if other and int(other[1]) != number:  # S9c page 415 says to avoid such names
        message = f"VLAN {number} with the name {name}"
        raise Unmodelled(message)
    if len(name) > LONGEST_NAME:
        message = "names of VLANs over 32 characters"
        raise Unmodelled(message)
    make_vlans(line, vlans)
    line.running.vlans[number].name = name


def name_vlan_with_state(line: X530CommandLine, vlans: frozenset[int], name: str, state: str) -> None:
    """Name a VLAN and set its state."""
    name_vlan(line, vlans, name)
    set_vlan_state(line, vlans, state)


def set_vlan_state(line: X530CommandLine, vlans: frozenset[int], state: str) -> None:
    """Set VLANs' state, and make those that are missing (S7)."""
    if state not in {"enable", "disable"}:
        message = "% Invalid VLAN state"
        raise Refused(message)
    if 1 in vlans and state == "disable":
        message = "% VLAN 1 can't be disabled"
        raise Refused(message)
    make_vlans(line, vlans)
    for number in vlans:
        line.running.vlans[number].enabled = state == "enable"


def remove_vlans(line: X530CommandLine, vlans: frozenset[int]) -> None:
    """Remove VLANs; VLAN 1 stays (S9c page 415), and what becomes of a VLAN's ports was not found."""
    running = line.running
    if 1 in vlans:
        message = "% VLAN 1 can't be deleted"
        raise Refused(message)
    for number in sorted(vlans):
        if number not in running.vlans:
            message = f"% VLAN {number} does not exist"
            raise Refused(message)
        ports = [name for name, port in (running.ports | running.aggregates).items() if port.uses(number)]
        if ports or number in running.interfaces or number in running.filters:
            held = (ports or [f"interface vlan{number}"])[0]
            message = f"'no vlan {number}' while {held} is in it"
            raise Unmodelled(message)
    for number in vlans:
        del running.vlans[number]


def enter_list(family: Family) -> Change:
    """Return the command that makes a named list, or enters it."""

    def enter(line: X530CommandLine, name: str) -> None:
        if _SOFTWARE.fullmatch(name) or name.lower() in {"standard", "extended"}:
            message = f"the access list {name} in this mode"
            raise Unmodelled(message)
        line.running.lists.setdefault((family, name), AccessList())
        line.go(Mode.LIST if family == V4 else Mode.LIST_6, Where(access_list=(family, name)))

    return enter


def remove_list(family: Family) -> Change:
    """Return the command that removes a list; one that stands somewhere is kept."""

    def remove(line: X530CommandLine, name: str) -> None:
        key: ListKey = (family, name)
        if key not in line.running.lists:
            message = f"% Access-list {name} does not exist"
            raise Refused(message)
        held = line.running.list_attached(key)
        if held:
            message = f"% Access-list {name} is attached to {held[0]}"
            raise Refused(message)
        del line.running.lists[key]

    return remove


def set_numbered_list(line: X530CommandLine, text: str) -> None:
    """Set the one entry of a numbered hardware list (S3e, S9f)."""
    number, *words = split_words(text)
    if not number.text.isdigit() or int(number.text) not in NUMBERED:
        message = f"access-list {number.text}"
        raise Unmodelled(message)
    asked, entry = read_entry(words, 4)
    if asked is not None:
        message = "% Unrecognized command"
        raise Refused(message)
    held = line.running.lists.setdefault((4, number.text), AccessList())
    held.entries = {1: entry}
    held.commit()


def change_entry(line: X530CommandLine, text: str) -> list[str]:
    """Take an entry into the list that is open, or take one away by `no`."""
    key = line.where.access_list
    held = line.running.lists[key]
    words = split_words(text)
    if words[0].text.lower() == "no":
        if len(words[1:]) == 1 and words[1].text.isdigit():
            if held.entries.pop(int(words[1].text), None) is None:
                message = "% Can't find the entry"
                raise Refused(message)
        else:
            _, entry = read_entry(words[1:], key[0])
            old = [number for number, one in held.entries.items() if one == entry]
            if not old:
                message = "% Can't find the entry"
                raise Refused(message)
            del held.entries[old[0]]
    else:
        number, entry = read_entry(words, key[0])
        held.add(number, entry, line.model.number_step)
    return [ATTACHED] if line.running.list_attached(key) else []


def commit_list(line: X530CommandLine) -> None:
    """Give the hardware what was edited."""
    line.running.lists[line.where.access_list].commit()


def enter_map(line: X530CommandLine, name: str) -> None:
    """Make a VLAN map, or enter it (S13)."""
    line.running.maps.setdefault(name, [])
    line.go(Mode.MAP, Where(map_name=name))


def remove_map(line: X530CommandLine, name: str) -> None:
    """Remove a VLAN map."""
    if name not in line.running.maps or name in line.running.filters.values():
        message = f"% VLAN access-map {name} does not exist or is applied"
        raise Refused(message)
    del line.running.maps[name]


def match_list(line: X530CommandLine, name: str) -> None:
    """Let a VLAN map ask a list."""
    held = line.running.maps[line.where.map_name]
    if (4, name) not in line.running.lists or name in held:
        message = f"% Access-list {name} does not exist, or is matched already"
        raise Refused(message)
    held.append(name)


def match_no_list(line: X530CommandLine, name: str) -> None:
    """Let a VLAN map ask a list no longer."""
    held = line.running.maps[line.where.map_name]
    if name not in held:
        message = f"% Access-list {name} is not matched"
        raise Refused(message)
    held.remove(name)


def filter_vlans(line: X530CommandLine, name: str, vlans: frozenset[int]) -> None:
    """Put a VLAN map on VLANs, for what comes in; beside lists on ports it is not modelled."""
    running = line.running
    if name not in running.maps:
        message = f"% VLAN access-map {name} does not exist"
        raise Refused(message)
    if any(port.lists for port in (running.ports | running.aggregates).values()):
        message = "'vlan filter' beside lists on ports"
        raise Unmodelled(message)
    if any(running.filters.get(number, name) != name or number not in running.vlans for number in vlans):
        message = "% A VLAN does not exist or has another access-map"
        raise Refused(message)
    running.filters.update(dict.fromkeys(vlans, name))


def unfilter_vlans(line: X530CommandLine, name: str, vlans: frozenset[int]) -> None:
    """Take a VLAN map from VLANs."""
    if any(line.running.filters.get(number) != name for number in vlans):
        message = f"% VLAN access-map {name} is not applied there"
        raise Refused(message)
    for number in vlans:
        del line.running.filters[number]


def _route(line: X530CommandLine, network: Network, gateway: Address, distance: int | None = None) -> None:
    line.running.routes[network, gateway] = distance


def _route_by_mask(line: X530CommandLine, address: IPv4Address, mask: IPv4Address, gateway: IPv4Address) -> None:
    try:
        network = IPv4Network(f"{address}/{mask}")
    except ValueError:
        message = "% Malformed address"
        raise Refused(message) from None
    _route(line, network, gateway)


def _unroute(line: X530CommandLine, network: Network, gateway: Address) -> None:
    if line.running.routes.pop((network, gateway), "none") == "none":
        message = "% No matching route to delete"
        raise Refused(message)


def forward_6(line: X530CommandLine) -> None:
    """Route IPv6 between interfaces."""
    line.running.forwards_6 = True


def forward_no_6(line: X530CommandLine) -> None:
    """Route IPv6 no longer."""
    line.running.forwards_6 = False


def set_boot(line: X530CommandLine, name: str) -> None:
    """Boot from another configuration file; it has to be there."""
    line.device.set_boot_file(name)


def unset_boot(line: X530CommandLine) -> None:
    """Boot from the default configuration file."""
    line.device.set_boot_file(None)


def enter_line(line: X530CommandLine, kind: str, rest: str) -> None:
    """Enter the settings of lines."""
    name = f"{kind} {rest}"
    line.running.lines.setdefault(name, {})
    line.go(Mode.LINE, Where(terminal_line=name))


def keep_of_line(line: X530CommandLine, text: str) -> None:
    """Keep the idle time of lines."""
    line.running.lines[line.where.terminal_line]["exec-timeout"] = f"exec-timeout {text}"


_GLOBAL: dict[str, Change] = {
    "hostname <name>": set_hostname,
    "no hostname": lambda line: set_hostname(line, FACTORY_NAME),
    "vlan database": enter_vlans,
    "interface <name>": enter_interfaces,
    "no interface <name>": remove_interface,
    "access-list hardware <name>": enter_list(4),
    "no access-list hardware <name>": remove_list(4),
    "access-list <line>": set_numbered_list,
    "no access-list <name>": remove_list(4),
    "ipv6 access-list <name>": enter_list(6),
    "no ipv6 access-list <name>": remove_list(6),
    "vlan access-map <name>": enter_map,
    "no vlan access-map <name>": remove_map,
    "vlan filter <name> vlan-list <vlans> input": filter_vlans,
    "no vlan filter <name> vlan-list <vlans> input": unfilter_vlans,
    "ip route <n4> <a4>": _route,
    "ip route <n4> <a4> <distance>": _route,
    "ip route <a4> <a4> <a4>": _route_by_mask,
    "no ip route <n4> <a4>": _unroute,
    "ipv6 route <n6> <a6>": _route,
    "no ipv6 route <n6> <a6>": _unroute,
    "ipv6 forwarding": forward_6,
    "no ipv6 forwarding": forward_no_6,
    "boot config-file <file>": set_boot,
    "no boot config-file": unset_boot,
    "trigger <trigger>": triggers.enter_trigger,
    "no trigger <trigger>": triggers.remove_trigger,
    "line con <line>": lambda line, rest: enter_line(line, "con", rest),
    "line vty <line>": lambda line, rest: enter_line(line, "vty", rest),
}
GLOBAL = tuple(build_syntax(pattern, action) for pattern, action in _GLOBAL.items())
_IN_DATABASE: dict[str, Change] = {
    "vlan <vlans>": make_vlans,
    "vlan <vlans> name <name>": name_vlan,
    "vlan <vlans> name <name> state <name>": name_vlan_with_state,
    "vlan <vlans> state <name>": set_vlan_state,
    "no vlan <vlans>": remove_vlans,
}
VLAN_DATABASE = tuple(build_syntax(pattern, action) for pattern, action in _IN_DATABASE.items())
LIST = (build_syntax("commit", commit_list), build_syntax("<line>", change_entry))
MAP = (
    build_syntax("match access-group <name>", match_list),
    build_syntax("no match access-group <name>", match_no_list),
)
LINE = (build_syntax("exec-timeout <line>", keep_of_line),)
UNMODELLED_VLAN = ("private-vlan", "vlan", "no private-vlan", "remote-span")

"""Reads what is not ours out of a running configuration, of the systems that adoption knows.

Cisco IOS: access lists are bound to interfaces in VLANs (`ip access-group NAME in`), a list ends in a denial of
everything, an IPv6 list permits neighbour discovery before that. AlliedWare Plus: hardware lists stand on ports and
judge what comes in; what no entry matches is forwarded. Standard and numbered lists are read, too.
Sources: those of `controller/platforms/cisco_ios/acl.py` and `controller/platforms/allied_telesis_awplus/acl.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface

from controller.adoption.existing_network import (
    AttachedList,
    ExistingEntry,
    ExistingInterface,
    ExistingList,
    ExistingNetwork,
    ExistingPort,
    ExistingVlan,
    make_last_entry,
)
from controller.model.network.device_state import PREFIX, Entry
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol
from controller.platforms.allied_telesis_awplus.acl import ACCESS_LISTS as AWPLUS_LISTS
from controller.platforms.allied_telesis_awplus.ports import list_port_names
from controller.platforms.base import ConfigLine
from controller.platforms.cisco_ios.text import SWITCH as CISCO
from controller.platforms.common.managed import LAST_VLAN, parse_vlan_list
from controller.platforms.dialect.acl import AclGrammar, read_entry
from controller.platforms.dialect.blocks import Block, Layout, join_words, read_blocks

ALL_VLANS = tuple(range(1, LAST_VLAN + 1))
_NEIGHBOUR_TYPES = (135, 136)
_BOUND = re.compile(r"(ip access-group|ipv6 traffic-filter) (\S+) (in|out)")
_STANDS_ON_PORT = re.compile(r"(access-group|ipv6 traffic-filter) (\S+)")
_SEQUENCE = re.compile(r"(?:sequence )?[0-9]{1,10} (.*)|(.*) sequence [0-9]{1,10}")
_OURS = f"{PREFIX}-"


def can_read_existing(platform: str) -> bool:
    """Tell if what is not ours can be read out of the configurations of a platform."""
    return platform in _READERS


def read_existing_network(platform: str, text: str, device: str, source: str) -> ExistingNetwork:
    """Return what is not ours in a running configuration; see `can_read_existing`."""
    return _READERS[platform](text, ExistingNetwork(device, source))


def _read_cisco(text: str, found: ExistingNetwork) -> ExistingNetwork:
    _, blocks = read_blocks(text, CISCO.layout)
    for block in blocks:
        words = join_words(block.header).split()
        match words:
            case ["vlan", numbers] if re.fullmatch(r"[0-9,-]+", numbers):
                for number in parse_vlan_list(numbers) or ():
                    found.vlans[number] = ExistingVlan(number, _after("name", block.children), block.header)
            case ["interface", *parts]:
                name = "".join(parts)
                if vlan := re.fullmatch(r"[Vv]lan([0-9]{1,4})", name):
                    _add_interface(found, int(vlan[1]), block)
                elif CISCO.port_name.fullmatch(name):
                    found.ports[name] = _read_port(name, block, list(_bound_lists(block.children)))
            case ["ip", "access-list", kind, name] if not name.startswith(_OURS):
                _add_list(found, CISCO.acl, Family.V4, name, block, standard=kind == "standard")
            case ["ipv6", "access-list", name] if not name.startswith(_OURS):
                _add_list(found, CISCO.acl, Family.V6, name, block)
            case ["access-list", number, *rest] if re.fullmatch(r"[0-9]{1,5}", number) and rest:
                line = ConfigLine(block.header.number, " ".join(rest))
                standard = int(number) < 100 or 1300 <= int(number) < 2000  # noqa: PLR2004 the numbers of IOS
                _extend_list(found, CISCO.acl, number, Block(block.header, (line,)), standard=standard)
            case _:
                continue
    return found


def _read_awplus(text: str, found: ExistingNetwork) -> ExistingNetwork:
    _, blocks = read_blocks(text, Layout())
    for block in blocks:
        match join_words(block.header).split():
            case ["vlan", "database"]:
                for line in block.children:
                    _add_awplus_vlan(found, line)
            case ["interface", *parts]:
                written = "".join(parts)
                if vlan := re.fullmatch(r"vlan([0-9]{1,4})", written):
                    _add_interface(found, int(vlan[1]), block)
                for name in list_port_names(written):
                    found.ports[name] = _read_port(name, block, list(_lists_on_port(block.children)))
            case ["access-list", "hardware", name] if not name.startswith(_OURS):
                _add_list(found, AWPLUS_LISTS, Family.V4, name, block)
            case ["ipv6", "access-list", name] if not name.startswith(_OURS):
                _add_list(found, AWPLUS_LISTS, Family.V6, name, block)
            case ["access-list", number, *rest] if re.fullmatch(r"[0-9]{1,5}", number) and rest:
                line = ConfigLine(block.header.number, " ".join(rest))
                _extend_list(found, AWPLUS_LISTS, number, Block(block.header, (line,)), standard=False)
            case _:
                continue
    return found


_READERS: dict[str, Callable[[str, ExistingNetwork], ExistingNetwork]] = {
    "cisco_ios": _read_cisco,
    "allied_telesis_awplus": _read_awplus,
}


def _after(words: str, lines: Iterable[ConfigLine]) -> str:
    """Return what stands behind words on the first line that begins with them; "" without one."""
    start = f"{words} "
    return next((join_words(line).removeprefix(start) for line in lines if join_words(line).startswith(start)), "")


def _add_awplus_vlan(found: ExistingNetwork, line: ConfigLine) -> None:
    written = re.fullmatch(r'vlan ([0-9,-]+)(?: name ("[^"]*"|\S+))?(?: state \S+)?', join_words(line))
    for number in (parse_vlan_list(written[1]) or ()) if written else ():
        if written and written[2]:
            found.vlans[number] = ExistingVlan(number, written[2], line)
        else:
            # The states of many VLANs stand in one line, after the lines of their names.
            found.vlans.setdefault(number, ExistingVlan(number, "", line))


def _add_interface(found: ExistingNetwork, vlan: int, block: Block) -> None:
    lists = tuple(_bound_lists(block.children))
    addresses = tuple(_addresses(block.children))
    description = _after("description", block.children)
    found.interfaces[vlan] = ExistingInterface(vlan, block.header, description, addresses, lists)


def _addresses(lines: Iterable[ConfigLine]) -> Iterator[str]:
    for line in lines:
        words = join_words(line)
        masked = re.fullmatch(r"ip address ([0-9.]+) ([0-9.]+)(?: secondary)?", words)
        prefixed = re.fullmatch(r"ip(?:v6)? address ([0-9A-Fa-f:.]+/[0-9]+)(?: secondary)?", words)
        try:
            if masked:
                yield str(IPv4Interface(f"{masked[1]}/{masked[2]}"))
            elif prefixed:
                yield str((IPv6Interface if ":" in prefixed[1] else IPv4Interface)(prefixed[1]))
        except ValueError:
            continue


def _bound_lists(lines: Iterable[ConfigLine]) -> Iterator[AttachedList]:
    for line in lines:
        if (bound := _BOUND.fullmatch(join_words(line))) and not bound[2].startswith(_OURS):
            family = Family.V6 if bound[1].startswith("ipv6") else Family.V4
            yield AttachedList(bound[2], family, Direction.FROM if bound[3] == "in" else Direction.TO, line)


def _lists_on_port(lines: Iterable[ConfigLine]) -> Iterator[AttachedList]:
    for line in lines:
        if (bound := _STANDS_ON_PORT.fullmatch(join_words(line))) and not bound[2].startswith(_OURS):
            family = Family.V6 if bound[1].startswith("ipv6") else Family.V4
            yield AttachedList(bound[2], family, Direction.FROM, line)


def _read_port(name: str, block: Block, lists: Sequence[AttachedList]) -> ExistingPort:
    children = block.children
    mode = _after("switchport mode", children)
    access = _number(_after("switchport access vlan", children))
    vlans: tuple[int, ...] = ()
    native = None
    if mode == "access":
        vlans = (access or 1,)
    elif mode == "trunk":
        vlans = _read_allowed(children)
        shown = _after("switchport trunk native vlan", children)
        native = None if shown == "none" else _number(shown) or 1
    voice = _number(_after("switchport voice vlan", children))
    description = _after("description", children)
    return ExistingPort(name, block.header, description, mode, vlans, native, voice, tuple(lists), children)


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else None


def _read_allowed(children: Iterable[ConfigLine]) -> tuple[int, ...]:
    """Return the VLANs of a trunk: all of them where no line says which."""
    lines = [_after("switchport trunk allowed vlan", [line]) for line in children]
    carried: set[int] | None = None
    for shown in filter(None, lines):
        words = shown.removeprefix("add ").removeprefix("except ")
        numbers = {"none": [], "all": list(ALL_VLANS)}.get(words) or parse_vlan_list(words) or []
        without = shown.startswith("except ")
        carried = set(ALL_VLANS) - set(numbers) if without else (carried or set()) | set(numbers)
    return ALL_VLANS if carried is None else tuple(sorted(carried))


def _add_list(  # noqa: PLR0913 what a list is
    found: ExistingNetwork, grammar: AclGrammar, family: Family, name: str, block: Block, *, standard: bool = False
) -> None:
    entries = tuple(_read_entries(grammar, family, block, standard=standard))
    last = tuple(_list_last_entries(grammar, family)) if entries or grammar is AWPLUS_LISTS else ()
    # An empty list of IOS permits everything.
    last = last or (make_last_entry(Effect.PERMIT, family, "an empty list"),)
    found.lists[family, name] = ExistingList(name, family, block.header, entries, last)


def _extend_list(found: ExistingNetwork, grammar: AclGrammar, name: str, block: Block, *, standard: bool) -> None:
    """Add the one entry of a numbered list, whose entries stand at the margin."""
    known = found.lists.get((Family.V4, name))
    if known is None:
        _add_list(found, grammar, Family.V4, name, block, standard=standard)
    else:
        more = tuple(_read_entries(grammar, Family.V4, block, standard=standard))
        found.lists[Family.V4, name] = replace(known, entries=(*known.entries, *more))


def _list_last_entries(grammar: AclGrammar, family: Family) -> Iterator[Entry]:
    if grammar is AWPLUS_LISTS:
        yield make_last_entry(Effect.PERMIT, family)
        return
    if family is Family.V6:
        every = family.everything
        for kind in _NEIGHBOUR_TYPES:
            matched = Match(family, Protocol.ICMPV6, every, every, destination_ports=(kind, kind))
            yield Entry(Effect.PERMIT, matched, "neighbour discovery, which IOS permits by itself")
    yield make_last_entry(Effect.FORBID, family)


def _read_entries(grammar: AclGrammar, family: Family, block: Block, *, standard: bool) -> Iterator[ExistingEntry]:
    # A list of others need not name a VLAN in its entries.
    free = replace(grammar, vlan_word="")
    for line in block.children:
        words = join_words(line)
        numbered = _SEQUENCE.fullmatch(words)
        written = (numbered[1] or numbered[2]) if numbered else words
        if not written or written.split()[0] == "remark":
            continue
        tagged = re.fullmatch(r"(.*) vlan ([0-9]{1,4})", written) if grammar.vlan_word else None
        written, vlan = (tagged[1], int(tagged[2])) if tagged else (written, None)
        # What is logged passes, or not, as without it.
        written = re.sub(r" log(-input)?$", "", written)
        if standard:
            effect, _, source = written.partition(" ")
            written = f"{effect} ip {_as_source(source)} any"
        try:
            yield ExistingEntry(line, read_entry(free, written, family, 0, str(line.number)), vlan=vlan)
        except ValueError as error:
            yield ExistingEntry(line, None, str(error), vlan)


def _as_source(words: str) -> str:
    """Return the source of a standard list as an extended one writes it: a lone address is a host."""
    return f"host {words}" if re.fullmatch(r"[0-9.]+", words) else words

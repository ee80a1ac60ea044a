"""The hand-over of objects of others by their names: each with its commands, and the commands that give it back.

A VLAN becomes ours by its name, a port and an interface by the first word of their descriptions. Nothing that passes
changes by that. A list is never renamed: ours is made beside it and put in force in its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from controller.adoption.configuration_text import ConfigurationText
from controller.adoption.existing_network import ExistingNetwork, ExistingPort
from controller.model.network.device_state import PREFIX, DeviceState, FilterBinding, PortState
from controller.platforms.allied_telesis_awplus.acl import ACCESS_LISTS as AWPLUS_LISTS
from controller.platforms.allied_telesis_awplus.text import MARKS, list_attached, write_attachment
from controller.platforms.cisco_ios.text import SWITCH as CISCO
from controller.platforms.dialect.acl import write_filter
from controller.platforms.dialect.switch import PORT_MARK
from controller.platforms.dialect.vlan_interface import MARK as INTERFACE_MARK

LONGEST_DESCRIPTION = 80
"""Characters that every system of these takes as a description."""

_HOLDS_SECRET = re.compile(r"pass|pwd|secret|\bkey\b|community|psk|パスワード|暗証", re.IGNORECASE)
"""Words beside which people write secrets into descriptions."""

ObjectKind = Literal["vlan", "access lists", "filter", "port", "interface"]


@dataclass(frozen=True, slots=True)
class HandOver:
    """An object that is taken over, or made beside one of others.

    `line` is where it stands, 0 for what is new. `commands` are entered in configuration mode, and so is `give_back`,
    which leads back to what was there. `needs`: `name` where nothing but a name changes, `filter` where another filter
    judges from then on, `new` where something is made that is in force nowhere.
    """

    kind: ObjectKind
    name: str
    line: int
    was: str
    becomes: str
    commands: tuple[str, ...]
    give_back: tuple[str, ...]
    needs: Literal["name", "filter", "new"] = "name"

    @property
    def hidden(self) -> bool:
        """Tell if what was there may hold a secret, so that it is not shown."""
        return bool(self.line) and self.was == _hide(self.line)

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.name}: {self.was or 'no name'} -> {self.becomes}"


def is_managed_name(text: str) -> bool:
    """Tell if a name or a description is one of ours.

    >>> is_managed_name("TSN-port 2F"), is_managed_name("STAFF")
    (True, False)
    """
    return text.startswith(f"{PREFIX}-")


def list_hand_overs(platform: str, network: ExistingNetwork, wanted: DeviceState) -> Iterator[HandOver]:
    """Yield the hand-overs of a device in their order: VLANs, lists, where they stand, ports, interfaces.

    A LAG is none of them: it and its members become ours together, and are marked by hand.
    """
    awplus = platform == "allied_telesis_awplus"
    for vlan in wanted.vlans:
        there = network.vlans.get(vlan.number)
        if there is not None and not is_managed_name(there.name):
            yield _hand_over_vlan(vlan.number, there.name, there.line.number, vlan.name, awplus=awplus)
    yield from _make_lists(network, wanted, awplus=awplus)
    if not awplus:
        yield from _bind_cisco_lists(network, wanted.bindings)
    joined = {lag.name for lag in wanted.lags}
    for port in wanted.ports:
        old = network.ports.get(port.name)
        if old is not None and port.name not in joined and not is_managed_name(old.description):
            yield _hand_over_awplus_port(port, old, wanted.bindings) if awplus else _hand_over_cisco_port(port, old)
    for one in wanted.interfaces:
        interface = network.interfaces.get(one.vlan)
        if interface is not None and not is_managed_name(interface.description):
            header = f"interface {CISCO.vlan_interface.format(one.vlan)}"
            becomes = mark_description(INTERFACE_MARK, interface.description)
            line = interface.line.number
            back = _give_back_description(interface.description, line)
            yield HandOver(
                "interface",
                header,
                line,
                show_description(interface.description, line),
                becomes,
                (header, f"description {becomes}"),
                (header, back),
            )


def mark_description(mark: str, old: str) -> str:
    """Return a description that begins with our mark and keeps what stood there, where it fits and can be shown.

    >>> mark_description("TSN-port", "2F staff room"), mark_description("TSN-port", "x" * 90)
    ('TSN-port 2F staff room', 'TSN-port')
    """
    joined = f"{mark} {old}".strip()
    return joined if len(joined) <= LONGEST_DESCRIPTION and not _HOLDS_SECRET.search(old) else mark


def show_description(old: str, line: int) -> str:
    """Return a description for people: what speaks of a secret is not shown, only where it stands.

    >>> show_description("2F", 9), show_description("admin pass 1234", 9)
    ('2F', '(not shown: line 9)')
    """
    return _hide(line) if _HOLDS_SECRET.search(old) else old


def _hide(line: int) -> str:
    return f"(not shown: line {line})"


def _give_back_description(old: str, line: int) -> str:
    return f"description {show_description(old, line)}" if old else "no description"


def _hand_over_vlan(number: int, was: str, line: int, becomes: str, *, awplus: bool) -> HandOver:
    if awplus:
        old = was or f"VLAN{number:04d}"
        back = ("vlan database", f"vlan {number} name {old}")
        return HandOver(
            "vlan", f"vlan {number}", line, was, becomes, ("vlan database", f"vlan {number} name {becomes}"), back
        )
    back = (f"vlan {number}", f"name {was}" if was else "no name")
    return HandOver("vlan", f"vlan {number}", line, was, becomes, (f"vlan {number}", f"name {becomes}"), back)


def _make_lists(network: ExistingNetwork, wanted: DeviceState, *, awplus: bool) -> Iterator[HandOver]:
    """Make the lists whose places are taken by others: those are put in force in this hand-over, the rest by a plan."""
    needed = _list_needed(network, wanted, awplus=awplus)
    filters = [one for one in wanted.filters if one.name in needed]
    if filters:
        grammar = AWPLUS_LISTS if awplus else CISCO.acl
        yield HandOver(
            "access lists",
            f"{len(filters)} access lists",
            0,
            "nothing",
            "in force nowhere yet",
            tuple(line for one in filters for line in write_filter(grammar, one)),
            tuple(f"no {grammar.lists[one.family]} {one.name}" for one in filters),
            needs="new",
        )


def _list_needed(network: ExistingNetwork, wanted: DeviceState, *, awplus: bool) -> set[str]:
    if awplus:
        return {
            one.filter
            for port in wanted.ports
            if (old := network.ports.get(port.name)) is not None and not is_managed_name(old.description)
            for one in _list_attachable(port, old, wanted.bindings)
        }
    return {binding.filter for _, _, binding in _find_taken_bindings(network, wanted.bindings)}


def _find_taken_bindings(
    network: ExistingNetwork, bindings: Iterable[FilterBinding]
) -> Iterator[tuple[int, str, FilterBinding]]:
    """Yield each place that a list of others has: the line, the words that bind it, and the binding that is wanted."""
    for binding in bindings:
        interface = network.interfaces.get(binding.vlan)
        for one in interface.lists if interface else ():
            if (one.direction, one.family) == binding.key[1:]:
                yield one.line.number, " ".join(one.line.text.split()), binding


def _bind_cisco_lists(network: ExistingNetwork, bindings: Iterable[FilterBinding]) -> Iterator[HandOver]:
    for line, words, binding in _find_taken_bindings(network, bindings):
        header = f"interface {CISCO.vlan_interface.format(binding.vlan)}"
        becomes = CISCO.bind(binding)
        # One command takes the place of the other: IOS has one list for each family and direction.
        yield HandOver("filter", header, line, words, becomes, (header, becomes), (header, words), needs="filter")


def _hand_over_cisco_port(port: PortState, old: ExistingPort) -> HandOver:
    header = f"interface {port.name}"
    becomes = mark_description(PORT_MARK, old.description)
    line, shown = old.line.number, show_description(old.description, old.line.number)
    back = _give_back_description(old.description, line)
    commands = (header, f"description {becomes}")
    return HandOver("port", header, line, shown, becomes, commands, (header, back))


def _list_attachable(port: PortState, old: ExistingPort, bindings: Iterable[FilterBinding]) -> list[FilterBinding]:
    """Return the filters that can stand on a port as it is now: of the VLANs that it carries by their tag."""
    if old.mode != "trunk":
        return []
    return [one for one in list_attached(port, bindings) if one.vlan in old.vlans]


def _hand_over_awplus_port(port: PortState, old: ExistingPort, bindings: Iterable[FilterBinding]) -> HandOver:
    """Hand over a port with its filters at once: new lists behind the old ones, then the old ones go.

    What no entry of an old list matches is asked of the next list, so between the commands nothing passes that neither
    the old nor the new lists let through.
    """
    header = f"interface {port.name}"
    becomes = mark_description(MARKS[port.role], old.description)
    line, shown = old.line.number, show_description(old.description, old.line.number)
    back = _give_back_description(old.description, line)
    new = [write_attachment(one) for one in _list_attachable(port, old, bindings)]
    gone = [" ".join(one.line.text.split()) for one in old.lists]
    return HandOver(
        "port",
        header,
        line,
        shown,
        becomes,
        (header, *new, *(f"no {line}" for line in gone), f"description {becomes}"),
        (header, back, *gone, *(f"no {line}" for line in new)),
        needs="filter" if new or gone else "name",
    )


def apply_hand_over(platform: str, text: str, one: HandOver) -> str:
    """Return the configuration as the device would show it after the commands of a hand-over."""
    shown = ConfigurationText(text)
    if one.kind == "access lists" and one.commands[0].startswith("no "):
        for line in one.commands:
            shown.remove_block(line.removeprefix("no "))
    elif one.kind == "access lists":
        block: list[str] = []
        for line in one.commands:
            if line.startswith(("ip access-list", "ipv6 access-list", "access-list hardware")) and block:
                shown.add_block(block)
                block = []
            block.append(line)
        shown.add_block(block)
    elif one.kind == "vlan" and platform == "allied_telesis_awplus":
        shown.name_database_vlan(int(one.name.split()[1]), one.commands[1].split()[-1])
    else:
        header, *lines = one.commands
        if one.kind == "vlan":
            shown.split_vlan(int(one.name.split()[1]))
        if one.kind == "port":
            shown.split_ports(header.split()[1])
        for line in lines:
            _enter_line(shown, header, line)
    return shown.format_text()


def _enter_line(shown: ConfigurationText, header: str, line: str) -> None:
    if line in {"no description", "no name"}:
        shown.remove_lines_starting(header, line.removeprefix("no "))
    elif line.startswith("no "):
        shown.remove_line(header, line.removeprefix("no "))
    elif line.startswith(("description ", "name ")):
        shown.set_line(header, line.split(maxsplit=1)[0], line)
    elif header.startswith("interface Vlan"):
        shown.bind_list(header, line)
    else:
        shown.append_line(header, line)

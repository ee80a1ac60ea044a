"""Cisco IOS, as text: what a configuration says, what ours would be, and the commands from one to the other.

Each step is complete by itself: it begins with `configure terminal` and ends with `end`.

The order keeps every state between inside what the old or the new one permits. New VLANs come first; then new access
lists, in force nowhere; then they are bound, each change of a binding one command; only then do the switch's own
interfaces come up and do ports enter VLANs, whose filters therefore stand already; at last what is no longer needed
goes. A list is never edited: IOS puts each line in force as it comes. Where a list of the wanted name holds something
else, or is bound and missing (IOS permits everything then), one of the same entries under another name stands in for it
meanwhile.

A port that leaves our care keeps its VLANs and loses our mark: without them it would fall into VLAN 1, or a trunk would
carry every VLAN.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from controller.model.network.device_state import (
    Attachment,
    Capabilities,
    DeviceState,
    FilterBinding,
    PortMode,
    PortState,
    build_device_state,
)
from controller.platforms.base import Command, Observation, Step
from controller.platforms.cisco_ios.interface import change_lines
from controller.platforms.cisco_ios.parse import parse
from controller.platforms.cisco_ios.text import (
    BINDINGS,
    ISOLATED,
    LISTS,
    MAXIMUM_ENTRIES,
    PORT_MARK,
    SIDES,
    allowed_lines,
    filter_lines,
    render,
)
from controller.platforms.common.replacement_names import use_replacement_names


class CiscoIos:
    """The platform `cisco_ios`; see `controller.platforms.base.Platform` for what each member promises."""

    name = "cisco_ios"
    capabilities = Capabilities(
        attachment=Attachment.VLAN_INTERFACE,
        vlan_database=True,
        reads_port_roles=False,
        maximum_entries=MAXIMUM_ENTRIES,
        over_ssh=False,
        isolates=True,
        interfaces=True,
    )

    def render(self, state: DeviceState) -> str:
        """Our part of `show running-config`."""
        return render(state)

    def parse(self, text: str, source: str) -> Observation:
        """Understand a running configuration; what is ours in it is told in `controller.platforms.cisco_ios.text`."""
        return parse(text, source)

    def steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """The ordered steps; see the module for the order.

        Raises:
            ValueError: IOS cannot hold the wanted state.
        """
        render(wanted)
        stand_in = use_replacement_names(now, wanted)
        if stand_in != wanted:
            return (*_steps(now, stand_in), *_steps(stand_in, wanted))
        return tuple(_steps(now, wanted))


def _steps(now: DeviceState, wanted: DeviceState) -> Iterator[Step]:
    for title, lines, state in _changes(now, wanted):
        if state != now:
            yield Step(title, tuple(map(Command, ("configure terminal", *lines, "end"))), state)
            now = state


def _changes(now: DeviceState, wanted: DeviceState) -> Iterator[tuple[str, list[str], DeviceState]]:
    """Every kind of change in its order, also those with nothing to do."""
    numbers = {vlan.number for vlan in wanted.vlans}
    vlans = [*wanted.vlans, *(vlan for vlan in now.vlans if vlan.number not in numbers)]
    lines = [
        line for one in wanted.vlans if one not in now.vlans for line in (f"vlan {one.number}", f"name {one.name}")
    ]
    state = replace(now, vlans=build_device_state(vlans).vlans)
    yield "make VLANs", lines, state

    filters = [one for one in wanted.filters if one not in now.filters]
    lines = [line for one in filters for line in filter_lines(one)]
    state = replace(state, filters=build_device_state(filters=[*now.filters, *filters]).filters)
    yield "make access lists", lines, state

    kept = [one for one in now.bindings if _place(one) not in set(map(_place, wanted.bindings))]
    bound = [one for one in wanted.bindings if one not in now.bindings]
    lines = [line for one in bound for line in _bind(one)]
    state = replace(state, bindings=build_device_state(bindings=[*kept, *wanted.bindings]).bindings)
    yield "bind access lists", lines, state

    state = replace(state, interfaces=wanted.interfaces)
    yield "set interfaces", list(_interfaces(now, wanted)), state

    lines = [line for one in wanted.ports if one not in now.ports for line in _set(one)]
    gone = {one.name for one in now.ports} - {one.name for one in wanted.ports}
    lines += [line for name in sorted(gone) for line in (f"interface {name}", "no description")]
    state = replace(state, ports=wanted.ports)
    yield "set ports", lines, state

    lines = [line for one in kept for line in _bind(one, "no ")]
    state = replace(state, bindings=wanted.bindings)
    yield "unbind access lists", lines, state

    unneeded = [one for one in state.filters if one not in wanted.filters]
    state = replace(state, filters=wanted.filters)
    yield "remove access lists", [f"no {LISTS[one.family]} {one.name}" for one in unneeded], state

    lines = [f"no vlan {vlan.number}" for vlan in now.vlans if vlan.number not in numbers]
    yield "remove VLANs", lines, wanted


def _place(one: FilterBinding) -> tuple[int, str, int]:
    return one.vlan, one.direction, one.family


def _bind(one: FilterBinding, no: str = "") -> Iterable[str]:
    return f"interface Vlan{one.vlan}", f"{no}{BINDINGS[one.family]} {one.filter} {SIDES[one.direction]}"


def _interfaces(now: DeviceState, wanted: DeviceState) -> Iterator[str]:
    """An interface comes up only here, when the filters of its VLAN stand."""
    before, after = ({one.vlan: one for one in state.interfaces} for state in (now, wanted))
    for vlan in sorted(before.keys() | after.keys()):
        if before.get(vlan) != after.get(vlan):
            yield f"interface Vlan{vlan}"
            yield from change_lines(before.get(vlan), after.get(vlan))


def _set(port: PortState) -> Iterator[str]:
    """VLANs before the mode, so that the port never carries the default ones; then the other mode's are dropped."""
    yield f"interface {port.name}"
    yield f"description {PORT_MARK}"
    if port.isolated:
        yield ISOLATED
    if port.mode is PortMode.ACCESS:
        yield f"switchport access vlan {port.vlans[0]}"
        yield "switchport mode access"
        yield "no switchport trunk allowed vlan"
    else:
        yield from allowed_lines(port.vlans)
        yield "switchport mode trunk"
        yield "no switchport access vlan"
    if not port.isolated:
        yield f"no {ISOLATED}"

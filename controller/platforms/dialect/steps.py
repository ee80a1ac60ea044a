"""Makes the ordered steps from one state to another, of systems that take commands in configuration mode.

The order keeps every state between inside what the old or the new one permits. New VLANs come first; then new access
lists, in force nowhere; then they are bound, each change of a binding one command; only then do the switch's own
interfaces come up and do ports enter VLANs, whose filters therefore stand already; at last what is no longer needed
goes. A list is never edited: a system puts each line in force as it comes. Where a list of the wanted name holds
something else, or is bound and missing (everything may pass then), one of the same entries under a replacement name
takes its place meanwhile.

A port that leaves our care keeps its VLANs and loses our mark: without them it would fall into VLAN 1, or a trunk would
carry every VLAN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from controller.model.network.device_state import (
    DeviceState,
    Filter,
    FilterBinding,
    PortMode,
    PortState,
    Vlan,
    build_device_state,
)
from controller.platforms.base import Command, Step
from controller.platforms.common.replacement_names import use_replacement_names
from controller.platforms.dialect.acl import AclGrammar, write_filter
from controller.platforms.dialect.switch import PORT_MARK, SwitchGrammar, write_allowed_vlans
from controller.platforms.dialect.vlan_interface import change_interface

Change = tuple[str, Sequence[str], DeviceState]
"""A title, the commands in configuration mode, and the state that they lead to."""


def in_configuration_mode(lines: Sequence[str]) -> tuple[Command, ...]:
    """Return commands that are complete by themselves: into configuration mode, and out of it."""
    return tuple(map(Command, ("configure terminal", *lines, "end")))


def plan_steps(
    now: DeviceState,
    wanted: DeviceState,
    changes: Callable[[DeviceState, DeviceState], Iterable[Change]],
    write: Callable[[Sequence[str]], tuple[Command, ...]] = in_configuration_mode,
    rename: Callable[[DeviceState, DeviceState], DeviceState] = use_replacement_names,
) -> tuple[Step, ...]:
    """Return the steps of all changes that change something; by way of replacement names where some are needed.

    `changes` yields every kind of change in its order, also those with nothing to do.
    """
    steps: list[Step] = []
    named = rename(now, wanted)
    for goal in (named, wanted) if named != wanted else (wanted,):
        start = steps[-1].result if steps else now
        for title, lines, state in changes(start, goal):
            if state != (steps[-1].result if steps else now):
                steps.append(Step(title, write(lines), state))
    return tuple(steps)


def add_new(now: DeviceState, wanted: DeviceState) -> tuple[DeviceState, list[Vlan], list[Filter]]:
    """Return the present state with the wanted VLANs and filters beside its own, and what is new of both."""
    numbers = {vlan.number for vlan in wanted.vlans}
    vlans = [*wanted.vlans, *(vlan for vlan in now.vlans if vlan.number not in numbers)]
    filters = [one for one in wanted.filters if one not in now.filters]
    state = replace(
        now, vlans=build_device_state(vlans).vlans, filters=build_device_state(filters=[*now.filters, *filters]).filters
    )
    return state, [one for one in wanted.vlans if one not in now.vlans], filters


def write_filters(grammar: AclGrammar, filters: Iterable[Filter]) -> list[str]:
    """Return the commands that make lists."""
    return [line for one in filters for line in write_filter(grammar, one)]


def find_kept_bindings(now: DeviceState, wanted: DeviceState) -> list[FilterBinding]:
    """Return the present bindings at places where the wanted state has none."""
    places = {one.key for one in wanted.bindings}
    return [one for one in now.bindings if one.key not in places]


def remove_unneeded(grammar: AclGrammar, state: DeviceState, wanted: DeviceState, *enter: str) -> Iterator[Change]:
    """Yield the last two changes: lists and VLANs go that are no longer needed; `enter` leads to the VLANs."""
    unneeded = [one for one in state.filters if one not in wanted.filters]
    kept = replace(state, filters=wanted.filters)
    yield "remove access lists", [f"no {grammar.lists[one.family]} {one.name}" for one in unneeded], kept
    numbers = {vlan.number for vlan in wanted.vlans}
    lines = [f"no vlan {vlan.number}" for vlan in state.vlans if vlan.number not in numbers]
    yield "remove VLANs", [*enter, *lines], wanted


def change_switch(grammar: SwitchGrammar, now: DeviceState, wanted: DeviceState) -> Iterator[Change]:
    """Yield every kind of change of a switch of `dialect.switch`, in its order."""
    together, vlans, filters = add_new(now, wanted)
    state = replace(now, vlans=together.vlans)
    lines = [line for one in vlans for line in (f"vlan {one.number}", f"name {grammar.quote(one.name)}")]
    yield "make VLANs", lines, state

    state = together
    yield "make access lists", write_filters(grammar.acl, filters), state

    kept = find_kept_bindings(now, wanted)
    bound = [one for one in wanted.bindings if one not in now.bindings]
    state = replace(state, bindings=build_device_state(bindings=[*kept, *wanted.bindings]).bindings)
    yield "bind access lists", [line for one in bound for line in _bind(grammar, one)], state

    state = replace(state, interfaces=wanted.interfaces)
    yield "set interfaces", list(_change_interfaces(grammar, now, wanted)), state

    lines = [line for one in wanted.ports if one not in now.ports for line in _set_port(grammar, one)]
    gone = {one.name for one in now.ports} - {one.name for one in wanted.ports}
    lines += [line for name in sorted(gone) for line in (f"interface {name}", "no description")]
    state = replace(state, ports=wanted.ports)
    yield "set ports", lines, state

    lines = [line for one in kept for line in _bind(grammar, one, "no ")]
    state = replace(state, bindings=wanted.bindings)
    yield "unbind access lists", lines, state

    yield from remove_unneeded(grammar.acl, state, wanted)


def _bind(grammar: SwitchGrammar, one: FilterBinding, no: str = "") -> tuple[str, str]:
    return f"interface {grammar.vlan_interface.format(one.vlan)}", f"{no}{grammar.bind(one)}"


def _change_interfaces(grammar: SwitchGrammar, now: DeviceState, wanted: DeviceState) -> Iterator[str]:
    """Yield the commands by which interfaces come up; only here, when the filters of their VLANs stand."""
    before, after = ({one.vlan: one for one in state.interfaces} for state in (now, wanted))
    for vlan in sorted(before.keys() | after.keys()):
        if grammar.addresses and before.get(vlan) != after.get(vlan):
            yield f"interface {grammar.vlan_interface.format(vlan)}"
            yield from change_interface(grammar.addresses, before.get(vlan), after.get(vlan))


def _set_port(grammar: SwitchGrammar, port: PortState) -> Iterator[str]:
    """Yield VLANs before the mode, so that the port never carries the default ones; the other mode's are dropped."""
    yield f"interface {port.name}"
    yield f"description {grammar.quote(PORT_MARK)}"
    if port.isolated:
        yield grammar.isolated
    if port.mode is PortMode.ACCESS:
        yield f"switchport access vlan {port.vlans[0]}"
        yield "switchport mode access"
        yield "no switchport trunk allowed vlan"
    else:
        yield from write_allowed_vlans(port.vlans)
        yield "switchport mode trunk"
        yield "no switchport access vlan"
    if grammar.isolated and not port.isolated:
        yield f"no {grammar.isolated}"

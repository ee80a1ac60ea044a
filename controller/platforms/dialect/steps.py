"""Makes the ordered steps from one state to another, of systems that take commands in configuration mode.

The order keeps every state between inside what the old or the new one permits. New VLANs come first; then new access
lists, in force nowhere; then they are bound, each change of a binding one command; only then do the switch's own
interfaces come up and do ports enter VLANs, whose filters therefore stand already; at last what is no longer needed
goes. An address that goes from one interface to another is off the first before it is on the second, since no switch
takes two interfaces in one network; the state between has fewer addresses than the old one, and nothing else.

A list is never edited: a system puts each line in force as it comes. Where a list of the wanted name holds something
else, or is bound and missing (everything may pass then), one of the same entries under a replacement name takes its
place meanwhile.

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
from controller.model.network.lags import Lag
from controller.platforms.base import Command, Step
from controller.platforms.common.lag_changes import compare_lags, hold_back_carrying
from controller.platforms.common.replacement_names import use_replacement_names
from controller.platforms.dialect.acl import AclGrammar, write_filter
from controller.platforms.dialect.lags import MEMBER_MARK
from controller.platforms.dialect.switch import PORT_MARK, SwitchGrammar, change_allowed_vlans, write_allowed_vlans
from controller.platforms.dialect.vlan_interface import change_interface, leave_networks

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

    left = replace(state, interfaces=leave_networks(now.interfaces, wanted.interfaces))
    yield "take addresses off", list(_change_interfaces(grammar, now, left)), left
    state = replace(state, interfaces=wanted.interfaces)
    yield "set interfaces", list(_change_interfaces(grammar, left, wanted)), state

    begun = hold_back_carrying(now, wanted)
    yield "set ports", list(_change_ports(grammar, now, begun)), replace(state, ports=begun.ports, lags=begun.lags)
    state = replace(state, ports=wanted.ports, lags=wanted.lags)
    yield "put ports into LAGs", list(_change_ports(grammar, begun, wanted)), state

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


def _change_ports(grammar: SwitchGrammar, now: DeviceState, wanted: DeviceState) -> Iterator[str]:
    """Yield the commands by which ports and LAGs become as wanted.

    Members leave first. A LAG that is new is made by its first member, with what that carries. A member that carried
    nothing before is up only when its LAG is as wanted.
    """
    before, after = ({one.name: one for one in state.ports} for state in (now, wanted))
    change = compare_lags(now, wanted)
    of_lag = {name: before[lag.name].names_dot1q for name, lag in change.leaving.items() if lag.name in before}
    for name, lag in change.leaving.items():
        yield from _leave_lag(grammar, name, lag, stays=name in after or name in change.joining)
    for name in sorted(after.keys() - change.new):
        if before.get(name) != after[name]:
            yield from _set_port(grammar, before.get(name), after[name], named=of_lag.get(name, False))
            if name in change.leaving:
                yield "no shutdown"
    for name, lag in change.joining.items():
        member = replace(after[lag.name], name=name)
        yield from _join_lag(grammar, lag, member, before.get(name), named=of_lag.get(name, False))
    for name in sorted(change.new):
        # A LAG that all its members have left is still there, with what it was told.
        named = name in before and before[name].names_dot1q
        yield from _set_port(grammar, None, after[name], named=named)
    for name in change.joining:
        if name not in change.carrying:
            yield from (f"interface {name}", "no shutdown")
    gone = [*change.released, *(before.keys() - after.keys() - change.joining.keys())]
    yield from (line for name in sorted(gone) for line in (f"interface {name}", "no description"))


def _leave_lag(grammar: SwitchGrammar, name: str, lag: Lag, *, stays: bool) -> Iterator[str]:
    """Yield the commands that take a port out of a LAG; one that nobody wants is left as a trunk without VLANs.

    With those of the LAG it would be a second way beside it, a loop.
    """
    leave = grammar.lags.list_leaves(lag) if grammar.lags else []
    if stays:
        yield from (f"interface {name}", *leave) if leave else ()
        return
    yield from (f"interface {name}", "shutdown", *leave, f"interface {name}")
    yield from ("switchport trunk allowed vlan none", "switchport mode trunk", "no description", "no shutdown")


def _join_lag(
    grammar: SwitchGrammar, lag: Lag, port: PortState, old: PortState | None, *, named: bool
) -> Iterator[str]:
    """Yield the commands that make a port a member: it carries what the LAG does before it joins."""
    first, _, *carried = _set_port(grammar, old, port, named=named)
    join = grammar.lags.write_join(lag) if grammar.lags else ""
    yield first
    if old is None:
        yield "shutdown"
    yield from (f"description {grammar.quote(MEMBER_MARK)}", *carried, join)


def _set_port(grammar: SwitchGrammar, old: PortState | None, port: PortState, *, named: bool = False) -> Iterator[str]:
    """Yield VLANs before the mode, so that the port never carries the default ones; the other mode's are dropped.

    The list of a trunk that stays one is changed by what differs alone. `named`: it has an encapsulation, as the LAG
    had that it was in.
    """
    yield f"interface {port.name}"
    yield f"description {grammar.quote(PORT_MARK)}"
    if port.isolated:
        yield grammar.isolated
    if port.mode is PortMode.ACCESS:
        yield f"switchport access vlan {port.vlans[0]}"
        yield "switchport mode access"
        yield "no switchport trunk allowed vlan"
    else:
        if port.names_dot1q:
            yield grammar.encapsulation
        elif named or (old is not None and old.names_dot1q):
            yield f"no {grammar.encapsulation.removesuffix(' dot1q')}"
        if old is not None and old.mode is PortMode.ACCESS:
            # Its list of a trunk is in force nowhere.
            yield from write_allowed_vlans(port.vlans)
        else:
            yield from change_allowed_vlans(None if old is None else old.vlans, port.vlans)
        yield "switchport mode trunk"
        yield "no switchport access vlan"
    if grammar.isolated and not port.isolated:
        yield f"no {grammar.isolated}"

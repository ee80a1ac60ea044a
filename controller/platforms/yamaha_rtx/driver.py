"""Yamaha RTX as the router of a school: the routes of its lines that are written down, their tunnels, its filters.

A filter that changes is written under numbers that are not in use, from its last entry to its first, and comes into
force by one line `secure filter`, which names all of its numbers. Its old numbers go afterwards, from the first on. So
what stands under the numbers of one filter is a whole filter after each command. A route is one line, too. An interface
that is new is there for a moment before its filters, which follow in the next lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from controller.model.network.device_state import (
    Attachment,
    Capabilities,
    DeviceState,
    Filter,
    build_device_state,
)
from controller.model.network.packets import Family
from controller.platforms.base import Command, Observation, Step
from controller.platforms.common.device_operation import OperationContext
from controller.platforms.common.managed import refuse_unsupported
from controller.platforms.common.timed_operation import TimedOperation
from controller.platforms.common.whole_text import TextForm
from controller.platforms.dialect.steps import Change, plan_steps
from controller.platforms.yamaha_rtx.numbers import (
    DEFAULT_NUMBERS,
    GENERATIONS,
    MAXIMUM_ENTRIES,
    FilterBlock,
    ReservedNumbers,
    find_block_of_name,
)
from controller.platforms.yamaha_rtx.operation import RtxOperation
from controller.platforms.yamaha_rtx.parse import parse
from controller.platforms.yamaha_rtx.reading import RtxReading
from controller.platforms.yamaha_rtx.text import (
    FAMILY_WORDS,
    MOST_GATEWAYS,
    TITLE,
    is_used,
    render,
    write_bindings,
    write_filter,
    write_keepalives,
    write_mark,
    write_port,
    write_route,
    write_tunnel,
)


class YamahaRtx(RtxReading):
    """The platform `yamaha_rtx`; see `controller.platforms.base.Platform` for what each member promises."""

    name = "yamaha_rtx"
    text_form = TextForm(re.compile(r"# ?(?:RTX|vRX|NVR)"), "'# RTX...'", end="", begins_always=True)
    device_type = "yamaha"
    capabilities = Capabilities(
        attachment=Attachment.VLAN_INTERFACE,
        vlan_database=False,
        reads_port_roles=False,
        maximum_entries=MAXIMUM_ENTRIES,
        over_ssh=True,
        established=False,
        tunnels=frozenset({"ipip6"}),
        static_routes=True,
        static_gateways=MOST_GATEWAYS,
        static_families=frozenset({Family.V4}),
        largest_as_number=65_535,
        router_ports=False,
    )

    def __init__(self, numbers: ReservedNumbers = DEFAULT_NUMBERS) -> None:
        self.numbers = numbers

    def reserve_numbers(self, numbers: Mapping[str, int]) -> YamahaRtx:
        """Return this platform with these as the first numbers of the ranges that are ours; see `ReservedNumbers`.

        Raises:
            ValueError: no router has such a range.
        """
        return YamahaRtx(ReservedNumbers(**numbers))

    def begin_operation(self, context: OperationContext) -> TimedOperation:
        """Return the operation of one router, by its rollback timer."""
        return RtxOperation(self, context)

    def render(self, state: DeviceState) -> str:
        """Return our part of `show config`.

        Raises:
            ValueError: the router cannot hold the state.
        """
        refuse_unsupported(state, self.capabilities, TITLE)
        return render(self.numbers, state)

    def parse(self, text: str, source: str) -> Observation:
        """Understand a configuration; what is ours in it is told in `text`.

        Raises:
            ConfigRefused: see `controller.platforms.base.Platform`.
        """
        return parse(self.numbers, text, source)

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """Return the ordered steps; see the module for the order.

        Raises:
            ValueError: the router cannot hold the wanted state.
        """
        self.render(wanted)
        return plan_steps(now, wanted, self._changes, _write, _use_free_numbers)

    def _changes(self, now: DeviceState, wanted: DeviceState) -> Iterator[Change]:
        """Yield every kind of change in its order, also those with nothing to do."""
        numbers = self.numbers
        fresh = [one for one in wanted.filters if one not in now.filters]
        lines = [] if is_used(now) else [write_mark(numbers)]
        lines += [line for one in fresh for line in reversed(write_filter(numbers, one))]
        state = replace(now, filters=build_device_state(filters=[*now.filters, *fresh]).filters)
        yield "write filters", lines, state
        mark = [] if is_used(state) else [write_mark(numbers)]

        lines = [*mark, *self._change_interfaces(state, wanted)]
        state = replace(state, ports=wanted.ports, bindings=wanted.bindings)
        yield "set interfaces with their filters", lines, state
        mark = [] if is_used(state) else [write_mark(numbers)]

        kept = {one.line for one in wanted.tunnels}
        lines = [*mark, *self._make_tunnels(now, wanted)]
        gone = [one for one in now.tunnels if one.line not in kept]
        state = replace(state, tunnels=build_device_state(tunnels=[*wanted.tunnels, *gone]).tunnels)
        yield "make tunnels", lines, state
        mark = [] if is_used(state) else [write_mark(numbers)]

        lines = [*mark, *self._change_routes(state, wanted)]
        state = replace(state, default_routes=wanted.default_routes)
        yield "set routes", lines, state

        unneeded = [one for one in state.filters if one not in wanted.filters]
        lines = [f"no {' '.join(line.split()[:3])}" for one in unneeded for line in write_filter(numbers, one)]
        for one in gone:
            number = numbers.get_tunnel(one.line)
            inside = ("no ip tunnel mtu", "no tunnel endpoint address", "no tunnel encapsulation")
            lines += [f"tunnel select {number}", f"tunnel disable {number}", *inside, "tunnel select none"]
        if not is_used(wanted):
            lines.append(f"no ip filter {numbers.mark}")
        yield "remove what is no longer needed", lines, wanted

    def _change_interfaces(self, now: DeviceState, wanted: DeviceState) -> Iterator[str]:
        """Yield the lines by which interfaces get their VLANs and filters; a filter before the VLAN that it is for."""
        before, after = ({port.name: port for port in state.ports} for state in (now, wanted))
        for name in sorted(before.keys() | after.keys()):
            old, new = before.get(name), after.get(name)
            stand = list(write_bindings(self.numbers, now, old)) if old else []
            needed = list(write_bindings(self.numbers, wanted, new)) if new else []
            if old is not None and new is None:
                yield f"no {write_port(old)}"
            if new is not None and old is None:
                yield write_port(new)
            yield from (line for line in needed if line not in stand)
            if new is not None and old is not None and old != new:
                yield write_port(new)
            places = {_find_place(line) for line in needed}
            yield from (f"no {_find_place(line)}" for line in stand if _find_place(line) not in places)

    def _make_tunnels(self, now: DeviceState, wanted: DeviceState) -> Iterator[str]:
        there = {one.line for one in now.tunnels}
        for one in wanted.tunnels:
            if one not in now.tunnels:
                header, *inside = [line.strip() for line in write_tunnel(self.numbers, one)]
                yield header
                if one.line in there:
                    yield f"tunnel disable {self.numbers.get_tunnel(one.line)}"
                yield from inside
                yield "tunnel select none"

    def _change_routes(self, now: DeviceState, wanted: DeviceState) -> Iterator[str]:
        before, after = ({one.family: one for one in state.default_routes} for state in (now, wanted))
        for family in Family:
            old, new = before.get(family), after.get(family)
            stand = write_keepalives(self.numbers, old) if old else []
            needed = write_keepalives(self.numbers, new) if new else []
            if old == new:
                continue
            yield from (line for line in needed if line not in stand)
            yield write_route(self.numbers, wanted, new) if new else f"no {FAMILY_WORDS[family]} route default"
            yield from (f"no {' '.join(line.split()[:3])}" for line in stand[len(needed) :])


def _find_place(binding: str) -> str:
    """Return where a line puts filters in force: `ip lan1/1 secure filter in`."""
    return " ".join(binding.split()[:5])


def _write(lines: Sequence[str]) -> tuple[Command, ...]:
    return tuple(map(Command, lines))


def _use_free_numbers(now: DeviceState, wanted: DeviceState) -> DeviceState:
    """Return the wanted state, but with another name for each filter whose numbers are in use for something else.

    Raises:
        ValueError: every generation of its numbers is.
    """
    used = {(one.family, find_block_of_name(one.name)): one for one in now.filters}
    renamed: dict[str, str] = {}
    for one in wanted.filters:
        names = [one.name, *(f"{one.name}-mend{number}" for number in range(GENERATIONS - 1))]
        free = [name for name in names if _is_free(used, one, name)]
        if not free:
            message = f"{one.name}: all numbers for it are in use; take what is in force nowhere off the router first"
            raise ValueError(message)
        renamed[one.name] = free[0]
    filters = [replace(one, name=renamed[one.name]) for one in wanted.filters]
    bindings = [replace(one, filter=renamed.get(one.filter, one.filter)) for one in wanted.bindings]
    named = build_device_state(filters=filters, bindings=bindings)
    return replace(wanted, filters=named.filters, bindings=named.bindings)


def _is_free(used: Mapping[tuple[Family, FilterBlock | None], Filter], one: Filter, name: str) -> bool:
    there = used.get((one.family, find_block_of_name(name)))
    return there is None or (there.name == name and there.entries == one.entries)

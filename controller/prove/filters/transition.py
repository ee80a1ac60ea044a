"""The proof that no state on the way from one to another is worse than both of them.

What a device lets through stands between what it let through before and what it will let through at the end: in every
state between, a packet that passes passed before or will pass, and a packet that both let through passes all the time.
That is asked of every VLAN, direction and family: where no port carries the VLAN nothing passes; where one does, what
the filter in force permits; without a filter, or with one bound that does not exist, everything (or nothing, as the
platform has it). And of every port: that it carries a VLAN only if it did before or will, and all the time if both; and
that it reaches isolated ports only so.

A step counts as one: what happens between its commands is the platform's to keep right (see `controller.platforms`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from controller.model.network.device_state import Attachment, Capabilities, DeviceState, Entry, Filter, PortRole
from controller.model.network.packets import Direction, Family, Packet, get_bounds
from controller.prove.engine.diagram import Node, Space
from controller.prove.filters.equivalence import (
    ReplayError,
    evaluate,
    first_entry,
    likely_packet,
    packet_space,
    permitted_by_filter,
)

_JUDGED = {PortRole.HOST_FACING: Direction.FROM, PortRole.UPLINK: Direction.TO}

Passage = Filter | bool
"""What passes: what a filter permits, everything, or nothing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A state that a device is in on its way, and the step that leads to it."""

    title: str
    state: DeviceState


@dataclass(frozen=True, slots=True)
class Way:
    """Packets of a family in a VLAN: those of a direction, or (direction None) those that a port carries at all.

    `foreign`: as they pass the VLAN's interface from ports that are not ours, which nobody knows.
    """

    vlan: int
    direction: Direction | None
    family: Family
    port: str = ""
    foreign: bool = False

    def __str__(self) -> str:
        where = self.direction or f"at port {self.port}"
        return f"VLAN {self.vlan} {where} IPv{int(self.family)}"


@dataclass(frozen=True, slots=True)
class Fault:
    """A packet that a state on the way lets through and neither end does, or cuts though both ends let it through."""

    step: int
    title: str
    way: Way
    packet: Packet
    passes: bool
    filter: str
    entry: Entry | None

    def __str__(self) -> str:
        deed = "passes" if self.passes else "is cut"
        ends = "neither before nor after" if self.passes else "though it passes before and after"
        return f"step {self.step} ({self.title}), {self.way}: {self.packet} {deed} ({self._by()}), {ends}"

    def _by(self) -> str:
        if self.filter:
            origin = self.entry.origin if self.entry else ""
            return f"filter {self.filter}{' line' if origin.isdigit() else ''} {origin}".rstrip()
        if self.way.direction is None:
            return "the port carries it" if self.passes else "the port does not carry it"
        return "no filter is in force"


def transition_faults(before: DeviceState, stages: Sequence[Stage], can: Capabilities) -> Iterator[Fault]:
    """A fault for every way and state between that is worse than both ends; the last stage is the end.

    Raises:
        ReplayError: the two ways to evaluate a packet contradict each other.
    """
    if len(stages) < 2:  # noqa: PLR2004 one step has nothing between its ends
        return
    old, new = passages(before, can), passages(stages[-1].state, can)
    for number, stage in enumerate(stages[:-1], start=1):
        middle = passages(stage.state, can)
        settled: set[tuple[object, ...]] = set()
        for way in {**old, **middle, **new}:
            if way.direction is not None and way not in middle and not way.foreign:
                # No port carries the VLAN. One that should all the time is a fault of the port's own way.
                continue
            three = tuple(_passage(one, way, can) for one in (old, middle, new))
            first, between, last = three
            if between is first or between is last or between in (first, last):
                continue
            alike = (way.vlan, way.direction, way.family, way.port, *map(id, three))
            if alike not in settled:
                settled.add(alike)
                yield from _faults(number, stage.title, way, (first, between, last))


def passages(state: DeviceState, can: Capabilities) -> dict[Way, Passage]:
    """What passes on every way of a state on which not nothing passes."""
    filters = {one.name: one for one in state.filters}
    bound: dict[tuple[int, Direction, Family], Passage] = {
        (one.vlan, one.direction, one.family): filters.get(one.filter, can.passes_unfiltered) for one in state.bindings
    }
    found: dict[Way, Passage] = {}
    at_port = can.attachment is Attachment.PORT
    if not at_port:
        found |= {Way(*key, foreign=True): passage for key, passage in bound.items()}
    for port in state.ports:
        judged = (_JUDGED.get(port.role),) if at_port else tuple(Direction)
        carried = f"{port.name} ({port.mode}{', unfiltered' if judged == (None,) else ''})"
        for vlan, family in product(port.vlans, Family):
            found[Way(vlan, None, family, carried)] = True
            if not port.isolated:
                found[Way(vlan, None, family, f"{carried}, to isolated ones")] = True
            for direction in judged:
                if direction is not None:
                    found[Way(vlan, direction, family)] = bound.get((vlan, direction, family), can.passes_unfiltered)
    return found


def _passage(found: dict[Way, Passage], way: Way, can: Capabilities) -> Passage:
    """What passes on a way that a state may not name: then there is no port, or no filter at the VLAN's interface."""
    return found.get(way, can.passes_unfiltered if way.foreign else False)


def _faults(step: int, title: str, way: Way, passages: tuple[Passage, Passage, Passage]) -> Iterator[Fault]:
    space = packet_space(way.family)
    first, between, last = (_packets(space, one) for one in passages)
    excess = space.difference(between, space.union(first, last))
    lack = space.difference(space.intersection(first, last), between)
    for wrong, passes in ((excess, True), (lack, False)):
        if not space.is_empty(wrong):
            yield _replayed(step, title, way, passages, _packet(space, wrong, way.family, passages), passes=passes)


def _packets(space: Space, passage: Passage) -> Node:
    if isinstance(passage, Filter):
        return permitted_by_filter(space, passage)
    return space.everything if passage else space.nothing


def _packet(space: Space, wrong: Node, family: Family, passages: tuple[Passage, ...]) -> Packet:
    matches = [entry.match for one in passages if isinstance(one, Filter) for entry in one.entries]
    packet = likely_packet(
        space,
        wrong,
        family,
        [get_bounds(one.source) for one in matches],
        [get_bounds(one.destination) for one in matches],
    )
    if packet is None:
        message = "the proof of a transition found a difference without a packet"
        raise ReplayError(message)
    return packet


def _replayed(  # noqa: PLR0913 what names a fault
    step: int, title: str, way: Way, passages: tuple[Passage, Passage, Passage], packet: Packet, *, passes: bool
) -> Fault:
    before, between, after = (evaluate(one, packet) if isinstance(one, Filter) else one for one in passages)
    if (before, between, after) != (not passes, passes, not passes):
        message = f"the proof of a transition shows {packet} at {way}, but replayed it makes no difference"
        raise ReplayError(message)
    one = passages[1]
    name, entry = (one.name, first_entry(one, packet)) if isinstance(one, Filter) else ("", None)
    return Fault(step, title, way, packet, passes, name, entry)

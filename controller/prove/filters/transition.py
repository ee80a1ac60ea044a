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
from controller.prove.engine.diagram import HeaderSpace, Node
from controller.prove.engine.likely_packet import find_likely_packet
from controller.prove.filters.equivalence import ReplayError, build_filter_set, make_packet_space
from controller.prove.filters.evaluation import evaluate_filter, find_first_entry

_JUDGED = {PortRole.HOST_FACING: Direction.FROM, PortRole.UPLINK: Direction.TO}

PermittedPackets = Filter | bool
"""What passes: what a filter permits, everything, or nothing."""


@dataclass(frozen=True, slots=True)
class TransitionStage:
    """A state that a device is in on its way, and the step that leads to it."""

    title: str
    state: DeviceState


@dataclass(frozen=True, slots=True)
class VlanFlow:
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
class TransitionFault:
    """A packet that a state on the way lets through and neither end does, or cuts though both ends let it through."""

    step: int
    title: str
    flow: VlanFlow
    packet: Packet
    passes: bool
    filter: str
    entry: Entry | None

    def __str__(self) -> str:
        deed = "passes" if self.passes else "is cut"
        ends = "neither before nor after" if self.passes else "though it passes before and after"
        return f"step {self.step} ({self.title}), {self.flow}: {self.packet} {deed} ({self._by()}), {ends}"

    def _by(self) -> str:
        if self.filter:
            origin = self.entry.origin if self.entry else ""
            return f"filter {self.filter}{' line' if origin.isdigit() else ''} {origin}".rstrip()
        if self.flow.direction is None:
            return "the port carries it" if self.passes else "the port does not carry it"
        return "no filter is in force"


def find_transition_faults(
    before: DeviceState, stages: Sequence[TransitionStage], can: Capabilities
) -> Iterator[TransitionFault]:
    """A fault for every flow and state between that is worse than both ends; the last stage is the end.

    >>> wanted = build_device_state(filters=[acl], bindings=[FilterBinding(*acl.key, acl.name)])
    >>> open_, same = replace(wanted, bindings=()), replace(wanted)
    >>> can_route = replace(can, attachment=Attachment.VLAN_INTERFACE)
    >>> stages = [TransitionStage("unbind", open_), TransitionStage("bind", same)]
    >>> [str(one)[:42] for one in find_transition_faults(wanted, stages, can_route)]
    ['step 1 (unbind), VLAN 10 from IPv4: tcp 10']

    Raises:
        ReplayError: the two ways to evaluate a packet contradict each other.
    """
    if len(stages) < 2:  # noqa: PLR2004 one step has nothing between its ends
        return
    old, new = find_permitted_flows(before, can), find_permitted_flows(stages[-1].state, can)
    for number, stage in enumerate(stages[:-1], start=1):
        middle = find_permitted_flows(stage.state, can)
        settled: set[tuple[object, ...]] = set()
        for flow in {**old, **middle, **new}:
            if flow.direction is not None and flow not in middle and not flow.foreign:
                # No port carries the VLAN. One that should all the time is a fault of the port's own flow.
                continue
            three = tuple(_permitted_on(one, flow, can) for one in (old, middle, new))
            first, between, last = three
            if between is first or between is last or between in (first, last):
                continue
            alike = (flow.vlan, flow.direction, flow.family, flow.port, *map(id, three))
            if alike not in settled:
                settled.add(alike)
                yield from _faults(number, stage.title, flow, (first, between, last))


@dataclass(frozen=True, slots=True)
class WiderFlow:
    """A flow that a later state of a device lets more through of, with a packet that shows it."""

    flow: VlanFlow
    packet: Packet

    def __str__(self) -> str:
        return f"{self.flow}: {self.packet}" if self.flow.direction is not None else str(self.flow)


def find_wider_flows(before: DeviceState, after: DeviceState, can: Capabilities) -> Iterator[WiderFlow]:
    """Yield each flow of which a later state lets a packet through that the earlier one does not.

    >>> filtered = build_device_state(filters=[acl], bindings=[FilterBinding(*acl.key, acl.name)])
    >>> open_ = replace(filtered, bindings=())
    >>> can_route = replace(can, attachment=Attachment.VLAN_INTERFACE)
    >>> [str(one)[:17] for one in find_wider_flows(filtered, open_, can_route)]
    ['VLAN 10 from IPv4']
    >>> list(find_wider_flows(open_, filtered, can_route))
    []

    Raises:
        ReplayError: the two ways to evaluate a packet contradict each other.
    """
    old, new = find_permitted_flows(before, can), find_permitted_flows(after, can)
    for flow in {**old, **new}:
        first, last = _permitted_on(old, flow, can), _permitted_on(new, flow, can)
        if first is last or first == last:
            continue
        space = make_packet_space(flow.family)
        excess = space.difference(_packets(space, last), _packets(space, first))
        if space.is_empty(excess):
            continue
        packet = _packet(space, excess, flow.family, (first, last))
        if _passes(first, packet) or not _passes(last, packet):
            message = f"the comparison of two states shows {packet} at {flow}, but replayed it makes no difference"
            raise ReplayError(message)
        yield WiderFlow(flow, packet)


def _passes(permitted: PermittedPackets, packet: Packet) -> bool | None:
    return evaluate_filter(permitted, packet) if isinstance(permitted, Filter) else permitted


def find_permitted_flows(state: DeviceState, can: Capabilities) -> dict[VlanFlow, PermittedPackets]:
    r"""Return what passes of each flow of a state; a flow of which nothing passes is not in it.

    >>> port = PortState("port1.0.1", PortMode.ACCESS, (10,), PortRole.HOST_FACING)
    >>> print(*list(find_permitted_flows(build_device_state(ports=[port]), can))[:3], sep="\n")
    VLAN 10 at port port1.0.1 (access) IPv4
    VLAN 10 at port port1.0.1 (access), to isolated ones IPv4
    VLAN 10 from IPv4
    """
    filters = {one.name: one for one in state.filters}
    bound: dict[tuple[int, Direction, Family], PermittedPackets] = {
        (one.vlan, one.direction, one.family): filters.get(one.filter, can.passes_unfiltered) for one in state.bindings
    }
    found: dict[VlanFlow, PermittedPackets] = {}
    at_port = can.attachment is Attachment.PORT
    if not at_port:
        found |= {VlanFlow(*key, foreign=True): permitted for key, permitted in bound.items()}
    for port in state.ports:
        judged = (_JUDGED.get(port.role),) if at_port else tuple(Direction)
        carried = f"{port.name} ({port.mode}{', unfiltered' if judged == (None,) else ''})"
        for vlan, family in product(port.vlans, Family):
            found[VlanFlow(vlan, None, family, carried)] = True
            if not port.isolated:
                found[VlanFlow(vlan, None, family, f"{carried}, to isolated ones")] = True
            for direction in judged:
                if direction is not None:
                    found[VlanFlow(vlan, direction, family)] = bound.get(
                        (vlan, direction, family), can.passes_unfiltered
                    )
    return found


def _permitted_on(found: dict[VlanFlow, PermittedPackets], flow: VlanFlow, can: Capabilities) -> PermittedPackets:
    """Return what passes of a flow; one that the state does not name has no port, or no filter at the interface."""
    return found.get(flow, can.passes_unfiltered if flow.foreign else False)


def _faults(
    step: int, title: str, flow: VlanFlow, permitted: tuple[PermittedPackets, PermittedPackets, PermittedPackets]
) -> Iterator[TransitionFault]:
    space = make_packet_space(flow.family)
    first, between, last = (_packets(space, one) for one in permitted)
    excess = space.difference(between, space.union(first, last))
    lack = space.difference(space.intersection(first, last), between)
    for wrong, passes in ((excess, True), (lack, False)):
        if not space.is_empty(wrong):
            yield _replayed(
                step,
                title,
                flow,
                permitted,
                _packet(space, wrong, flow.family, permitted),
                passes=passes,
            )


def _packets(space: HeaderSpace, permitted: PermittedPackets) -> Node:
    if isinstance(permitted, Filter):
        return build_filter_set(space, permitted)
    return space.everything if permitted else space.nothing


def _packet(space: HeaderSpace, wrong: Node, family: Family, permitted: tuple[PermittedPackets, ...]) -> Packet:
    matches = [entry.match for one in permitted if isinstance(one, Filter) for entry in one.entries]
    packet = find_likely_packet(
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
    step: int,
    title: str,
    flow: VlanFlow,
    permitted: tuple[PermittedPackets, PermittedPackets, PermittedPackets],
    packet: Packet,
    *,
    passes: bool,
) -> TransitionFault:
    before, between, after = (_passes(one, packet) for one in permitted)
    if (before, between, after) != (not passes, passes, not passes):
        message = f"the proof of a transition shows {packet} at {flow}, but replayed it makes no difference"
        raise ReplayError(message)
    one = permitted[1]
    name, entry = (one.name, find_first_entry(one, packet)) if isinstance(one, Filter) else ("", None)
    return TransitionFault(step, title, flow, packet, passes, name, entry)

"""What is cut off reaches nothing, judged on a device's own state and read straight off the policy's entries.

The compiler cuts off by leaving rules out; this asks no rule that is left out. It looks at what the filters in force
permit, and at where a port is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.errors import Origin
from controller.model.access.quarantines import Quarantine
from controller.model.access.rules import CONTROLLER, Segment
from controller.model.city import City
from controller.model.network.device_state import DeviceState, Filter, PortMode
from controller.model.network.packets import Direction, Packet, get_bounds
from controller.model.policy_files import QUARANTINES
from controller.model.sites.devices import Device
from controller.prove.engine.packets import PacketCube
from controller.prove.filters.equivalence import build_filter_set, make_packet_space
from controller.prove.reachability.enforcement_points import find_example_packet
from controller.prove.reachability.relation import SchoolNetwork, list_infrastructure_cubes, list_rule_conversations


def find_quarantine_leaks(city: City, device: Device, state: DeviceState) -> Iterator[str]:
    """Yield what of a device in this state is to be cut off and is not, with a packet or the port that shows it.

    A filter that is missing is told by the comparison with the policy, not here.

    >>> list(find_quarantine_leaks(city, core, DeviceState()))  # nothing is to be cut off there
    []
    """
    file, day = city.files.get(QUARANTINES), city.policy_date
    for port in file.quarantines:
        if port.device == device.id and port.holds_on(day) and any(one.name == port.port for one in device.ports):
            yield from _find_open_port(city, device, port, state)
    school = device.school.id
    found = [(one.origin, one.keeps) for one in file.quarantines if one.school == school and one.holds_on(day)]
    found += [(one.origin, ()) for one in file.closed if one.school == school and one.holds_on(day)]
    for origin, keeps in found:
        yield from _find_open_filters(city, device, state, (origin, keeps))


def _find_open_port(city: City, device: Device, one: Quarantine, state: DeviceState) -> Iterator[str]:
    wanted = city.list_segments(device.school)[city.default_segment].vlan
    port = next((port for port in state.ports if port.name == one.port), None)
    if port is None:
        yield f"{device.id}: port {one.port} is in quarantine ({one.origin}), and is no port of ours there"
    elif port.mode is not PortMode.ACCESS or port.vlans != (wanted,):
        where = f"{port.mode} port of VLAN {', '.join(map(str, port.vlans))}"
        yield f"{device.id}: port {one.port} is in quarantine ({one.origin}), and is an {where}, not of {wanted} alone"


def _find_open_filters(
    city: City, device: Device, state: DeviceState, cut: tuple[Origin, tuple[str, ...]]
) -> Iterator[str]:
    segments = {one.vlan: one for one in city.list_segments(device.school).values()}
    filters = {one.name: one for one in state.filters}
    for bound in state.bindings:
        segment, held = segments.get(bound.vlan), filters.get(bound.filter)
        if segment is None or held is None or segment.id == city.management_segment:
            continue
        packet = _find_leak(SchoolNetwork(city, device.school, bound.family), segment, held, cut[1])
        if packet is not None:
            yield (
                f"{device.id}: {device.school.id} is cut off ({cut[0]}), and filter {held.name} lets pass "
                f"{bound.direction} {segment.id}: {packet}"
            )


def _find_leak(at: SchoolNetwork, segment: Segment, held: Filter, keeps: Iterable[str]) -> Packet | None:
    """Return a packet that a filter permits and nobody there needs; None where there is none."""
    space = make_packet_space(at.family)
    allowed = space.union_all(map(space.cube, _list_allowed(at, segment, held.direction, frozenset(keeps))))
    leak = space.difference(build_filter_set(space, held), allowed)
    low, high = get_bounds(at.city.addresses.segment_prefix(at.school, segment, at.family))
    return find_example_packet(space, leak, [min(low + 10, high)])


def _list_allowed(
    at: SchoolNetwork, segment: Segment, direction: Direction, keeps: frozenset[str]
) -> Iterator[PacketCube]:
    """What may pass: what the network lives by, rules that are kept, and the controller and the devices themselves.

    Answers count without the flags of TCP: some platforms leave these to the router.
    """
    needed = (CONTROLLER, at.city.management_segment)
    for cube in list_infrastructure_cubes(at, segment, direction):
        yield _without_flags(cube)
    for rule in at.city.rules:
        if rule.network and at.city.rule_applies_at(rule, at.school):
            sources = [name for name in rule.network.from_ if rule.id in keeps or name in needed]
            for one in list_rule_conversations(at, rule, sources):
                yield from map(_without_flags, one.cubes())


def _without_flags(cube: PacketCube) -> PacketCube:
    return (*cube[:5], ((0, 1),))

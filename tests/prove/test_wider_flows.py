"""What a later state of a device lets through and the earlier one does not: every flow of it is found, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.model.network.device_state import DeviceState, Filter
from controller.model.network.packets import Direction, Family, Packet, get_bounds
from controller.platforms.base import Platform
from controller.platforms.ovs.driver import OpenVSwitch
from controller.prove.filters.evaluation import evaluate_filter
from controller.prove.filters.transition import VlanFlow, find_permitted_flows, find_wider_flows
from tests.prove.test_prove_transition import AFTER, BEFORE, CASES, IN_FORCE, IOS, WIDER, edited_in_place
from tests.soak import examples


def list_packets(states: tuple[DeviceState, ...], family: Family) -> Iterator[Packet]:
    """Packets at the lower corner of every entry, and one that no entry names."""
    for state in states:
        for entry in (entry for one in state.filters for entry in one.entries):
            match = entry.match
            if match.family is family:
                ends = get_bounds(match.source)[0], get_bounds(match.destination)[0]
                protocol = 6 if match.protocol is None else match.protocol
                yield Packet(
                    family, protocol, *ends, match.source_ports[0], match.destination_ports[0], match.established
                )
    yield Packet(family, 99, 1, 1, 0, 0, established=False)


def passes(state: DeviceState, system: Platform, flow: VlanFlow, packet: Packet) -> bool:
    found = find_permitted_flows(state, system.capabilities)
    permitted = found.get(flow, system.capabilities.passes_unfiltered if flow.foreign else False)
    return evaluate_filter(permitted, packet) if isinstance(permitted, Filter) else permitted


@settings(max_examples=examples(40), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.sampled_from(CASES).flatmap(lambda case: st.tuples(st.just(case[0]), case[1], case[1])))
def test_every_flow_that_gets_wider_is_found_and_shown(case: tuple[Platform, DeviceState, DeviceState]) -> None:
    system, now, then = case
    found = {one.flow: one.packet for one in find_wider_flows(now, then, system.capabilities)}
    for flow, packet in found.items():
        assert passes(then, system, flow, packet)
        assert not passes(now, system, flow, packet)
    for flow in find_permitted_flows(then, system.capabilities):
        wider = any(
            passes(then, system, flow, packet) and not passes(now, system, flow, packet)
            for packet in list_packets((now, then), flow.family)
        )
        assert flow in found or not wider
    assert not list(find_wider_flows(now, now, system.capabilities))


def test_an_entry_more_a_filter_less_and_a_port_more_are_wider_and_said() -> None:
    more = edited_in_place(WIDER, *IN_FORCE.entries)
    found = list(map(str, find_wider_flows(BEFORE, more, IOS.capabilities)))
    assert found == ["VLAN 20 from IPv4: tcp 10.1.20.10 port 49152 -> 198.51.100.10 port 443"] * len(found)
    assert found
    assert not list(find_wider_flows(more, BEFORE, IOS.capabilities))

    # Another filter permits one network more and a server less: both ways something is wider.
    for first, second in ((BEFORE, AFTER), (AFTER, BEFORE)):
        shown = {str(one.flow) for one in find_wider_flows(first, second, IOS.capabilities)}
        assert shown == {"VLAN 20 from IPv4"}

    unbound = replace(BEFORE, bindings=tuple(one for one in BEFORE.bindings if one.filter != IN_FORCE.name))
    [flow, *_] = [one.flow for one in find_wider_flows(BEFORE, unbound, IOS.capabilities)]
    assert (flow.vlan, flow.direction, flow.family) == (20, Direction.FROM, Family.V4)

    # Where nothing passes without a filter, one less is no way more.
    assert not OpenVSwitch().capabilities.passes_unfiltered
    carried = replace(BEFORE, ports=BEFORE.ports[1:])
    shown = {str(one) for one in find_wider_flows(carried, BEFORE, IOS.capabilities)}
    assert any(f"at port {BEFORE.ports[0].name}" in one for one in shown)

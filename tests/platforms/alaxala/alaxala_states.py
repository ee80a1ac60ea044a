"""States that an AlaxalA switch can hold, for the contract."""

from __future__ import annotations

from hypothesis import strategies as st

from controller.model.network.device_state import DeviceState, Filter, Vlan, build_device_state, build_filter
from controller.model.network.packets import ANY_PORTS, Direction
from tests.platforms.states import VLANS, bound, filters, port_states

ALAXALA_PORTS = ("gigabitethernet 1/0/1", "gigabitethernet 1/0/2", "port-channel 1")


def _without_ranges(one: Filter) -> Filter:
    """What it sends is judged by single ports only."""
    kept = [
        entry
        for entry in one.entries
        if all(
            ports == ANY_PORTS or ports[0] == ports[1]
            for ports in (entry.match.source_ports, entry.match.destination_ports)
        )
    ]
    return build_filter(*one.key, kept) if one.direction is Direction.TO else one


@st.composite
def alaxala_states(draw: st.DrawFn) -> DeviceState:
    """States that the switch can hold."""
    held = [_without_ranges(one) for one in draw(filters(icmp_ranges=False, flags=False))]
    numbers = {one.vlan for one in held} | set(draw(st.lists(st.sampled_from(VLANS), unique=True)))
    vlans = [Vlan(number, draw(st.sampled_from(("TSN-staff", "TSN-pupil")))) for number in sorted(numbers)]
    in_force = [one for one in held if draw(st.booleans())]
    return build_device_state(vlans, draw(port_states(ALAXALA_PORTS, port_roles=False)), held, map(bound, in_force))

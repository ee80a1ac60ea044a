"""States that a Yamaha RTX can hold, for the contract."""

from __future__ import annotations

from hypothesis import strategies as st

from controller.model.network.device_state import (
    DeviceState,
    Filter,
    PortMode,
    PortState,
    build_device_state,
    build_filter,
)
from controller.model.network.line_routes import DefaultRoute, LineGateway, TunnelInterface
from controller.model.network.packets import Direction, Family, Protocol
from controller.platforms.yamaha_rtx.text import find_inexpressible
from tests.platforms.states import EXAMPLE_FILTERS, VLANS, bound, everything, filters

PORTS = tuple(f"lan1/{number}" for number in (1, 2, 32))


def expressible(one: Filter) -> Filter:
    """The filter without what an RTX cannot say."""
    return build_filter(*one.key, [entry for entry in one.entries if not find_inexpressible(entry.match)])


@st.composite
def routes(draw: st.DrawFn) -> tuple[list[TunnelInterface], list[DefaultRoute]]:
    """A default route over one or two lines, some of them through tunnels."""
    lines = draw(st.lists(st.sampled_from(("primary", "backup", "third")), unique=True, max_size=3))
    tunnels = [
        TunnelInterface(line, "ipip6", f"2001:db8::{draw(st.integers(1, 9))}", draw(st.sampled_from((1280, 1460))))
        for line in lines
    ]
    ways = [f"tunnel {line}" for line in lines] + ["10.0.0.1", "10.0.0.2"]
    chosen = draw(st.lists(st.sampled_from(ways), unique=True, max_size=2))
    gateways = [
        LineGateway(one, one if one[0] == "1" else draw(st.sampled_from(("10.9.9.1", "10.9.9.2")))) for one in chosen
    ]
    return tunnels, [DefaultRoute(Family.V4, tuple(gateways))] if gateways else []


@st.composite
def rtx_states(draw: st.DrawFn) -> DeviceState:
    """States that the router can hold."""
    held = [expressible(one) for one in draw(filters(icmp_ranges=False, flags=False))]
    vlans = draw(st.lists(st.sampled_from(VLANS), unique=True, max_size=len(PORTS)))
    ports = [PortState(name, PortMode.ACCESS, (vlan,)) for name, vlan in zip(PORTS, vlans, strict=False)]
    in_force = [bound(one) for one in held if one.vlan in vlans and draw(st.booleans())]
    tunnels, default = draw(routes())
    return build_device_state((), ports, held, in_force, tunnels=tunnels, default_routes=default)


def small_school() -> DeviceState:
    """A school with two lines, the backup through a tunnel, and filters for its staff."""
    held = [expressible(one) for one in EXAMPLE_FILTERS]
    assert {one.direction for one in held} == set(Direction)
    assert any(entry.match.protocol == Protocol.ICMP for one in held for entry in one.entries)
    assert all(one.entries[-1] == everything(one.family) for one in held)
    return build_device_state(
        (),
        [PortState("lan1/1", PortMode.ACCESS, (10,)), PortState("lan1/2", PortMode.ACCESS, (20,))],
        held,
        map(bound, held),
        tunnels=[TunnelInterface("backup", "ipip6", "2001:db8:f::1", 1460)],
        default_routes=[
            DefaultRoute(
                Family.V4, (LineGateway("10.201.0.1", "10.201.0.1"), LineGateway("tunnel backup", "10.202.0.1"))
            )
        ],
    )

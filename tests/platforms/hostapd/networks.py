"""Hypothesis strategies for wireless networks that an access point can hold."""

from __future__ import annotations

from hypothesis import strategies as st

from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.network.wireless import Protection, WirelessNetwork

UPLINK = "eth1"
_INNER = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
_END = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
_IDENTITY = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,38}", fullmatch=True)
_SERVERS = st.lists(st.ip_addresses().map(str), min_size=1, max_size=3, unique=True)


def ssids() -> st.SearchStrategy[str]:
    """An SSID: 1 to 32 printable characters, no space at its ends."""
    return st.one_of(_END, st.builds(lambda first, inner, last: first + inner + last, _END, _INNER, _END))


@st.composite
def networks(draw: st.DrawFn) -> WirelessNetwork:
    """Any network."""
    protection = draw(st.sampled_from(Protection))
    asks = protection is Protection.WPA3_ENTERPRISE
    return WirelessNetwork(
        draw(ssids()),
        draw(st.integers(1, 4094)),
        protection,
        draw(st.booleans()),
        draw(st.sampled_from((UPLINK, "br-lan", "lan0"))),
        draw(_IDENTITY) if asks else "",
        tuple(draw(_SERVERS)) if asks else (),
    )


@st.composite
def network_states(draw: st.DrawFn) -> DeviceState:
    """An access point with some networks, no two of one SSID or one VLAN."""
    found = draw(st.lists(networks(), max_size=4, unique_by=(lambda one: one.ssid, lambda one: one.vlan)))
    return build_device_state(networks=found)

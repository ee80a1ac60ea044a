"""Wireless networks as an access point holds them, against what the policy says of each: whom it lets in, and where to.

What is compared is each fact that the text was read back to, one by one, with what the blueprint, the segments and the
admission servers say.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.compile.network.wireless import WirelessIntent
from controller.model.network.device_state import DeviceState
from controller.model.network.wireless import WirelessNetwork


def find_wireless_differences(device: str, intents: tuple[WirelessIntent, ...], state: DeviceState) -> Iterator[str]:
    """Yield each difference of the networks in service to those of the policy, with what the policy says and where.

    >>> wanted = compile_wireless(city, point, point_can)
    >>> state = build_device_state(networks=map(build_wireless_network, wanted))
    >>> list(find_wireless_differences(point.id, wanted, state))
    []
    >>> [text[:46] for text in find_wireless_differences(point.id, wanted[:1], DeviceState())]
    ["as-e01-ap1: network 'school-staff' is wanted ("]
    """
    seen = {one.ssid: one for one in state.networks}
    for intent in intents:
        found = seen.get(intent.ssid)
        if found is None:
            yield f"{device}: network {intent.ssid!r} is wanted ({intent.origin}); it is not in service"
            continue
        for difference in _differences(intent, found):
            yield f"{device}: network {intent.ssid!r} {difference} ({intent.origin})"
    known = {intent.ssid for intent in intents}
    for one in state.networks:
        if one.ssid not in known:
            yield f"{device}: network {one.ssid!r} into VLAN {one.vlan} is in service, which the policy does not name"


def _differences(wanted: WirelessIntent, found: WirelessNetwork) -> Iterator[str]:
    if found.vlan != wanted.vlan:
        yield f"puts its clients into VLAN {found.vlan}; the policy says {wanted.segment}, VLAN {wanted.vlan}"
    if found.protection is not wanted.protection:
        yield f"lets clients in by {found.protection}; the policy says {wanted.protection}"
    if wanted.isolated and not found.isolated:
        yield f"lets its clients reach one another; the policy isolates segment {wanted.segment}"
    if found.isolated and not wanted.isolated:
        yield f"keeps its clients from one another; the policy does not isolate segment {wanted.segment}"
    if (found.servers, found.identity) != (wanted.servers, wanted.identity):
        asks = f"{', '.join(found.servers) or 'nobody'} as {found.identity or 'nobody'}"
        yield f"asks {asks}; the policy says {', '.join(wanted.servers) or 'nobody'} as {wanted.identity or 'nobody'}"
    if found.uplink != wanted.uplink:
        yield f"leads to port {found.uplink}; the policy says {wanted.uplink}"

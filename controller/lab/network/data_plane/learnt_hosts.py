"""The hosts that a virtual switch has learnt, as the kernel's bridges know them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from controller.lab.network.data_plane.bridges import NOWHERE, Bridges, find_bridge_vlan
from controller.lab.network.data_plane.port_wires import PortWire
from controller.lab.virtual_switches.forwarding import LearntHost


def find_learnt_hosts(shown: str, wires: Iterable[PortWire], bridges: Bridges) -> Iterator[LearntHost]:
    """Yield the hosts in what `bridge -j fdb show` shows; the kernel's own addresses are permanent, and left out.

    >>> from controller.lab.network.data_plane.bridges import WireState
    >>> known = Bridges({"p1": WireState("vlan11", True)})
    >>> shown = '[{"mac": "02:54:00:00:00:01", "ifname": "p1", "master": "vlan11", "state": ""}]'
    >>> list(find_learnt_hosts(shown, [PortWire("p1", "1")], known))
    [LearntHost(vlan=11, mac='02:54:00:00:00:01', port='1')]
    """
    ports = {one.interface: one.port for one in wires}
    for entry in json.loads(shown or "[]"):
        name = str(entry.get("ifname", ""))
        state = bridges.wires.get(name)
        is_own = entry.get("state") == "permanent" or "self" in entry.get("flags", ())
        if state is None or state.bridge == NOWHERE or is_own or entry.get("master") != state.bridge:
            continue
        yield LearntHost(find_bridge_vlan(state.bridge), str(entry["mac"]), ports[name])

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network

import pytest

from controller.lab.network.data_plane.bridges import NOWHERE, Bridges, plan_bridge_change, plan_bridges
from controller.lab.network.data_plane.port_wires import PortWire
from controller.lab.virtual_switches.forwarding import (
    Forwarding,
    InterfaceForwarding,
    PortForwarding,
    StaticRoute,
)

WIRES = (PortWire("p1", "1"), PortWire("p2", "2"), PortWire("t3.10", "3", 10), PortWire("t3.20", "3", 20))


class Kernel:
    """What the commands do, by hand: it refuses what iproute2 would."""

    def __init__(self) -> None:
        self.bridges: dict[str, list[str]] = {NOWHERE: []}
        self.master: dict[str, str] = {}
        self.up: set[str] = set()
        self.isolated: set[str] = set()
        self.routes: dict[str, str] = {}

    def run(self, line: str) -> None:  # noqa: C901 one branch a command
        match line.split():
            case ["link", "add", "name", bridge, *_]:
                assert bridge not in self.bridges
                self.bridges[bridge] = []
            case ["link", "del", "dev", bridge]:
                assert bridge not in self.master.values(), "a wire would lose its bridge unseen"
                del self.bridges[bridge]
            case ["link", "set", "dev", wire, "down", "master", bridge]:
                self.up.discard(wire)
                self._move(wire, bridge)
            case ["link", "set", "dev", wire, "master", bridge]:
                self._move(wire, bridge)
            case ["link", "set", "dev", wire, "type", "bridge_slave", "isolated", word]:
                assert self.master[wire] != NOWHERE
                self.isolated = self.isolated | {wire} if word == "on" else self.isolated - {wire}
            case ["link", "set", "dev", wire, "up"]:
                self.up |= {wire}
            case ["link", "set", "dev", wire, "down"]:
                self.up.remove(wire)
            case ["addr", "del", address, "dev", bridge]:
                self.bridges[bridge].remove(address)
            case ["addr", "add", address, "dev", bridge, *_]:
                assert address not in self.bridges[bridge]
                self.bridges[bridge].append(address)
            case ["route", "del", to, "via", via]:
                assert self.routes.pop(to) == via
            case ["route", "replace", to, "via", via]:
                self.routes[to] = via
            case _:
                pytest.fail(line)

    def _move(self, wire: str, bridge: str) -> None:
        assert bridge in self.bridges
        self.master[wire] = bridge
        self.isolated.discard(wire)  # as the kernel does: it is a setting of the place on the bridge


def draw_forwarding(random_: random.Random) -> Forwarding:
    vlans = [10, 20, 30]
    addresses = {10: ["10.1.0.1/24", "10.1.0.2/24", "fd00:1::1/64"], 20: ["10.2.0.1/24"], 30: ["fd00:3::1/64"]}
    ports = tuple(
        PortForwarding(
            name,
            up=random_.random() < 0.8,
            untagged=random_.choice([None, *vlans]),
            tagged=frozenset(random_.sample(vlans, random_.randint(0, 2))),
            isolated=random_.random() < 0.3,
        )
        for name in random_.sample(["1", "2", "3"], random_.randint(0, 3))
    )
    interfaces = tuple(
        InterfaceForwarding(
            vlan,
            up=random_.random() < 0.8,
            addresses=tuple(random_.sample(addresses[vlan], random_.randint(0, len(addresses[vlan])))),
        )
        for vlan in random_.sample(vlans, random_.randint(0, 3))
    )
    routes = tuple(
        StaticRoute(ip_network(to), ip_address(via))
        for to, via in (("0.0.0.0/0", "10.2.0.9"), ("::/0", "fd00:3::9"))
        if random_.random() < 0.6
    )
    return Forwarding(frozenset(random_.sample(vlans, random_.randint(0, 3))), ports, interfaces, frozenset(), routes)


@pytest.mark.parametrize("seed", range(40))
def test_the_commands_lead_from_each_state_to_the_next(seed: int) -> None:
    random_ = random.Random(seed)  # noqa: S311 a seeded test
    kernel, before = Kernel(), Bridges()
    for _ in range(8):
        after = plan_bridges(WIRES, draw_forwarding(random_))
        change = plan_bridge_change(before, after)
        for line in (*change.before, *change.after):
            kernel.run(line)
        assert {name: tuple(own) for name, own in kernel.bridges.items() if name != NOWHERE} == dict(after.addresses)
        assert kernel.master == {name: state.bridge for name, state in after.wires.items()}
        assert {name for name in kernel.up if name in kernel.master} == {
            name for name, state in after.wires.items() if state.up
        }
        assert kernel.isolated == {name for name, state in after.wires.items() if state.isolated}
        assert kernel.routes == dict(after.routes)
        assert plan_bridge_change(after, after) == plan_bridge_change(Bridges(), Bridges())
        before = after


def test_where_each_wire_goes() -> None:
    ports = (
        PortForwarding("1", untagged=10, isolated=True),
        PortForwarding("2", up=False, untagged=10),
        PortForwarding("3", untagged=1, tagged=frozenset({10, 40})),
    )
    wires = plan_bridges(WIRES, Forwarding(frozenset({10, 40}), ports)).wires
    assert (wires["p1"].bridge, wires["p1"].up, wires["p1"].isolated) == ("vlan10", True, True)
    assert (wires["p2"].bridge, wires["p2"].up) == (NOWHERE, False)
    assert (wires["t3.10"].bridge, wires["t3.10"].isolated) == ("vlan10", False)
    assert (wires["t3.20"].bridge, wires["t3.20"].up) == (NOWHERE, True), "a trunk keeps its link, whatever it carries"


def test_a_route_is_active_while_the_switch_has_an_address_where_its_gateway_is() -> None:
    route = StaticRoute(ip_network("0.0.0.0/0"), ip_address("10.1.0.9"))
    for up, own, active in ((True, "10.1.0.1/24", True), (False, "10.1.0.1/24", False), (True, "10.2.0.1/24", False)):
        interface = InterfaceForwarding(10, up=up, addresses=(own,))
        planned = plan_bridges(WIRES, Forwarding(frozenset({10}), interfaces=(interface,), static_routes=(route,)))
        assert bool(planned.routes) is active


def test_an_address_stays_while_others_come_and_go_behind_it() -> None:
    def change(old: tuple[str, ...], new: tuple[str, ...]) -> list[str]:
        made = plan_bridge_change(Bridges(addresses={"vlan10": old}), Bridges(addresses={"vlan10": new}))
        return [line for line in (*made.before, *made.after) if line.startswith("addr")]

    first, second = "10.1.0.1/24", "10.1.0.2/24"
    assert change((first,), (first, second)) == [f"addr add {second} dev vlan10"]
    assert change((first, second), (first,)) == [f"addr del {second} dev vlan10"]
    assert len(change((first, second), (second, first))) == 4, "the first one is the primary"

"""Real packets through a real Open vSwitch: what a state permits passes, what it forbids is dropped and counted."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from controller.model.network.device_state import (
    DeviceState,
    Entry,
    PortMode,
    PortRole,
    PortState,
    build_device_state,
    build_filter,
)
from controller.model.network.packets import Direction, Effect, Family, Match, Protocol, parse_prefix
from controller.platforms.ovs.driver import OpenVSwitch
from controller.platforms.ovs.flows import Cookie, FlowKind
from tests.platforms.ovs.virtual_switch import VirtualSwitch, run, virtual_switch
from tests.platforms.states import ICMP, bound, everything

pytestmark = [pytest.mark.lab, pytest.mark.own_network]

VLAN = 20
PREFIXES = {Family.V4: "10.9.20.0/24", Family.V6: "fd00:9:20::/64"}
HOST = {Family.V4: "10.9.20.20", Family.V6: "fd00:9:20::20"}
GATEWAY = {Family.V4: "10.9.20.1", Family.V6: "fd00:9:20::1"}
OPEN, CLOSED = 443, 8080
LISTENER = """
import socket
held = [socket.create_server((a, p), family=f) for p in (443, 8080)
        for f, a in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))]
print("ready", flush=True)
input()
"""
CALLER = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.4).close()"


@dataclass(frozen=True)
class Hosts:
    """A switch with a host and a gateway that listens on two ports; each in a namespace of its own."""

    switch: VirtualSwitch

    def connects(self, family: Family, port: int, *, backwards: bool = False) -> bool:
        """Whether a TCP connection from the host to the gateway comes about, or the other way."""
        side, target = ("gate", HOST) if backwards else ("host", GATEWAY)
        words = ("ip", "netns", "exec", f"{self.switch.namespace}-{side}", sys.executable, "-IS", "-c", CALLER)
        return not subprocess.run((*words, target[family], str(port)), check=False, capture_output=True).returncode

    def dropped(self, family: Family, direction: Direction) -> int:
        """The packets that a filter has dropped."""
        # Counters of the flows follow those of the datapath only now and then; this waits for the next time.
        self.switch.sh(f"ovs-appctl -T 10 -t {self.switch.folder}/vswitchd.ctl revalidator/wait")
        cookie = int(Cookie(FlowKind.FILTER, direction, family, VLAN))
        flows = self.switch.sh(f"ovs-ofctl -O OpenFlow14 dump-flows br0 cookie={cookie:#x}/-1").splitlines()
        return sum(int(n) for line in flows if "actions=drop" in line for n in re.findall(r"n_packets=(\d+)", line))


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with ExitStack() as stack:
        switch = stack.enter_context(virtual_switch("host", "gate"))
        for side, addresses in (("host", HOST), ("gate", GATEWAY)):
            namespace = f"{switch.namespace}-{side}"
            run("ip", "netns", "add", namespace)
            stack.callback(run, "ip", "netns", "del", namespace)
            run("ip", "-n", switch.namespace, "link", "set", f"{side}-p", "netns", namespace)
            lines = [f"addr add {addresses[f]}/{parse_prefix(PREFIXES[f]).prefixlen} dev {side}-p" for f in Family]
            # No duplicate address detection: a listener must be able to bind at once.
            batch = "\n".join((lines[0], f"{lines[1]} nodad", f"link set {side}-p up", "link set lo up", ""))
            run("ip", "-n", namespace, "-batch", "-", stdin=batch)
            words = ("ip", "netns", "exec", namespace, sys.executable, "-IS", "-c", LISTENER)
            listener = stack.enter_context(
                subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(listener.kill)
            assert listener.stdout is not None
            assert listener.stdout.readline() == "ready\n"
        yield Hosts(switch)


def permitting(*permitted: int) -> DeviceState:
    """Both families, both directions: the host may open the permitted ports, and gets the answers."""
    made = []
    for family, text in PREFIXES.items():
        own, all_of_it = parse_prefix(text), family.everything
        tcp = [
            Entry(Effect.PERMIT, Match(family, Protocol.TCP, own, all_of_it, destination_ports=(port, port)))
            for port in permitted
        ]
        back = Entry(Effect.PERMIT, Match(family, Protocol.TCP, all_of_it, own, established=True))
        icmp = Entry(Effect.PERMIT, Match(family, ICMP[family], all_of_it, all_of_it))
        made.append(build_filter(VLAN, Direction.FROM, family, [*tcp, icmp, everything(family)]))
        made.append(build_filter(VLAN, Direction.TO, family, [back, icmp, everything(family)]))
    return build_device_state(
        ports=[
            PortState("host", PortMode.ACCESS, (VLAN,), PortRole.HOST_FACING),
            PortState("gate", PortMode.ACCESS, (VLAN,), PortRole.UPLINK),
        ],
        filters=made,
        bindings=map(bound, made),
    )


@pytest.mark.parametrize("family", Family)
def test_packets_follow_the_state(hosts: Hosts, family: Family) -> None:
    platform = OpenVSwitch()
    hosts.switch.reset("host", "gate")
    # The positive control: without filters every connection comes about.
    assert hosts.connects(family, OPEN)
    assert hosts.connects(family, CLOSED)
    now = platform.parse(platform.read(hosts.switch).reveal(), "virtual").state
    for permitted in ((OPEN,), (OPEN, CLOSED)):
        wanted = permitting(*permitted)
        for step in platform.plan_steps(now, wanted):
            for command in step.commands:
                hosts.switch.run(command)
        now = wanted
        before = hosts.dropped(family, Direction.FROM)
        assert hosts.connects(family, OPEN)
        assert hosts.dropped(family, Direction.FROM) == before
        assert hosts.connects(family, CLOSED) is (CLOSED in permitted)
        assert (hosts.dropped(family, Direction.FROM) > before) is (CLOSED not in permitted)
        before = hosts.dropped(family, Direction.TO)
        assert not hosts.connects(family, OPEN, backwards=True)
        assert hosts.dropped(family, Direction.TO) > before


def test_a_restart_without_a_boot_file_is_closed(hosts: Hosts) -> None:
    hosts.switch.reset("host", "gate")
    assert hosts.connects(Family.V4, OPEN)
    hosts.switch.stop()
    hosts.switch.start()
    assert not hosts.connects(Family.V4, OPEN)

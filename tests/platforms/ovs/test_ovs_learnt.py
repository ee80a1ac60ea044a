"""A real Open vSwitch says which hosts it has learnt: by the verb of its program, with the key that only reads."""

from __future__ import annotations

import pytest

from controller.errors import CommandFailed
from controller.lab.state.processes import wait_until
from controller.platforms.base import Command
from controller.platforms.common.mac_table import LearntAddress
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.ovs.driver import OpenVSwitch
from tests.platforms.ovs.virtual_switch import VirtualSwitch

pytestmark = [pytest.mark.lab, pytest.mark.own_network]

OVS = OpenVSwitch()
MAC = "02:54:00:ab:00:01"
_SEND = (
    "import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('PORT-p', 0)); "
    "s.send(bytes.fromhex('ffffffffffff025400ab0001') + b'\\x88\\xb5' + bytes(46))"
)


def test_a_host_that_sends_is_learnt_at_its_port_and_in_its_vlan(switch: VirtualSwitch) -> None:
    assert [one for one in OVS.read_learnt_addresses(switch) if one.mac == MAC] == []
    switch.sh("ovs-vsctl set Port h-2 tag=11")
    switch.sh("ip link set h-2 up && ip link set h-2-p up")
    send = _SEND.replace("PORT", "h-2")
    switch.sh(f'python3 -IS -c "{send}"')
    assert wait_until(lambda: LearntAddress(11, MAC, "h-2") in OVS.read_learnt_addresses(switch), 5.0)


def test_a_program_from_before_is_named_as_too_old(switch: VirtualSwitch) -> None:
    class Older:
        device = switch.device

        def run(self, command: Command) -> DeviceText:
            raise CommandFailed(self.device, f"'{command.line}' is no command; one of read", command=command.line)

    with pytest.raises(CommandFailed, match=r"program is older .* `tsunagu agent`"):
        OVS.read_learnt_addresses(Older())

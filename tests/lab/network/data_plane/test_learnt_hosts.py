"""A host that sends through the data plane stands in the table of a virtual Catalyst, and the driver reads it there."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from controller.lab.network.data_plane.port_wires import PortWire
from controller.lab.state.processes import wait_until
from controller.lab.virtual_switches.catalyst import CatalystSwitch
from controller.lab.virtual_switches.forwarding import SampledPacket
from controller.model.city import City
from controller.platforms.base import Command
from controller.platforms.cisco_ios.driver import CiscoIos
from controller.platforms.common.mac_table import LearntAddress
from tests.lab.network.data_plane.switch_namespace import HOST_MAC, build_bench, write_frame
from tests.platforms.in_process import InProcessTransport

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("hasty_netmiko")]

PORT = "GigabitEthernet1/0/11"
STARTUP = f"""vtp mode transparent
vlan 11
vlan 20
interface {PORT}
 switchport access vlan 11
 switchport mode access
interface GigabitEthernet1/0/24
 switchport trunk allowed vlan 11,20
 switchport mode trunk
"""


def test_a_host_that_sends_is_in_the_table_until_its_port_changes_its_vlan(city: City) -> None:
    packet = SampledPacket(4, 17, int(ip_address("172.16.0.1")), int(ip_address("172.17.0.1")), 1, 2)
    driver, switch = CiscoIos(), CatalystSwitch(startup=STARTUP)
    device = city.list_devices(city.schools[0])[0]
    with build_bench([PortWire("p1", PORT), PortWire("t2.11", "GigabitEthernet1/0/24", 11)]) as bench:
        switch.list_learnt = bench.plane.list_learnt
        with InProcessTransport(switch).open_session(device, driver.device_type) as session:
            bench.carry_out(switch.get_forwarding())
            assert driver.read_learnt_addresses(session) == ()
            bench.send("p1", [write_frame(packet, 7, b"\xff" * 6)])
            seen = (LearntAddress(11, HOST_MAC.hex(":"), PORT),)
            assert wait_until(lambda: driver.read_learnt_addresses(session) == seen, 5.0)
            for line in ("configure terminal", f"interface {PORT}", "switchport access vlan 20", "end"):
                assert session.run(Command(line)) is not None
            bench.carry_out(switch.get_forwarding())
            assert driver.read_learnt_addresses(session) == ()

"""What the tests on one real Open vSwitch share: its ports, runs of plans, and what is asked of it."""

from __future__ import annotations

from controller.lab.state.processes import LabProcess
from controller.model.network.device_state import DeviceState
from controller.platforms.base import Lock, Restore, Step
from controller.platforms.ovs.driver import OpenVSwitch
from tests.platforms.ovs.virtual_switch import VirtualSwitch
from tests.platforms.states import example
from tests.started_processes import find_restore_jobs

OVS = OpenVSwitch()
PORTS = ("h1", "h-2", "up1")  # The switch writes a name with a dash in quotes.
EXAMPLE = example(*PORTS, port_roles=True, vlan_database=False)
FOREIGN = "cookie=0x77, table=9, priority=5,tcp,in_port=h1 actions=drop"
TOO_LATE = Restore(seconds=600, run="run1")
FIRST = Lock(owner="plan1", run="run1", seconds=60)
OTHER = Lock(owner="plan2", run="run2", seconds=60)


def jobs(switch: VirtualSwitch) -> list[LabProcess]:
    """The restore jobs that still live on the switch."""
    return find_restore_jobs(switch.folder / "switch")


def state_of(switch: VirtualSwitch) -> DeviceState:
    return OVS.parse(OVS.read(switch).reveal(), "virtual").state


def perform(switch: VirtualSwitch, step: Step) -> None:
    for command in step.commands:
        switch.run(command)


def apply(switch: VirtualSwitch, wanted: DeviceState) -> None:
    for step in OVS.plan_steps(state_of(switch), wanted):
        perform(switch, step)
    assert state_of(switch) == wanted


def lines_of_ours(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if "cookie=0x5453" in line)

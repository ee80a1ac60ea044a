"""A switch or a router of the lab, asked for its own truth: past SSH, and past all that the controller keeps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from controller.errors import ConfigRefused
from controller.lab.network import frr_routers, ovs_switches
from controller.lab.state import paths
from controller.lab.state.layout import Layout, SchoolLayout
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.observe import Observed
from controller.platforms.base import Operable
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform

_AGE = re.compile(r"cookie=0x5453[0-9a-f]{12}, duration=([0-9.]+)s")


def list_restore_jobs(folder: Path) -> list[str]:
    """Return what a device does by itself just now: the restores that it has armed, or that run."""
    agent = str(folder / "agent").encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if agent + b"\0fire\0" in words:
            found.append(words.replace(b"\0", b" ").decode())
    return found


@dataclass(frozen=True)
class LabDevice:
    """One device of a school of the lab."""

    device: Device
    school: SchoolLayout
    layout: Layout

    @property
    def system(self) -> Operable:
        """Its platform."""
        found = load_platform(self.device.platform)
        assert isinstance(found, Operable)
        return found

    @property
    def is_switch(self) -> bool:
        """Whether it is an Open vSwitch; else a router of FRR."""
        return self.device.platform == "ovs"

    @property
    def files(self) -> paths.SwitchFiles | paths.RouterFiles:
        """Its files on this machine."""
        kind = paths.SwitchFiles if self.is_switch else paths.RouterFiles
        return kind(paths.STATE, self.school.id)

    def read_text(self) -> str:
        """Return what it runs, in its own words."""
        if self.is_switch:
            return ovs_switches.run_switch_script(self.layout, self.school, paths.STATE, "read")
        return frr_routers.ask_router(self.school.id, self.school.router, paths.STATE, "show running-config")

    def read_boot_text(self) -> str:
        """Return what it would boot with, in its own words."""
        if self.is_switch:
            return ovs_switches.run_switch_script(self.layout, self.school, paths.STATE, "saved")
        return paths.RouterFiles(paths.STATE, self.school.id).configuration.read_text(encoding="utf-8")

    def read_state(self) -> DeviceState | None:
        """Return what it runs; None where that is no state that could be ours."""
        try:
            return self.system.parse(self.read_text(), self.device.id).state
        except ConfigRefused:
            return None

    def read_boot_state(self) -> DeviceState:
        """Return what it would boot with."""
        return self.system.parse(self.read_boot_text(), self.device.id).state

    def observe(self) -> Observed:
        """Return it as a plan is made from it."""
        text = DeviceText(self.read_text(), self.device.id)
        seen = understand_whole(self.system, text, self.device.id)
        return Observed(self.device, observation=seen, saved=self.read_boot_state(), knows_saved=True, text=text)

    def is_armed(self) -> bool:
        """Whether it may still put an old state back by itself."""
        return bool(list_restore_jobs(self.files.folder))

    def is_locked(self) -> bool:
        """Whether somebody has not given its lock back."""
        return (self.files.own / "lock").exists()

    def measure_youngest_flow(self) -> float | None:
        """Return how many seconds ago the newest flow of ours came into a switch; None without one, and of a router.

        A push takes all flows of its filters out and puts them in anew, so also one without effect is seen.
        """
        if not self.is_switch:
            return None
        flows = ovs_switches.run_ovs_ofctl(self.school, paths.STATE, "dump-flows", ovs_switches.BRIDGE)
        return min((float(found) for found in _AGE.findall(flows)), default=None)


def list_lab_devices(city: City, layout: Layout) -> dict[str, LabDevice]:
    """Return the switch and the router of each school of the lab, by their names."""
    return {
        device.id: LabDevice(device, school, layout)
        for school in layout.schools
        for device in city.list_devices(city.school_by_id[school.id])
    }

"""A platform that can be operated, of another package: a switch whose configuration is a file on a POSIX system.

Its own part of the program on the device, `shell_switch.sh`, stands beside this module.
"""

from __future__ import annotations

from dataclasses import replace

from controller.model.network.device_state import DeviceState
from controller.platforms.base import Command, Step
from controller.platforms.common.own_restore import OwnRestore

from .invented import InventedSwitch


class ShellSwitch(OwnRestore, InventedSwitch):
    """The platform `shell_switch`: every step writes the whole configuration."""

    name = "shell_switch"
    device_type = "linux"
    agent = "shell_switch"
    script = "shell_switch.sh"
    home = "SHELL_SWITCH"
    capabilities = replace(InventedSwitch.capabilities, over_ssh=True)

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """Return the steps of the switch, each as one command."""
        steps = super().plan_steps(now, wanted)
        return tuple(replace(step, commands=(Command("install", self.render(step.result)),)) for step in steps)

"""Reads a switch by its command line: what it runs, and what it would boot with."""

from __future__ import annotations

from controller.errors import CommandFailed
from controller.platforms.base import Command, Session
from controller.platforms.device_text.device_text import DeviceText


class CliReading:
    """What `controller.platforms.base.Readable` promises, for a system with `show running-config`."""

    def read(self, session: Session) -> DeviceText:
        """Return the running configuration."""
        return session.run(Command("show running-config"))

    def read_saved(self, session: Session) -> DeviceText:
        """Return what the device would boot with; empty where it shows none."""
        try:
            return session.run(Command("show startup-config"))
        except CommandFailed:
            # A device with nothing saved says so as a refusal: `%% Non-volatile configuration memory is not present`.
            return DeviceText("", session.device)

"""Reads a switch by its command line: what it runs, and what it would boot with."""

from __future__ import annotations

from controller.errors import CommandFailed
from controller.platforms.base import Command, Session
from controller.platforms.device_text.device_text import DeviceText

_RUNNING = "show running-config"


class CliReading:
    """What `controller.platforms.base.Readable` promises, for a system with `show running-config`.

    `last_line` ends a whole configuration: a session that breaks, or a switch short of memory, shows the first part.
    """

    last_line = "end"

    def read(self, session: Session) -> DeviceText:
        """Return the running configuration.

        Raises:
            CommandFailed: it does not end as a whole one does.
        """
        text = session.run(Command(_RUNNING))
        if not text.ends_with_line(self.last_line):
            message = f"what it shows does not end with the line {self.last_line!r}, so a part of it is missing"
            raise CommandFailed(session.device, message, command=_RUNNING)
        return text

    def read_saved(self, session: Session) -> DeviceText:
        """Return what the device would boot with; empty where it shows none, or none whole."""
        try:
            text = session.run(Command("show startup-config"))
        except CommandFailed:
            # A device with nothing saved says so as a refusal: `%% Non-volatile configuration memory is not present`.
            return DeviceText("", session.device)
        return text if text.ends_with_line(self.last_line) else DeviceText("", session.device)

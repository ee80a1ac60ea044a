"""What guards a device beside its state while a plan changes it."""

from __future__ import annotations

from typing import Protocol

from controller.platforms.device_text.device_text import DeviceText


class ChangeGuard(Protocol):
    """Guards what the state of a device does not tell: objects of others that a plan names."""

    def begin(self, text: DeviceText) -> None:
        """Hold the device's text against the plan, and keep what is needed to go back; nothing was changed so far.

        Raises:
            TsunaguError: it is not as the plan says; nothing may be changed.
        """

    def confirm(self) -> None:
        """Note that the change is confirmed and saved.

        Raises:
            TsunaguError: it cannot be noted.
        """

"""The seam at the device: a transport opens a session, a clock tells the time and waits.

Whatever reads or changes a device takes both as arguments and imports neither. The command line passes SSH and the
machine's clock; a test passes those of `in_memory_device`, where a restore timer of minutes costs nothing.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

from controller.model.sites.devices import Device
from controller.platforms.base import Session


class Transport(Protocol):
    """A way to reach devices."""

    def open_session(
        self, device: Device, device_type: str, *, changing: bool = False
    ) -> AbstractContextManager[Session]:
        """Log in to a device for the length of a `with` block; `device_type` is the platform's (see `Operable`).

        `changing`: with the key that may change the device; else with the one that only reads, where there is one.

        Raises:
            HostKeyRefused: no key is pinned, or the device shows another one.
            CredentialsRejected: the device answered that it does not accept the credential.
            LoginRefused: the login went wrong otherwise, or the credential cannot be resolved.
            DeviceUnreachable: nobody answers.
        """


class Clock(Protocol):
    """A clock; `monotonic` never jumps, `now` has a time zone."""

    def now(self) -> datetime:
        """The present moment."""

    def monotonic(self) -> float:
        """Seconds since some moment in the past."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since this machine started, or thereabouts."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; a signal is handled meanwhile."""
        Event().wait(seconds)

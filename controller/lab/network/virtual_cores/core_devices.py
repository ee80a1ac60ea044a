"""The virtual switches by platform, and what each keeps without power."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import Field

from controller.errors import LabError
from controller.lab.state.layout import Frozen
from controller.lab.virtual_switches.catalyst.device import CatalystSwitch, Login
from controller.lab.virtual_switches.x530.device import X530, Model


class Flash(Frozen):
    """What a switch keeps without power: what it boots with, its files, and which of them it boots with."""

    startup: str | None = None
    files: dict[str, str] = Field(default_factory=dict)
    boot_file: str | None = None


Clock = Callable[[], float]


@dataclass
class CoreClock:
    """A switch's own clock: the machine's, and what it was set ahead by, so that its minutes need not be waited for."""

    kept: Path
    """The file with the seconds that it is ahead; none stands for 0."""
    ahead: float = 0.0

    def __post_init__(self) -> None:
        """Begin where an earlier program of the switch ended."""
        self.follow()

    def __call__(self) -> float:
        """Return the time in seconds."""
        return time.time() + self.ahead

    def follow(self) -> None:
        """Go on from what the file says now."""
        self.ahead = float(self.kept.read_text(encoding="ascii")) if self.kept.exists() else 0.0


class CoreDevice(Protocol):
    """A virtual switch as the lab keeps it."""

    @property
    def switch(self) -> CatalystSwitch | X530:
        """The device itself."""

    def copy_flash(self) -> Flash:
        """Return what it keeps."""

    def list_refused(self) -> list[str]:
        """Return what it refused of its startup configuration."""


@dataclass
class CatalystCore:
    """A virtual Catalyst. Its VLANs are in its startup configuration: it boots in VTP mode transparent."""

    flash: Flash
    secret: str
    clock: Clock = time.time
    switch: CatalystSwitch = field(init=False)

    def __post_init__(self) -> None:
        """Boot; a login is unprivileged until it has given the secret."""
        login = Login(privilege=1, enable_secret=self.secret)
        self.switch = CatalystSwitch(startup=self.flash.startup, clock=self.clock, login=login)
        self.switch.storage.files.update(self.flash.files)

    def copy_flash(self) -> Flash:
        """Return what it keeps."""
        return Flash(startup=self.switch.storage.startup, files=dict(self.switch.storage.files))

    def list_refused(self) -> list[str]:
        """Return what it refused of its startup configuration."""
        return list(self.switch.refused_at_boot)


@dataclass
class X530Core:
    """A virtual x530."""

    flash: Flash
    secret: str
    clock: Clock = time.time
    switch: X530 = field(init=False)

    def __post_init__(self) -> None:
        """Boot with what was kept, or with a startup configuration of its own."""
        model = Model(enable_password=self.secret)
        self.switch = X530(self.flash.startup, model=model, clock=self.clock)
        if self.flash.files:
            self.switch.files = dict(self.flash.files)
            self.switch.boot_file = self.flash.boot_file
            self.switch.reboot()

    def copy_flash(self) -> Flash:
        """Return what it keeps."""
        return Flash(files=dict(self.switch.files), boot_file=self.switch.boot_file)

    def list_refused(self) -> list[str]:
        """Return what it refused of its startup configuration."""
        return list(self.switch.rejected)


CORES: dict[str, type[CatalystCore | X530Core]] = {"cisco_ios": CatalystCore, "allied_telesis_awplus": X530Core}
"""The virtual switch of each platform that there is one of."""


def boot_core(platform: str, flash: Flash, secret: str, clock: Clock = time.time) -> CoreDevice:
    """Boot a switch with what it keeps; `secret` leads to its privileged mode, `clock` is its own.

    Raises:
        LabError: it refuses a line of its startup configuration.
    """
    core = CORES[platform](flash, secret, clock)
    refused = core.list_refused()
    if refused:
        message = f"the virtual switch refuses {len(refused)} lines of its startup configuration, first: {refused[0]}"
        raise LabError(message)
    return core


def list_ports(platform: str) -> list[str]:
    """Return the names of the ports that a switch of a platform has, as it comes out of its box."""
    return [port.name for port in CORES[platform](Flash(), "").switch.get_forwarding().ports]


def write_flash(path: Path, flash: Flash) -> None:
    """Keep a flash, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(flash.model_dump_json(), encoding="utf-8")
    fresh.replace(path)

"""A switch whose logins are rotated, in this process: it knows its users by its own configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.errors import CredentialsRejected, DeviceUnreachable, LoginRefused
from controller.lab.virtual_switches.catalyst import C9300, CatalystSwitch
from controller.lab.virtual_switches.terminal import DeviceSite
from controller.lab.virtual_switches.x530.device import X530
from controller.model.sites.devices import Device
from controller.operations.device_access import CredentialSource, DeviceAccess
from controller.operations.operations import Operations
from controller.platforms.base import Session
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.rollout.waves import Settings
from controller.rotation.credential_rotation import (
    DueRotation,
    RotatedDevice,
    Rotation,
    find_due,
    prepare_rotation,
    rotate_login,
)
from controller.telemetry.timeline import Span
from tests.policies import NOON
from tests.rollout.virtual_devices import VirtualTransport

OLD, NEW = "The-old-one-7", "The-new-one-8"
CATALYST = (
    f"hostname s1\narchive\n path flash:saved\n!\nusername net01 privilege 15 secret 0 {OLD}\n"
    "username boss privilege 15 secret 9 $9$bosshash\nend\n"
)
X530_TEXT = (
    f"hostname s1\nusername net01 privilege 15 password {OLD}\nusername boss privilege 15 password 8 $1$boss\nend\n"
)


@dataclass
class Scene:
    """A switch that knows its users, the operators' file, and all that a listener is told."""

    folder: Path
    device: Device
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    secrets: dict[str, str] = field(default_factory=lambda: {"OLD": OLD, "NEW": NEW})
    turned: bool = False
    dead: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unproved: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def now() -> float:
            return self.clock.now().timestamp()

        catalyst = self.device.platform == "cisco_ios"
        self.switch = CatalystSwitch(C9300, CATALYST, clock=now) if catalyst else X530(X530_TEXT, clock=now)
        self.site = DeviceSite(self.switch)
        self.before = self.users()

    def users(self) -> list[str]:
        return [line for line in self.switch.show_running().split("\n") if line.startswith("username ")]

    def saved_users(self) -> list[str]:
        text = self.switch.show_startup() or ""
        return [line.split()[1] for line in text.split("\n") if line.startswith("username ")]

    def operations(self) -> Operations:
        old, new = ({"user": user, "password": {"env": name}} for user, name in (("net01", "OLD"), ("net02", "NEW")))
        rotation = {**new, "previous": old} if self.turned else {**old, "next": new}
        return Operations.model_validate(
            {"access": {"x": {**rotation, "known-hosts": Path("/none")}}, "state": self.folder}
        )

    def resolve(self, device: str, source: CredentialSource) -> str:
        if source.env not in self.secrets:
            raise LoginRefused(device, f"the environment variable {source.env} is not set")
        return self.secrets[str(source.env)]

    def reach(self, access: DeviceAccess) -> Any:  # noqa: ANN401 a transport
        return UserTransport(self, access)

    def prepare(self, *, accept: bool = True) -> tuple[Rotation, DueRotation]:
        rotation = prepare_rotation(self.device, self.operations(), self.resolve, self.reach, accept_no_restore=accept)
        return rotation, find_due(rotation)

    def rotate(self, *, accept: bool = True) -> RotatedDevice:
        return self.carry_out(*self.prepare(accept=accept))

    def carry_out(self, rotation: Rotation, due: DueRotation) -> RotatedDevice:
        settings = Settings(120, self.folder, self.reach(rotation.access), self.clock)
        return rotate_login(rotation, due, settings, [self])

    def type_lines(self, *lines: str) -> None:
        """Let somebody else configure something."""
        session = self.switch.open_command_line("somebody")
        for line in ("enable", "configure terminal", *lines, "end"):
            session.enter(line)

    def is_done(self) -> bool:
        return self.prepare()[1].is_done

    def started(self, span: Span) -> None:
        self.told.append(repr((span.name, span.attributes)))

    def ended(self, span: Span) -> None:
        self.told.append(repr((span.name, span.attributes, span.outcome, span.error)))


class UserTransport(VirtualTransport):
    """Lets in whom the switch knows by its own configuration."""

    def __init__(self, scene: Scene, access: DeviceAccess) -> None:
        super().__init__({scene.device.id: scene.site}, user=access.user)
        self._scene, self._access = scene, access

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        scene, user = self._scene, self._access.user
        if user in scene.dead:
            raise DeviceUnreachable(device.id, "no answer")
        assert self._access.password is not None
        known = scene.switch.accepts_login(user, scene.resolve(device.id, self._access.password))
        if user in scene.unproved:
            raise LoginRefused(device.id, "privileged mode was not reached")
        if user in scene.refused or not known:
            raise CredentialsRejected(device.id, f"the login as {user!r} was refused")
        with super().open_session(device, device_type, changing=changing) as session:
            yield session

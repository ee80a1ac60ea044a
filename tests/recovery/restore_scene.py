"""A Catalyst of the city that dies, its backup, and the new one that takes its place; both in this process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.errors import LoginRefused
from controller.lab.virtual_switches.catalyst.device import CatalystSwitch
from controller.lab.virtual_switches.terminal import DeviceSite
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.operations.device_access import CredentialSource
from controller.operations.operations import Operations
from controller.plan.backup import back_up_device
from controller.plan.select import find_device
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.recovery.device_backup import DeviceBackup, read_device_backup
from controller.recovery.device_restore import RestoredDevice, RestoreSource, prepare_restore, restore_device
from controller.rollout.waves import Settings
from controller.telemetry.timeline import Listener
from tests.policies import NOON
from tests.rollout.virtual_devices import VirtualTransport
from tests.security.plan_scene import Scene, make_operations

NAME = "nh-j05-core1"
BASE = "version 17.9\nhostname {name}\narchive\n path flash:saved\n maximum 5\n!\nvtp mode transparent\nip routing\n"
OTHERS = (
    "snmp-server community S3cretRO RO",
    "username net01 privilege 15 secret 9 $9$abcdefgh",
    "ntp server 10.0.0.9",
    "logging buffered 16384",
    "interface GigabitEthernet1/0/20",
    " switchport mode access",
    " shutdown",
)
SECRETS = {"COMMUNITY": "S3cretRO RO", "NET01": "net01\n15\n9 $9$abcdefgh", "ARCHIVE": "flash:saved"}
WHERE: tuple[dict[str, Any], ...] = (
    {"line": "snmp-server community <redacted>", "secret": {"env": "COMMUNITY"}},
    {"line": "username <redacted> privilege <redacted> secret <redacted>", "secret": {"env": "NET01"}},
    {"line": "path <redacted>", "secret": {"env": "ARCHIVE"}},
)


@dataclass
class RestoreScene:
    """A school's core that ran what the policy wants and lines of others, and was backed up by the playbook's way."""

    folder: Path
    others: tuple[str, ...] = OTHERS
    where: tuple[dict[str, Any], ...] = WHERE
    leave_out: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=lambda: dict(SECRETS))

    def __post_init__(self) -> None:
        values = {"restore": {"secrets": list(self.where), "leave-out": list(self.leave_out)}}
        self.operations: Operations = make_operations(self.folder, **values)
        self.scene = Scene(self.folder, 1, self.operations)
        self.city = self.scene.load()
        self.device: Device = find_device(self.city, NAME)
        self.clock = ManualClock(NOON)
        self.switch = self._boot("")
        self.dump = ""

    def _boot(self, more: str, name: str = NAME) -> CatalystSwitch:
        text = f"{BASE.format(name=name)}{more}end\n"
        switch = CatalystSwitch(startup=text, clock=lambda: self.clock.now().timestamp())
        assert switch.refused_at_boot == []
        switch.save("test")
        self.site = DeviceSite(switch)
        self.transport = VirtualTransport({NAME: self.site})
        return switch

    def live(self) -> DeviceBackup:
        """Let the first switch run for a while, and back it up."""
        self.replace("")
        self.type_lines(*self.others)
        first = self.restore_ours()
        assert first.outcome.end.good, first.outcome
        self.dump = self.switch.show_running()
        back_up_device(self.device, self.folder / "backup", self.transport, self.clock)
        return self.read_backup()

    def reseal(self) -> None:
        """Let the note of the backup say what its text is now."""
        path, note = (self.folder / "backup" / f"{NAME}.{ending}" for ending in ("cfg", "json"))
        about = json.loads(note.read_text(encoding="utf-8"))
        about["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        note.write_text(json.dumps(about), encoding="utf-8")

    def type_lines(self, *lines: str) -> None:
        """Let the installer configure something."""
        session = self.switch.open_command_line("installer")
        for line in ("configure terminal", *lines, "end", "write memory"):
            session.enter(line)

    def restore_ours(self) -> RestoredDevice:
        """Put ours on a switch, by a restore from what it runs itself: all of others is there already."""
        back_up_device(self.device, self.folder / "first", self.transport, self.clock)
        return self.restore(self.prepare(read_device_backup(self.device, self.folder / "first")))

    def read_backup(self) -> DeviceBackup:
        return read_device_backup(self.device, self.folder / "backup")

    def replace(self, more: str, name: str = NAME) -> None:
        """Put a new switch in the place of the dead one."""
        self.switch = self._boot(more, name)

    def resolve(self, device: str, source: CredentialSource) -> str:
        if source.env is None or source.env not in self.secrets:
            message = f"the environment variable {source.env}, which holds its credential, is not set"
            raise LoginRefused(device, message)
        return self.secrets[source.env]

    def prepare(self, backup: DeviceBackup | None = None) -> RestoreSource:
        return prepare_restore(self.city, self.device, backup or self.read_backup(), self.operations, self.resolve)

    def restore(self, source: RestoreSource, *listeners: Listener, sign_with: Path | None = None) -> RestoredDevice:
        settings = Settings(300, self.folder / "run", self.transport, self.clock)
        return restore_device(
            source,
            self.scene.policies.path,
            lambda _: self.operations,
            settings,
            city=self.city,
            by="hanako",
            listeners=listeners,
            sign_with=sign_with,
        )

    def running(self) -> DeviceState:
        return load_platform("cisco_ios").parse(self.switch.show_running(), NAME).state

"""The operators' file: how devices are reached, who the controllers are, who approves, what is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from controller.errors import Origin
from controller.model.network.packets import Family
from controller.model.policy_bounds import RESERVED_FLOOR, SSH_PORT, PolicyBounds
from controller.model.sites.addressing import PrefixField
from controller.model.yaml_source import LocatedItem, StrictModel
from controller.operations.certificate_files import WatchedCertificates
from controller.operations.daemon_settings import DaemonSettings
from controller.operations.device_access import DeviceAccess
from controller.operations.fields import AccessId, Principal, TrustedPath, read_path
from controller.operations.integration_settings import IntegrationSettings
from controller.operations.monitor_settings import MonitorSettings
from controller.operations.netbox_access import NetBoxAccess
from controller.operations.reserved_numbers import ReservedNumbers
from controller.operations.restore_settings import RestoreSettings
from controller.operations.rollout_settings import RolloutSettings

HOME = "~/.config/tsunagu"
STATE = "~/.local/state"


def _own_path(text: str) -> Path:
    path = read_path(text)
    assert isinstance(path, Path)  # noqa: S101 the text is one of this module's
    return path


def _find_state_folder() -> Path:
    """Where this user's state stands, by the XDG Base Directory Specification, which passes over a relative path."""
    named = os.environ.get("XDG_STATE_HOME", "")
    return _own_path(f"{named if named.startswith('/') else STATE}/tsunagu")


class CloudBounds(StrictModel):
    """How large an address block of a cloud application may be: the shortest prefix of each family.

    With `within` the addresses of stack outputs must lie in one of these prefixes, too.
    """

    ipv4: int = Field(default=28, ge=8, le=32)
    ipv6: int = Field(default=56, ge=16, le=128)
    within: tuple[PrefixField, ...] = ()

    def get_length(self, version: int) -> int:
        """Return the bound of a family, 4 or 6."""
        return self.ipv4 if version == 4 else self.ipv6  # noqa: PLR2004 IP versions


class ApprovalRule(LocatedItem):
    """A plan that touches `schools` or more needs so many approvals, of people among `from` where it is given."""

    origin: Origin = Origin("the defaults", 1)
    schools: int = Field(default=1, ge=1, le=100_000)
    approvals: int = Field(ge=0, le=20)
    from_: tuple[Principal, ...] | None = Field(default=None, alias="from", min_length=1)

    @model_validator(mode="after")
    def _enough_people(self) -> Self:
        if self.from_ is not None and len(set(self.from_)) < self.approvals:
            message = f"asks for {self.approvals} approvals of {len(set(self.from_))} people"
            raise ValueError(message)
        return self


class Approvals(StrictModel):
    """Who may approve plans, in the formats of `ssh-keygen`, and how many must. The planner never counts.

    `programs` are those among the allowed signers that are no people: they may plan, and no approval of theirs counts.
    """

    allowed_signers: TrustedPath | None = None
    revoked_keys: TrustedPath | None = None
    programs: tuple[Principal, ...] = Field(default=(), max_length=100)
    require: tuple[ApprovalRule, ...] = (ApprovalRule(approvals=1),)

    def find_rules(self, schools: int) -> tuple[ApprovalRule, ...]:
        """Return what holds for a plan that touches so many schools; every one of the rules must be met.

        >>> [rule.approvals for rule in Approvals().find_rules(3)]
        [1]
        """
        return tuple(rule for rule in self.require if rule.schools <= schools and rule.approvals)


class Plans(StrictModel):
    """How long a saved plan may be applied."""

    expire_after_hours: int = Field(default=24, ge=1, le=24 * 90)


class Retention(StrictModel):
    """How many days the monitor keeps events and rollouts, and `tsunagu audit prune` the rest.

    That is timelines (`audit-days`), measurements, what their programs said (`outputs-days`, at most as long), and the
    measurements' roll-ups per hour and day. A watch and the daemon prune the measurements themselves.
    """

    events_days: int = Field(default=400, ge=1, le=3660)
    rollouts_days: int = Field(default=90, ge=1, le=3660)
    audit_days: int = Field(default=400, ge=1, le=3660)
    measurements_days: int = Field(default=5, ge=1, le=3660)
    outputs_days: int = Field(default=1, ge=1, le=3660)
    hourly_figures_days: int = Field(default=30, ge=1, le=3660)
    daily_figures_days: int = Field(default=400, ge=1, le=3660)


class Tokens(StrictModel):
    """The files with the tokens that senders show to the monitor."""

    controller: TrustedPath = Field(default_factory=lambda: _own_path(f"{HOME}/tokens/controller"))
    probe: TrustedPath = Field(default_factory=lambda: _own_path(f"{HOME}/tokens/probe"))


class Audit(StrictModel):
    """Where the newest hash of the audit trail is written besides: a file, or the machine's journal."""

    head: Literal["journal"] | TrustedPath | None = None


class Operations(StrictModel):
    """The operators' file. Every field has a default; without a file all of them hold.

    `access` says by id how devices are reached. `controllers` are the addresses that Tsunagu's own SSH sessions come
    from, and `reserved` prefixes that are never internet; policies may be narrower than both. `state` is where the
    controller keeps what it must remember, and of real devices the audit trail, timelines and locks. `anchors:
    not-kept` is for estates where a widened anchor harms nobody. `numbers` are reserved for ours on devices
    that have no names for filters.
    """

    access: dict[AccessId, DeviceAccess] = Field(default_factory=dict)
    controllers: tuple[PrefixField, ...] = ()
    reserved: tuple[PrefixField, ...] | None = None
    cloud_bounds: CloudBounds = CloudBounds()
    approvals: Approvals = Approvals()
    plans: Plans = Plans()
    rollout: RolloutSettings = RolloutSettings()
    retention: Retention = Retention()
    tokens: Tokens = Field(default_factory=Tokens)
    netbox: NetBoxAccess | None = None
    audit: Audit = Audit()
    restore: RestoreSettings = RestoreSettings()
    integration: IntegrationSettings = IntegrationSettings()
    daemon: DaemonSettings = DaemonSettings()
    monitor: MonitorSettings = MonitorSettings()
    certificates: WatchedCertificates = WatchedCertificates()
    numbers: ReservedNumbers = ReservedNumbers()
    state: TrustedPath = Field(default_factory=_find_state_folder)
    anchors: Literal["kept", "not-kept"] = "kept"

    def get_bounds(self) -> PolicyBounds:
        """Return how wide a policy may be, as `load_city` takes it."""
        cloud = self.cloud_bounds
        return PolicyBounds(
            controllers=self.controllers,
            reserved=RESERVED_FLOOR if self.reserved is None else self.reserved,
            cloud_lengths={family: cloud.get_length(int(family)) for family in Family},
            cloud_within=cloud.within,
            ssh_ports={name: one.port for name, one in self.access.items() if one.port != SSH_PORT},
            numbers=self.numbers.list_ranges(),
        )

    def list_paths(self) -> Iterator[Path]:
        """Yield every file and folder that the controller trusts or writes by this file."""
        for access in self.access.values():
            yield from access.list_paths()
        own = (self.approvals.allowed_signers, self.approvals.revoked_keys, self.audit.head)
        yield from (path for path in own if isinstance(path, Path))
        if self.netbox is not None:
            yield from self.netbox.list_paths()
        if self.rollout.database is not None:
            yield from self.rollout.database.list_paths()
        for one in self.restore.secrets:
            yield from one.secret.list_paths()
        if self.daemon.key is not None:
            yield self.daemon.key
        yield from self.monitor.list_paths()
        yield from self.certificates.list_paths()
        yield from (self.tokens.controller, self.tokens.probe, self.state)

"""What a process needs to work on a rollout: its policy, its plan derived and proved anew, today's operators' file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable

from controller.adoption.take_over.deriver import HandOverDeriver
from controller.errors import PlanRefused
from controller.model.city import City
from controller.model.network.packets import Family
from controller.model.sites.schools import School
from controller.operations.applied_policies import find_applied_policy, record_applied_policy
from controller.operations.operations import Operations
from controller.operations.rollout_settings import WaveRule
from controller.plan.document import PlanFile
from controller.plan.plan_expiry import refuse_expired_exceptions
from controller.plan.provenance.approvals import check_approvals
from controller.plan.provenance.approved_devices import record_approved
from controller.plan.provenance.policy_copies import is_policy_kept, keep_policy, name_judged
from controller.plan.verify import VerifiedDevice, verify_plan
from controller.platforms.transport.base import Clock, Transport
from controller.rollout.change import Change
from controller.rollout.durable.records import REST, WITHOUT_RESTORE, RolloutRecord, Wave
from controller.rollout.durable.snapshot import Snapshot, unpack_snapshot
from controller.rollout.waves import Settings, build_changes

_BESIDE_RESTORE = timedelta(seconds=120)
"""What a device's change may take beside its restore time: login, reading, saving."""


@dataclass(frozen=True, slots=True)
class ProbeSample:
    """Connections that were tried: how many, and each that is not as the policy says."""

    tried: int
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProbedConnection:
    """A connection of a host in a segment of a school to an application, and what the policy says of it."""

    school: str
    segment: str
    application: str
    family: Family
    permitted: bool

    def __str__(self) -> str:
        return f"{self.segment} of {self.school} to {self.application} over IPv{int(self.family)}"


@runtime_checkable
class TriesConnections(Protocol):
    """Opens connections that it is told of, as hosts of a school would."""

    def try_connections(
        self, city: City, connections: Collection[ProbedConnection], *, changed: bool
    ) -> Mapping[ProbedConnection, str]:
        """Return those that could be tried, each with what is not as the policy says, "" where all is.

        `changed`: the devices are as the policy wants them, so hosts whose port has moved ask for an address anew.

        Raises:
            TsunaguError: nothing could be tried.
        """


class PolicyProbes(Protocol):
    """Sends packets as hosts of a school would; there is none where nothing can."""

    def try_sample(self, city: City, schools: Sequence[str], size: int, seed: str) -> ProbeSample:
        """Try a sample of the connections of some schools; the same seed draws the same.

        Raises:
            TsunaguError: nothing could be tried.
        """


@dataclass(frozen=True, slots=True)
class GateScene:
    """What a gate reaches: devices, the clock, the file of measurements, hosts that send packets (None: none do)."""

    transport: Transport
    clock: Clock
    measurements: Path | None = None
    probes: PolicyProbes | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How a process reaches devices, tells the time, and where it keeps locks.

    `measurements` is the file of what is measured, `probes` sends packets as hosts of the schools: gates ask both.
    """

    transport: Transport
    clock: Clock
    state_folder: Path
    measurements: Path | None = None
    probes: PolicyProbes | None = None


@dataclass(frozen=True, slots=True)
class RolloutScene:
    """A rollout that this process may work on.

    `operations` is the operators' file as it stood when this process took the rollout up: the docstrings' "today".
    """

    record: RolloutRecord
    city: City
    operations: Operations
    changes: Mapping[str, Change]
    clock: Clock
    gate_scene: GateScene

    def find_rule(self, wave: Wave) -> WaveRule:
        """Return what holds for a wave: the operators' rule of today.

        Where they have renamed it, or taken it away, the strictest: no failure, every gate and the longest soak of any.
        """
        settings = self.operations.rollout
        found = settings.find_wave_rule(wave.rule)
        if found is not None or wave.rule in (REST, WITHOUT_RESTORE):
            return found or WaveRule(name=wave.rule, schools="rest")
        soak = max(one.soak_minutes for one in settings.waves)
        strictest = {"gates": settings.list_all_gates(), "soak_minutes": soak}
        return WaveRule(name=wave.rule, schools="rest").model_copy(update=strictest)

    def count_schools_at_once(self, wave: Wave) -> int:
        """Return how many schools of a wave are changed side by side."""
        return self.find_rule(wave).schools_at_once or self.operations.rollout.schools_at_once

    def find_school(self, school: str) -> School | None:
        """Return a school whose devices the rollout changes; None where it changes none there."""
        return next((one.device.school for one in self.changes.values() if one.school == school), None)

    @property
    def longest_change(self) -> timedelta:
        """How long a device's change may take."""
        return timedelta(seconds=self.record.restore_after) + _BESIDE_RESTORE


def prepare_scene(  # noqa: PLR0913, PLR0917 what a rollout works with
    record: RolloutRecord,
    city: City,
    plan: PlanFile,
    verified: Sequence[VerifiedDevice],
    operations: Operations,
    around: Surroundings,
) -> RolloutScene:
    """Return the scene of a rollout whose plan was verified just now."""
    settings = Settings(record.restore_after, around.state_folder, around.transport, around.clock)
    changes = build_changes(city, plan, verified, settings)
    gate_scene = GateScene(around.transport, around.clock, around.measurements, around.probes)
    return RolloutScene(record, city, operations, {one.device.id: one for one in changes}, around.clock, gate_scene)


def resume_scene(record: RolloutRecord, block: bytes, operations: Operations, around: Surroundings) -> RolloutScene:
    """Return the scene of a rollout that is resumed, judged anew by its own snapshot and today's operators' file.

    Raises:
        PlanExpired: an exception that the plan permits has expired.
        PlanNotApproved: who approved it may do so no more, or too few others did; names them.
        PlanRefused, PolicyError, ProofFailed: the snapshot does not lead to the plan any more.
        OperationsRefused: what was applied last cannot be read or remembered.
    """
    now = around.clock.now()
    with unpack_snapshot(record.id, block) as snapshot:
        city, verified = judge_snapshot(record, snapshot, operations, now)
        signers = check_approvals(snapshot.signed, operations.approvals, now, repair=record.repair)
        if _is_start_forgotten(record, city, operations):
            keep_policy(city, snapshot.policies, operations.state)
            if signers.counted:
                record_approved(city, snapshot.plan, verified, operations.state)
            record_applied_policy(city, operations, record.started, record.applier)
        return prepare_scene(record, city, snapshot.plan, verified, operations, around)


def _is_start_forgotten(record: RolloutRecord, city: City, operations: Operations) -> bool:
    """Tell if the start on this machine was broken off after the rollout was kept and before that was remembered.

    A copy of its policy is kept when it is judged. What was applied here after the start stays what was
    applied last.
    """
    last = find_applied_policy(city, operations)
    return is_policy_kept(record.policy, name_judged(operations.state)) and (last is None or last.at < record.started)


def judge_snapshot(
    record: RolloutRecord, snapshot: Snapshot, operations: Operations, now: datetime
) -> tuple[City, tuple[VerifiedDevice, ...]]:
    """Judge what a rollout runs from by today's operators' file, but for its approvals; derive and prove its plan anew.

    Raises:
        PlanExpired: an exception that the plan permits has expired.
        PlanRefused, PolicyError, ProofFailed: the snapshot does not lead to the plan any more.
    """
    plan, source = snapshot.plan, f"the plan of the rollout {record.id}"
    if plan.digest() != record.plan:
        message = (
            f"{source}: the database holds another one ({plan.digest()[:12]}) than was started ({record.plan[:12]})"
        )
        raise PlanRefused(message)
    city = snapshot.load_city(operations.get_bounds())
    day = now.astimezone(city.timezone).date()
    if day != city.policy_date:
        city = snapshot.load_city(operations.get_bounds(), day)
    refuse_expired_exceptions(city, plan.on)
    # Its canary was judged when it started: the operators may have named another one since.
    hands = HandOverDeriver(operations.state)
    return city, verify_plan(city, plan, source=source, canary=plan.canary, derive_hand_over=hands)

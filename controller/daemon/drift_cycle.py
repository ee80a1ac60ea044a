"""One cycle of the daemon: drift read, a plan of it proved and signed, and a rollout begun where that is allowed.

It begins rollouts and carries none out: whatever ends the daemon between two lines here, the next cycle reads anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from controller.daemon.proposed_plan import (
    explain_waiting,
    find_proposal,
    find_reason_to_wait,
    is_same_proposal,
    remove_proposal,
    save_proposal,
)
from controller.errors import DeviceUnconfirmed, PlanNotApproved
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.operations.daemon_settings import DaemonChanges
from controller.operations.operations import Operations
from controller.plan.build import ConsideredDevice, PlanOrigin, build_plan, consider_device
from controller.plan.document import PlanFile
from controller.plan.observe import NotSupported, read_devices
from controller.plan.provenance.approvals import SignedPlan
from controller.plan.provenance.git_commit import find_commit
from controller.plan.provenance.ssh_signatures import find_fingerprint
from controller.platforms.common.timed_operation import is_changeable
from controller.platforms.registry import is_supported, load_platform
from controller.platforms.transport.base import Clock, Transport
from controller.rollout.durable.carry_out import StartOptions, is_worked_on, record_rollout
from controller.rollout.durable.database import DatabaseServer
from controller.rollout.durable.records import RolloutRecord, RolloutState
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.record_room import refuse_without_room
from controller.rollout.start import StartRequest, judge_start
from controller.storage.audit.audit_trail import AuditKind, AuditTrail


@dataclass(frozen=True, slots=True)
class CycleScene:
    """What a cycle works with, loaded anew for each: the policy and the operators' file may have changed.

    `state` is where rollouts are kept (or on a `server`), `folder` the daemon's own place in it.
    """

    city: City
    devices: Sequence[Device]
    policies: Path
    operations: Operations
    transport: Transport
    clock: Clock
    trail: AuditTrail
    state: Path
    folder: Path
    server: DatabaseServer | None = None

    def narrow(self, changes: DaemonChanges) -> CycleScene:
        """Return the scene with no more allowed than this, either."""
        daemon = self.operations.daemon
        narrowed = daemon.model_copy(update={"changes": daemon.changes.narrow(changes)})
        return replace(self, operations=self.operations.model_copy(update={"daemon": narrowed}))


@dataclass
class DriftCycle:
    """Reads drift and does about it what the operators allow.

    `use_store` opens the rollouts of the scene, `on_found` is told what was read (for telemetry),
    `user` is the name that this process runs under. `changes` is what was allowed when the daemon began: more than that
    it does not do, since by that it was chosen whether rollouts are carried out here at all.
    """

    load_scene: Callable[[], CycleScene]
    use_store: Callable[[CycleScene], AbstractContextManager[RolloutStore]]
    on_found: Callable[[Sequence[ConsideredDevice]], None]
    user: str
    changes: DaemonChanges

    def run(self, stop: Event) -> str:
        """Do one cycle; return what there is to say.

        Raises:
            TsunaguError: the cycle broke off.
        """
        loaded = self.load_scene()
        scene = loaded.narrow(self.changes)
        reports = scene.operations.daemon.changes is DaemonChanges.REPORT
        with self.use_store(scene) as store:
            active = store.find_active()
            # Who only reports reads whatever runs; and a rollout whose process was lost may never end.
            if active is not None and not reports and _is_carried_out(scene, store, active):
                return f"the rollout {active} runs: drift is read after it"
        read = read_devices(scene.devices, scene.transport, lambda _: None, only_read=True)
        if stop.is_set():
            return ""
        found = [consider_device(scene.city, one) for one in read]
        self.on_found(found)
        said = describe_drift(found)
        if scene.operations.daemon.changes is not (asked := loaded.operations.daemon.changes):
            said += f"; 'changes: {asked}' allows more than this daemon began with: it needs a new start"
        if reports:
            return said
        if active is not None:
            return f"{said}; the rollout {active} has not ended, so nothing is planned"
        return f"{said}{self._act(scene, found, stop)}"

    def _act(self, scene: CycleScene, found: Sequence[ConsideredDevice], stop: Event) -> str:
        """Plan what differs, and roll it out where that is allowed; return what is said of it."""
        plan = plan_drift(scene, found, self.user)
        if plan is None:
            remove_proposal(scene.folder)
            return ""
        proposal = propose_plan(scene, plan)
        try:
            why = find_reason_to_wait(proposal, scene.operations, scene.clock.now())
            if why:
                return f"; {explain_waiting(proposal, why)}"
            if stop.is_set():
                return ""
            record = self._begin_rollout(scene, proposal)
        except PlanNotApproved as error:
            return f"; {explain_waiting(proposal, error)}"
        return f"; the rollout {record.id} has begun"

    def _begin_rollout(self, scene: CycleScene, proposal: SignedPlan) -> RolloutRecord:
        operations = scene.operations
        refuse_without_room(scene.state, len(proposal.plan.devices))
        request = StartRequest(proposal.path, scene.policies, lambda _: operations, f"{self.user} (tsunagu run)")
        with self.use_store(scene) as store:
            store.refuse_second_rollout()
            now = scene.clock.now()
            started = judge_start(request, now)
            options = StartOptions(operations.daemon.restore_after_seconds, "", now)
            about = started.answers.list_attributes()

            def record_applied(record: RolloutRecord) -> None:
                scene.trail.record(AuditKind.APPLIED, plan=record.plan, rollout=record.id, **about)

            return record_rollout(store, started, request.plan_path, options, record_applied)


def _is_carried_out(scene: CycleScene, store: RolloutStore, rollout: str) -> bool:
    running = store.load_status(rollout).state is RolloutState.RUNNING
    return running and is_worked_on(store, scene.state)


def plan_drift(scene: CycleScene, found: Sequence[ConsideredDevice], planner: str) -> PlanFile | None:
    """Return a proved plan for the schools in which a device differs; None where none does."""
    changeable = [one for one in found if _is_changeable(one.observed.device.platform)]
    schools = {one.observed.device.school.id for one in changeable if one.refusal is None and one.differs}
    chosen = [one for one in changeable if one.observed.device.school.id in schools]
    if not schools:
        return None
    operations = scene.operations
    key = operations.daemon.key
    origin = PlanOrigin(
        planner,
        find_commit(scene.policies),
        hours=operations.plans.expire_after_hours,
        canary=operations.rollout.canary,
        planner_key="" if key is None else find_fingerprint(key),
    )
    plan = build_plan(scene.city, chosen, origin, scene.clock.now())
    return plan if any(one.touched for one in plan.devices) else None


def _is_changeable(platform: str) -> bool:
    return is_supported(platform) and is_changeable(load_platform(platform))


def propose_plan(scene: CycleScene, plan: PlanFile) -> SignedPlan:
    """Return the proposal that stands already where it says the same, else the plan, signed and in its place.

    Raises:
        TsunaguError: it cannot be signed, kept, or written into the audit trail.
    """
    standing = find_proposal(scene.folder)
    if standing is not None and is_same_proposal(standing.plan, plan, scene.clock.now()):
        return standing
    key = scene.operations.daemon.key
    assert key is not None  # noqa: S101 the settings hold it: without a key nothing is planned
    digest, policy = plan.digest(), plan.policy
    scene.trail.record(AuditKind.PLANNED, plan=digest, planner=plan.planner, key=plan.planner_key, policy=policy)
    return save_proposal(plan, scene.folder, key)


def describe_drift(found: Sequence[ConsideredDevice]) -> str:
    """Return what was read, in one line: how many devices, which differ, which could not be judged."""
    differing = [one.observed.device.id for one in found if one.refusal is None and one.differs]
    unread = [
        one.observed.device.id for one in found if one.refusal is not None and not isinstance(one.refusal, NotSupported)
    ]
    unconfirmed = sum(isinstance(one.refusal, DeviceUnconfirmed) for one in found)
    parts = [f"{len(found)} devices, {len(differing)} differ{_name(differing)}"]
    if unread:
        parts.append(f"{len(unread)} could not be read{_name(unread)}")
    if unconfirmed:
        parts.append(f"{unconfirmed} run a change that nobody confirmed (tsunagu repair)")
    return ", ".join(parts)


_SHOWN = 5


def _name(devices: Sequence[str]) -> str:
    if not devices:
        return ""
    more = f", and {len(devices) - _SHOWN} more" if len(devices) > _SHOWN else ""
    return f" ({', '.join(devices[:_SHOWN])}{more})"

"""What a device step needs to know: the device, its operation, the plan for it, and how it is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.platforms.base import Lock, Observation, Operable, Restore, Session, Step
from controller.platforms.common.device_operation import DeviceOperation, OperationContext
from controller.platforms.common.timed_operation import Changeable, Controlled
from controller.platforms.common.understanding import understand
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import Clock, Transport
from controller.rollout.armed_notes import ArmedNoteFile
from controller.rollout.change_guard import ChangeGuard

POLL_SECONDS = 0.5
LOCK_MARGIN_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What a device step needs. `plan_digest` owns the device's lock; `run` names this run; seconds to the restore.

    `seen` is the state that the plan was made from, `wanted` the one that the policy wants, and `known` the digests of
    these and of all between them: a device in another one was changed by somebody else. `derive` derives and proves the
    steps from what the device holds when its turn comes.
    `refuse_expired` raises PlanExpired once an exception in the policy has expired; then nothing more may be written.
    `guard` is there where objects of others change hands. `keep_text` keeps what the device runs before anything is
    changed, and `check_text` refuses a text that is read back and is not as it must be beside what is ours.
    `prove_access` proves what else must hold of logins, over sessions of its own, before the change is confirmed.
    """

    device: Device
    system: Changeable
    seen: DeviceState
    wanted: DeviceState
    known: frozenset[str]
    derive: Callable[[Observation], tuple[Step, ...]]
    plan_digest: str
    run: str
    restore_after: int
    state_folder: Path
    refuse_expired: Callable[[], None]
    transport: Transport
    clock: Clock
    guard: ChangeGuard | None = None
    keep_text: Callable[[DeviceText], None] | None = None
    check_text: Callable[[DeviceText], None] | None = None
    prove_access: Callable[[], None] | None = None

    @property
    def operation(self) -> Operable:
        """What changes the device; see `begin_operation`."""
        assert isinstance(self.system, Operable)  # noqa: S101 `change_device` saw to it
        return self.system

    def begin_operation(self) -> Change:
        """Return the change with an operation of its own, where the platform's needs the controller's notes."""
        if not isinstance(self.system, Controlled):
            return self
        notes = ArmedNoteFile(self.state_folder, self.device.id)
        operation = self.system.begin_operation(OperationContext(notes, self.clock))
        return replace(self, system=operation, restore_after=operation.round_seconds(self.restore_after))

    @property
    def settle_seconds(self) -> float:
        """How long after its time the device's restore may still be under way."""
        return self.system.settle_seconds if isinstance(self.system, DeviceOperation) else 0.0

    def count_busy_seconds(self) -> float:
        """Return within how long whatever an earlier run left has run out, counted from when a later one met it.

        A later run of the plan prolongs its hold and its restore by the time of a hold, which some devices count in
        whole minutes.
        """
        begun = self.begin_operation()
        held: float = begun.lock.seconds
        if isinstance(begun.system, DeviceOperation):
            held = begun.system.round_seconds(begun.lock.seconds)
        return held + begun.settle_seconds

    @property
    def restores(self) -> bool:
        """Whether the device can put its old state back by itself."""
        return self.system.capabilities.restores_itself

    @property
    def inherits(self) -> bool:
        """Whether an earlier run of this plan was broken off on the device; a restore of its own puts that back."""
        return isinstance(self.system, DeviceOperation) and self.system.inherits

    @property
    def poll_seconds(self) -> float:
        """How long the device is left in peace between two questions."""
        return self.system.poll_seconds if isinstance(self.system, DeviceOperation) else POLL_SECONDS

    @property
    def school(self) -> str:
        """The school that the device stands in."""
        return self.device.school.id

    @property
    def lock(self) -> Lock:
        """The hold on the device. An armed restore prolongs it, so nobody comes in between."""
        return Lock(self.plan_digest, self.run, self.restore_after + LOCK_MARGIN_SECONDS)

    @property
    def restore(self) -> Restore:
        """The device's way back."""
        return Restore(self.restore_after, self.run)

    def read(self, session: Session) -> Observation:
        """What the device runs now."""
        return self.understand(self.system.read(session))

    def understand(self, text: DeviceText) -> Observation:
        """What a text of the device means."""
        return understand(self.system, text, self.device.id)

    def read_saved(self, session: Session) -> DeviceState | None:
        """The state that the device would boot with; None when it would boot with none."""
        text = self.system.read_saved(session)
        return understand(self.system, text, f"{self.device.id} (boot)").state if text else None

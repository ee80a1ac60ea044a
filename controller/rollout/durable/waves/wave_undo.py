"""Undoes a wave whose gate failed: back to the policy before, from what its devices hold now, derived and proved anew.

Nobody signs that: the operators' file (`undo-on-failure`) is the authority, and it goes no further than back to the
policy that was applied last before this rollout, on devices that this wave has changed. What would be wider by it waits
for people, unless that file says otherwise (`undo-may-widen`): by the policies, and by what each device holds. What
somebody else has changed on a device since is never taken away: only people bring such a device back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from controller.errors import DeviceUnreachable, RolloutRefused, StoreRefused, TsunaguError
from controller.model.city import City
from controller.operations.anchors import collect_anchors, find_wider_anchors
from controller.plan.build import ConsideredDevice, PlanOrigin, build_plan, consider_device
from controller.plan.observe import observe_device
from controller.plan.select import find_device
from controller.plan.verify import verify_plan
from controller.rollout.change import Change
from controller.rollout.device_step import change_device
from controller.rollout.durable.gates.gate import name_some
from controller.rollout.durable.records import Wave
from controller.rollout.durable.rollout_scene import RolloutScene
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.durable.waves.way_back import (
    list_widened,
    list_widened_flows,
    load_policy_before,
    recover_policy_copy,
)
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings, build_changes
from controller.telemetry.timeline import Level, Span

PLANNER = "undo-on-failure"
"""Who plans the way back: the operators' rule of this name."""


@dataclass(frozen=True)
class WaveUndo:
    """The way back for the waves of a rollout; `store` holds the files of the policy before it."""

    scene: RolloutScene
    store: RolloutStore

    def is_asked_for(self, wave: Wave) -> bool:
        """Tell if the operators want a wave undone where its gate failed."""
        rule, settings = self.scene.find_rule(wave), self.scene.operations.rollout
        return settings.undo_on_failure if rule.undo_on_failure is None else rule.undo_on_failure

    def explain_refused(self, wave: Wave) -> str:
        """Return why a wave is not undone without people; "" where it is.

        Raises:
            StoreRefused: the database cannot be used now.
        """
        try:
            before = self._before
            if self.scene.operations.rollout.undo_may_widen:
                return ""
            schools = frozenset(turn.school for turn in wave.schools)
            wider = list_widened(self.scene.city, before, schools)
            wider += self._list_wider_anchors(before)
        except StoreRefused:
            raise
        except TsunaguError as error:
            return f"the policy before cannot be had: {error}"
        if not wider:
            return ""
        record = self.scene.record
        return (
            f"that would widen what the operators' file does not let a rule widen ({name_some(wider)}); it waits for "
            f"people: tsunagu rollout undo {record.id} -o PLAN, approvals, then what that command says"
        )

    def _list_wider_anchors(self, before: City) -> list[str]:
        """Return what the policy before widens against this rollout's own, which any machine has, in the anchors."""
        operations = self.scene.operations
        if operations.anchors == "not-kept":
            return []
        anchors = collect_anchors(self.scene.city)
        return [str(one) for one in find_wider_anchors(anchors, collect_anchors(before), operations.cloud_bounds)]

    def list_devices(self, school: str, wave: Wave) -> tuple[str, ...]:
        """Return the devices of a school that the plan changes in a wave, the last one first."""
        named = (name for turn in wave.schools if turn.school == school for name in turn.devices)
        return tuple(name for name in named if self.scene.changes[name].seen != self.scene.changes[name].wanted)[::-1]

    def derive_way_back(self, device: str) -> Change:
        """Return what brings a device back, from what it holds now.

        Raises:
            StoreRefused: the database cannot be used now.
            TsunaguError: it cannot be brought back by itself; says why.
        """
        before, ahead = self._before, self.scene.changes[device]
        if ahead.guard is not None:
            message = f"{device}: objects of others changed hands, and only people give them back"
            raise RolloutRefused(message)
        if not ahead.restores:
            message = f"{device}: it has no restore of its own"
            raise RolloutRefused(message)
        found = consider_device(before, observe_device(find_device(before, device), ahead.transport, only_read=False))
        if found.refusal is not None:
            raise found.refusal
        if found.derived is None:
            message = f"{device}: the policy before does not manage it"
            raise RolloutRefused(message)
        self._refuse_foreign(found, ahead)
        self._refuse_wider(found)
        plan = build_plan(before, [found], PlanOrigin(PLANNER, undo=True), ahead.clock.now())
        verified = verify_plan(before, plan, source=f"the way back of {device}", canary=plan.canary)
        settings = Settings(ahead.restore_after, ahead.state_folder, ahead.transport, ahead.clock)
        [change] = build_changes(before, plan, verified, settings)
        return replace(change, restore_after=self.scene.record.restore_after)

    @staticmethod
    def _refuse_foreign(found: ConsideredDevice, ahead: Change) -> None:
        """Refuse a device that holds what neither this rollout nor the policy before leads to."""
        seen, derived = found.observed.observation, found.derived
        if seen is None or derived is None or seen.state == derived.wanted:
            return
        if seen.state.compute_digest() not in ahead.known:
            message = (
                f"{ahead.device.id}: changed by somebody else: it is in none of the states that the plan leads "
                "through, and only people bring it back"
            )
            raise RolloutRefused(message)

    def _refuse_wider(self, found: ConsideredDevice) -> None:
        """Refuse what would let a device pass more than it does now, unless the operators' file allows that."""
        if self.scene.operations.rollout.undo_may_widen:
            return
        if wider := list_widened_flows(found):
            device = found.observed.device.id
            message = (
                f"{device}: going back would let more pass than it does now ({name_some(wider)}); people decide it"
            )
            raise RolloutRefused(message)

    @cached_property
    def _before(self) -> City:
        record, city = self.scene.record, self.scene.city
        if record.undo:
            message = "it goes back itself"
            raise RolloutRefused(message)
        # This machine may never have applied it.
        recover_policy_copy(record.policy_before, self.store, self.scene.operations)
        return load_policy_before(record, self.scene.operations, type(city), city.policy_date)


def undo_device(undo: WaveUndo, device: str, school: str, parent: Span) -> Outcome:
    """Bring a device back; one that is back has ended `reverted`, and never raises for what can go wrong with one.

    Raises:
        StoreRefused: the database cannot be used now, and nothing was done.
    """
    try:
        change = undo.derive_way_back(device)
    except DeviceUnreachable as error:
        # The wave has changed it: whether it still runs that, or went back, nobody has seen.
        return Outcome(device, school, End.UNKNOWN, f"not undone: {error}")
    except StoreRefused:
        raise
    except TsunaguError as error:
        return Outcome(device, school, End.FAILED, f"not undone: {error}")
    except Exception as error:  # noqa: BLE001 whatever it is, nothing was changed, and the device has one of the five ends
        why = f"an error of this program ({type(error).__name__}: {error}); please report it"
        return Outcome(device, school, End.FAILED, f"not undone: {why}")
    with parent.child(Level.SCHOOL, school) as span:
        outcome = change_device(change, span)
        span.outcome = "good" if outcome.end.good else "not good"
    if outcome.end.good:
        return replace(outcome, end=End.REVERTED, reason="undone: a gate after its wave failed")
    end = End.UNKNOWN if outcome.end is End.UNKNOWN or outcome.unreached else End.FAILED
    return replace(outcome, end=end, reason=f"not undone: {outcome.reason}", unreached=False)

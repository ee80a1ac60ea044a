"""Waves: the canary school first, then the rest, unless the canary shows that something is wrong."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event

from controller.adoption.take_over.deriver import HandOverDeriver, HandOverGuard
from controller.model.city import City
from controller.plan.derive import DeriveChange, derive_change
from controller.plan.document import PlanFile
from controller.plan.plan_expiry import refuse_expired_exceptions
from controller.plan.proof.unjudged import refuse_new_ways
from controller.plan.verify import VerifiedDevice, verify_plan
from controller.platforms.base import Observation, Step
from controller.platforms.transport.base import Clock, Transport
from controller.rollout.change import Change
from controller.rollout.change_backups import keep_before_change
from controller.rollout.device_step import change_device
from controller.rollout.ending_signals import ignore_ending_signals
from controller.rollout.outcome import NOT_ATTEMPTED, End, Outcome, describe_failures
from controller.telemetry.timeline import Level, Listener, Span, open_rollout_span

SCHOOLS_AT_ONCE = 8
INTERRUPTED = f"{NOT_ATTEMPTED}interrupted"


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """How many devices of a wave of the operators may end in another way than applied or unchanged."""

    wave: str
    devices: frozenset[str]
    maximum: int


def explain_exceeded(limits: Sequence[FailureLimit], outcomes: Iterable[Outcome]) -> str:
    """Return which wave had too many failures; "" where none had. What was not attempted is no failure.

    >>> limit = FailureLimit("pilot", frozenset({"s1", "s2"}), 1)
    >>> explain_exceeded([limit], [Outcome("s1", "s", End.REVERTED), Outcome("s3", "s", End.REVERTED)])
    ''
    >>> explain_exceeded([limit], [Outcome("s1", "s", End.REVERTED), Outcome("s2", "s", End.UNKNOWN)])[:39]
    '2 devices of the wave pilot ended badly'
    """
    bad = [one for one in outcomes if not (one.end.good or one.reason.startswith(NOT_ATTEMPTED))]
    for limit in limits:
        among = [(one.device, one.end) for one in bad if one.device in limit.devices]
        if len(among) > limit.maximum:
            return describe_failures(among, limit.wave, limit.maximum)
    return ""


def _say_nothing(devices: int) -> None:
    del devices


@dataclass(frozen=True, slots=True)
class Settings:
    """How to roll out. `restore_after` is in seconds; `state_folder` keeps locks and timelines.

    `transport` reaches the devices. `clock` is asked for the day before each of them: an exception in the policy may
    expire while it is being rolled out. `schools_at_once` are changed side by side. `derive` derives and proves what is
    to be done on a device. `on_interrupt` is called at once after Ctrl-C, with the number of devices whose change has
    begun and is being ended. Once more devices end badly than one of the `limits` allows, no further school is begun;
    without any, the canary's may not fail at all and the others count for nothing.
    """

    restore_after: int
    state_folder: Path
    transport: Transport
    clock: Clock
    schools_at_once: int = SCHOOLS_AT_ONCE
    derive: DeriveChange = derive_change
    on_interrupt: Callable[[int], None] = _say_nothing
    limits: tuple[FailureLimit, ...] = ()


@dataclass(frozen=True, slots=True)
class Accountability:
    """Who answers for a rollout: it stands in the timeline. `approvers` are people, `applier` is who began it.

    `unrestored` are the devices without a restore of their own whose change the applier accepted.
    """

    planner: str = ""
    approvers: tuple[str, ...] = ()
    applier: str = ""
    commit: str = ""
    policy: str = ""
    undo: bool = False
    unrestored: tuple[str, ...] = ()

    def list_attributes(self) -> dict[str, str | int]:
        """Return what the rollout's span says of it."""
        accepted = {"without_restore": ", ".join(self.unrestored)} if self.unrestored else {}
        return {
            **accepted,
            "planner": self.planner or "not known",
            "approvers": ", ".join(self.approvers) or "nobody",
            "applier": self.applier or "not known",
            "commit": self.commit or "none",
            "policy": self.policy,
            "undo": "yes" if self.undo else "no",
        }


def apply_plan(
    city: City,
    plan: PlanFile,
    settings: Settings,
    listeners: Sequence[Listener],
    answers: Accountability | None = None,
) -> list[Outcome]:
    """Verify a plan and carry it out; an outcome for each of its devices, in the plan's order.

    `city` holds the policy that the rollout begins with: what happens to its files meanwhile changes nothing.

    Raises:
        PlanRefused: the plan says something else than the policy leads to; no device was reached.
    """
    return roll_out(city, plan, _verify(city, plan, settings), settings, listeners, answers)


def _verify(city: City, plan: PlanFile, settings: Settings) -> tuple[VerifiedDevice, ...]:
    return verify_plan(city, plan, settings.derive, derive_hand_over=HandOverDeriver(settings.state_folder))


def roll_out(  # noqa: PLR0913, PLR0917 what a rollout is about, and who answers for it
    city: City,
    plan: PlanFile,
    verified: Sequence[VerifiedDevice],
    settings: Settings,
    listeners: Sequence[Listener],
    answers: Accountability | None = None,
) -> list[Outcome]:
    """Carry out a plan that was verified; an outcome for each of its devices, in the plan's order."""
    answers = answers or Accountability(planner=plan.planner, commit=plan.commit, policy=plan.policy, undo=plan.undo)
    changes = build_changes(city, plan, verified, settings)
    rollout_waves = _Waves(settings.schools_at_once, Event(), settings.on_interrupt, settings.limits)
    canary = [change for change in changes if change.school == plan.canary and change.restores]
    rest = [change for change in changes if change.school != plan.canary and change.restores]
    last = [change for change in changes if not change.restores]
    waves = json.dumps({"canary": _by_school(canary), "rest": _by_school([*rest, *last])})
    about = {"city": plan.city, "devices": len(changes), "waves": waves, **answers.list_attributes()}
    with open_rollout_span(plan.digest()[:12], listeners, **about) as span:
        outcomes = rollout_waves.run(canary, span)
        why = _explain_bad_canary(outcomes, settings.limits)
        if why:
            outcomes += [_not_attempted(change, why) for change in (*rest, *last)]
        else:
            outcomes += rollout_waves.run(rest, span)
            outcomes += _run_last(rollout_waves, last, outcomes, span)
        span.outcome = "good" if all(outcome.end.good for outcome in outcomes) else "not good"
    order = {change.device.id: index for index, change in enumerate(changes)}
    return sorted(outcomes, key=lambda outcome: order[outcome.device])


def _explain_bad_canary(outcomes: Sequence[Outcome], limits: Sequence[FailureLimit]) -> str:
    """Return why nothing follows the canary school; "" where its end is good enough."""
    bad = next((outcome for outcome in outcomes if not outcome.end.good), None)
    if bad is None or (limits and not explain_exceeded(limits, outcomes)):
        return ""
    return f"{NOT_ATTEMPTED}{bad.device} of the canary school ended {bad.end}"


def build_changes(city: City, plan: PlanFile, verified: Sequence[VerifiedDevice], settings: Settings) -> list[Change]:
    """Return what the device step needs of each device of a verified plan, in its order; all have one run's name."""
    digest, run = plan.digest(), uuid.uuid4().hex[:12]

    def refuse_expired() -> None:
        today = settings.clock.now().astimezone(city.timezone).date()
        refuse_expired_exceptions(city, city.policy_date, today)

    return [
        Change(
            device=one.device,
            system=one.system,
            seen=one.seen,
            wanted=one.derived.wanted,
            known=one.known_states,
            derive=partial(_derive_steps, city, one, settings.derive),
            plan_digest=digest,
            run=run,
            restore_after=settings.restore_after,
            state_folder=settings.state_folder,
            refuse_expired=refuse_expired,
            transport=settings.transport,
            clock=settings.clock,
            guard=_make_guard(one, settings, digest),
            keep_text=partial(keep_before_change, one.device, one.system, settings.state_folder, settings.clock),
        )
        for one in verified
    ]


def _make_guard(one: VerifiedDevice, settings: Settings, digest: str) -> HandOverGuard | None:
    planned = one.derived.hand_over
    if planned is None:
        return None
    states = (one.seen, *(step.result for step in one.derived.steps))
    return HandOverGuard(one.device, planned, states, settings.state_folder, digest, settings.clock)


def _derive_steps(city: City, one: VerifiedDevice, derive: DeriveChange, seen: Observation) -> tuple[Step, ...]:
    if one.derived.hand_over is not None:
        # The guard compares the lines that the plan holds of VLANs, ports, interfaces and lists, also those of others.
        # Derived and proved when the plan was verified, with the objects as they are recorded; the guard looks at them.
        states = [state.compute_digest() for state in (one.seen, *(step.result for step in one.derived.steps))]
        return one.derived.steps[states.index(seen.state.compute_digest()) :]
    taken = {port.name for state in (one.seen, one.derived.wanted) for port in state.ports}
    refuse_new_ways(city, one.device, seen, one.not_judged, taken)
    return derive(city, one.device, seen.state, seen, one.device.id).steps


def _run_last(rollout_waves: _Waves, last: Sequence[Change], outcomes: Sequence[Outcome], span: Span) -> list[Outcome]:
    """Change the devices that have no restore of their own, once all others are as planned."""
    bad = next((outcome for outcome in outcomes if not outcome.end.good), None)
    if bad is not None:
        reason = f"{NOT_ATTEMPTED}it has no restore of its own, and {bad.device} ended {bad.end}"
        return [_not_attempted(change, reason) for change in last]
    return rollout_waves.run(last, span)


@dataclass(frozen=True, slots=True)
class _Waves:
    """Runs waves: schools side by side, the devices of a school one after the other."""

    schools_at_once: int
    stop: Event
    on_interrupt: Callable[[int], None]
    limits: tuple[FailureLimit, ...] = ()
    ended: list[Outcome] = field(default_factory=list)
    """What the devices came to that have ended, in the order in which they did."""
    begun: set[str] = field(default_factory=set)
    """Devices whose change has begun and has not ended."""

    def run(self, changes: Sequence[Change], parent: Span) -> list[Outcome]:
        schools: dict[str, list[Change]] = {}
        for change in changes:
            schools.setdefault(change.school, []).append(change)
        if not schools:
            return []
        with ThreadPoolExecutor(self.schools_at_once) as pool:
            running = [pool.submit(self._school, name, members, parent) for name, members in schools.items()]
            try:
                return [outcome for school in running for outcome in school.result()]
            except KeyboardInterrupt:
                # Devices in the middle of their procedure end it, whatever is pressed meanwhile; the others are not
                # begun.
                self.stop.set()
                with ignore_ending_signals():
                    # The terminal may be what has gone.
                    with suppress(OSError):
                        self.on_interrupt(len(self.begun))
                    return [outcome for school in running for outcome in school.result()]

    def _school(self, name: str, changes: Sequence[Change], parent: Span) -> list[Outcome]:
        why = explain_exceeded(self.limits, tuple(self.ended))
        if why:
            return [_not_attempted(change, f"{NOT_ATTEMPTED}{why}") for change in changes]
        with parent.child(Level.SCHOOL, name) as span:
            outcomes: list[Outcome] = []
            for change in changes:
                outcomes.append(self._change(change, span, outcomes))
            span.outcome = "good" if all(outcome.end.good for outcome in outcomes) else "not good"
        return outcomes

    def _change(self, change: Change, span: Span, before: Sequence[Outcome]) -> Outcome:
        if self.stop.is_set():
            return _not_attempted(change, INTERRUPTED)
        bad = next((outcome for outcome in before if not outcome.end.good), None)
        if bad is not None:
            # The devices of a school hang on one another: what went wrong is not followed by a second change.
            return _not_attempted(change, f"{NOT_ATTEMPTED}{bad.device} of its school ended {bad.end}")
        self.begun.add(change.device.id)
        try:
            outcome = change_device(change, span)
        finally:
            self.begun.discard(change.device.id)
        self.ended.append(outcome)
        return outcome


def _by_school(changes: Sequence[Change]) -> dict[str, list[str]]:
    """What is planned, for who watches: the devices of each school."""
    schools: dict[str, list[str]] = {}
    for change in changes:
        schools.setdefault(change.school, []).append(change.device.id)
    return schools


def _not_attempted(change: Change, reason: str) -> Outcome:
    return Outcome(change.device.id, change.school, End.FAILED, reason)

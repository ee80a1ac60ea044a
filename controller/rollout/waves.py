"""Waves: the canary school first, then the rest, unless the canary shows that something is wrong."""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from controller.errors import PlanRefused
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.document import DevicePlan, PlanFile
from controller.plan.plan_expiry import refuse_expired_plan
from controller.plan.select import find_device
from controller.platforms.base import Operable
from controller.platforms.registry import load_platform
from controller.platforms.transport.base import Clock, Transport
from controller.rollout.device_step import Change, change_device
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import Level, Listener, Span, open_rollout_span

SCHOOLS_AT_ONCE = 8
INTERRUPTED = "not attempted: interrupted"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to roll out. `restore_after` is in seconds; `state_folder` keeps locks and timelines.

    `transport` reaches the devices. `clock` is asked for the day before each of them: an exception in the plan may
    expire while it is being rolled out. `schools_at_once` are changed side by side.
    """

    restore_after: int
    state_folder: Path
    transport: Transport
    clock: Clock
    schools_at_once: int = SCHOOLS_AT_ONCE


def apply_plan(city: City, plan: PlanFile, settings: Settings, listeners: Sequence[Listener]) -> list[Outcome]:
    """Carry out a plan; an outcome for each of its devices, in the plan's order.

    Raises:
        PlanRefused: the plan names a device that the city does not have any more, or on another platform.
    """
    changes = _changes(city, plan, settings)
    rollout_waves = _Waves(settings.schools_at_once, Event())
    canary = [change for change in changes if change.plan.school == plan.canary]
    rest = [change for change in changes if change.plan.school != plan.canary]
    waves = json.dumps({"canary": _by_school(canary), "rest": _by_school(rest)})
    with open_rollout_span(plan.digest()[:12], listeners, city=plan.city, devices=len(changes), waves=waves) as span:
        outcomes = rollout_waves.run(canary, span)
        bad = [outcome for outcome in outcomes if not outcome.end.good]
        if bad:
            reason = f"not attempted: {bad[0].device} of the canary school ended {bad[0].end}"
            outcomes += [_not_attempted(change, reason) for change in rest]
        else:
            outcomes += rollout_waves.run(rest, span)
        span.outcome = "good" if all(outcome.end.good for outcome in outcomes) else "not good"
    order = {device.device: index for index, device in enumerate(plan.devices)}
    return sorted(outcomes, key=lambda outcome: order[outcome.device])


def _changes(city: City, plan: PlanFile, settings: Settings) -> list[Change]:
    digest, run = plan.digest(), uuid.uuid4().hex[:12]

    def refuse_expired() -> None:
        refuse_expired_plan(city, plan, settings.clock.now().astimezone(city.timezone).date())

    changes = []
    for one in plan.devices:
        device = find_device(city, one.device)
        changes.append(
            Change(
                device=device,
                system=_operable(device, one),
                plan=one,
                plan_digest=digest,
                run=run,
                restore_after=settings.restore_after,
                state_folder=settings.state_folder,
                refuse_expired=refuse_expired,
                transport=settings.transport,
                clock=settings.clock,
            )
        )
    return changes


def _operable(device: Device, planned: DevicePlan) -> Operable:
    if device.platform != planned.platform:
        message = f"{device.id}: the plan is for platform {planned.platform!r}, the city says {device.platform!r}"
        raise PlanRefused(message)
    system = load_platform(device.platform)
    if not isinstance(system, Operable):
        message = f"{device.id}: platform {device.platform!r} is known as text only and cannot be applied to"
        raise PlanRefused(message)
    return system


@dataclass(frozen=True, slots=True)
class _Waves:
    """Runs waves: schools side by side, the devices of a school one after the other."""

    schools_at_once: int
    stop: Event

    def run(self, changes: Sequence[Change], parent: Span) -> list[Outcome]:
        schools: dict[str, list[Change]] = {}
        for change in changes:
            schools.setdefault(change.plan.school, []).append(change)
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
                before = signal.signal(signal.SIGINT, signal.SIG_IGN)
                try:
                    return [outcome for school in running for outcome in school.result()]
                finally:
                    signal.signal(signal.SIGINT, before)

    def _school(self, name: str, changes: Sequence[Change], parent: Span) -> list[Outcome]:
        with parent.child(Level.SCHOOL, name) as span:
            outcomes = [
                _not_attempted(change, INTERRUPTED) if self.stop.is_set() else change_device(change, span)
                for change in changes
            ]
            span.outcome = "good" if all(outcome.end.good for outcome in outcomes) else "not good"
        return outcomes


def _by_school(changes: Sequence[Change]) -> dict[str, list[str]]:
    """What is planned, for who watches: the devices of each school."""
    schools: dict[str, list[str]] = {}
    for change in changes:
        schools.setdefault(change.plan.school, []).append(change.device.id)
    return schools


def _not_attempted(change: Change, reason: str) -> Outcome:
    return Outcome(change.device.id, change.plan.school, End.FAILED, reason)

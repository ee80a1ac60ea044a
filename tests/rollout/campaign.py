"""A device step under faults that are drawn from a seed; what was told of it must be what is true on the device.

A seed draws a device (what it runs, what it would boot with, who holds it), a plan, and up to three runs of it, each
with its own faults, some killed in the middle. After each run the device in memory is asked for its own truth.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from controller.model.sites.devices import Device
from controller.platforms.base import Command, Session
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.transport.base import Transport
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import LineConfiguration
from controller.platforms.transport.in_memory_device.device import MemoryDevice, ObservedCommand
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, FaultScript, draw_faults
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.change import Change
from controller.rollout.device_step import change_device
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import open_rollout_span
from tests.rollout.line_system import LINES, Ends, derive_lines, list_known_states, read_ends

BASE = "hostname d1\n"
NAMES = ("staff", "pupil", "guest", "printer")
OTHERS = "vlan 999 somebody-elses\n"
"""What somebody changed by hand since the plan was made."""


class Killed(BaseException):
    """The controller is gone: no line of it runs any more."""


class MortalTransport:
    """A transport whose controller is killed before or after the n-th command from now."""

    def __init__(self, inner: Transport, commands: int, *, after: bool) -> None:
        self._inner = inner
        self._left = commands
        self._after = after

    @contextmanager
    def open_session(self, device: Device, device_type: str, *, changing: bool = False) -> Iterator[Session]:
        with self._inner.open_session(device, device_type, changing=changing) as session:
            yield MortalSession(session, self)

    def live_through(self, session: Session, command: Command) -> DeviceText:
        self._left -= 1
        if self._left < 0 or (self._left == 0 and not self._after):
            raise Killed
        if self._left:
            return session.run(command)
        session.run(command)
        raise Killed


class MortalSession:
    """A session of a controller that may be killed."""

    def __init__(self, inner: Session, transport: MortalTransport) -> None:
        self._inner = inner
        self._transport = transport

    @property
    def device(self) -> str:
        return self._inner.device

    def run(self, command: Command) -> DeviceText:
        return self._transport.live_through(self._inner, command)


@dataclass
class Scene:
    """A device, a plan for it, and what is known of both."""

    device: MemoryDevice
    change: Change
    ends: Ends
    harmless: set[str]
    """Every text that the device may run with nothing armed: whole configurations, nothing half made."""


def draw_texts(rng: random.Random) -> Ends:
    """The lines before and after; now and then they are the same, and only saving is left to do."""
    lines = [f"vlan {number} {name}\n" for number in (10, 20, 30) for name in NAMES]
    old = sorted(rng.sample(lines, rng.randint(0, 4)))
    wanted = old if rng.random() < 0.08 else sorted(rng.sample(lines, rng.randint(0, 4)))
    return Ends(BASE + "".join(old), BASE + "".join(wanted))


def draw_scene(rng: random.Random, model: Device, folder: Path) -> Scene:
    """A device as a plan may find it."""
    ends = draw_texts(rng)
    starts = rng.choices((ends.old, ends.wanted, ends.old + OTHERS), (8, 1, 1))[0]
    boots = rng.choices((starts, ends.old, BASE + "vlan 1 factory\n", None), (6, 2, 1, 1))[0]
    clock = ManualClock()
    device = MemoryDevice("d1", LineConfiguration(starts), clock, startup=boots, factory=BASE)
    if rng.random() < 0.1:
        device.take("another-plan", "another-run", rng.choice((5, 3000)))
    old, wanted = read_ends(ends)
    change = Change(
        device=replace(model, id="d1", platform=LINES.name),
        system=LINES,
        seen=old,
        wanted=wanted,
        known=list_known_states(ends),
        derive=partial(derive_lines, ends),
        plan_digest="plan",
        run="",
        restore_after=rng.choice((10, 60, 600)),
        state_folder=folder,
        refuse_expired=lambda: None,
        transport=MemoryTransport([device]),
        clock=clock,
    )
    return Scene(device, change, ends, {ends.old, ends.wanted, starts, boots or BASE})


def run_seed(seed: int, model: Device, folder: Path) -> list[str]:
    """Play a seed; what was told and is not true, or was true and must never be."""
    rng = random.Random(seed)  # noqa: S311 the same faults for the same seed
    scene = draw_scene(rng, model, folder)
    found: list[str] = []
    for number in range(rng.choice((1, 1, 2, 3))):
        script = draw_faults(rng, 1.2 * scene.change.restore_after)
        killed_at = rng.choice((0, 0, 0, rng.randint(1, 14)))
        found += _play(scene, f"run{number}", script, killed_at, after=rng.random() < 0.5)
        scene.device.clock.sleep(rng.choice((0, 1, 0.5, 2)) * scene.change.restore_after)
    # In the end all goes well again, and whoever held the device has let it go.
    scene.device.clock.sleep(4000)
    found += _play(scene, "last", FaultScript({}), 0, after=False)
    return found


def _play(scene: Scene, run: str, script: FaultScript, killed_at: int, *, after: bool) -> list[str]:
    device = scene.device
    device.draw_fault = script
    before, first = device.running, len(device.exchanges)
    armed_before = device.settled if device.restore_armed else None
    transport = MemoryTransport([device])
    change = replace(scene.change, run=run, transport=transport)
    if killed_at:
        change = replace(change, transport=MortalTransport(transport, killed_at, after=after))
    outcome: Outcome | None = None
    try:
        with open_rollout_span("campaign", []) as span:
            outcome = change_device(change, span)
    except Killed:
        pass
    played = Played(scene, run, before, armed_before, device.exchanges[first:], outcome)
    said = f"{outcome.end}: {outcome.reason}" if outcome else "killed"
    return [f"{run} ({script}) told {said!r}: {violation}" for violation in played.violations()]


@dataclass
class Played:
    """A run that has ended, and the device after it."""

    scene: Scene
    run: str
    before: str
    restoring: str | None
    exchanges: list[ObservedCommand]
    outcome: Outcome | None

    def violations(self) -> Iterator[str]:
        """Everything that must never be."""
        yield from self._half_made()
        yield from self._blind()
        if self.outcome is None:
            return
        checks = {
            End.APPLIED: self._applied,
            End.UNCHANGED: self._unchanged,
            End.REVERTED: self._reverted,
            End.FAILED: self._failed,
            End.UNKNOWN: self._unknown,
        }
        yield from checks[self.outcome.end]()
        if self.run == "last":
            yield from self._last(self.outcome.end)

    def _half_made(self) -> Iterator[str]:
        """At no moment is anything half made without a restore that brings a whole state back."""
        for one in self.exchanges:
            if one.running not in self.scene.harmless and not one.restore_armed:
                yield f"half made and nothing armed after {one.verb}: {one.running!r}"
        if self.scene.device.settled not in self.scene.harmless:
            yield f"it will be left half made: {self.scene.device.settled!r}"

    def _blind(self) -> Iterator[str]:
        """Nothing is pushed before the device was read; after a push that may have failed it is read again."""
        known = False
        for one in self.exchanges:
            if one.verb == "push":
                if not known:
                    yield "pushed without having read what the device is in"
                known = one.succeeded
            known = known or (one.verb == "read" and one.succeeded)

    def _wanted_and_kept(self) -> Iterator[str]:
        device, wanted = self.scene.device, self.scene.ends.wanted
        if device.running != wanted:
            yield f"it runs {device.running!r}, not {wanted!r}"
        if device.startup != wanted:
            yield f"it would boot with {device.startup!r}"
        if device.restore_armed:
            yield "a restore is still armed"
        yield from self._lock_left()

    def _lock_left(self) -> Iterator[str]:
        """The lock is free, unless a fault kept us from giving it back; then it runs out."""
        lost = any(
            one.fault.breaks or one.fault.restarts or one.fault.away_seconds or one.fault.seconds_before > 30
            or one.fault.seconds_after > 30
            or (one.verb == "unlock" and one.fault != NO_FAULT)
            for one in self.exchanges
        )  # fmt: skip
        if self.scene.device.locked_by == self.run and not lost:
            yield "the lock is still held"

    def _pushed(self) -> bool:
        texts = [self.before, *(one.running for one in self.exchanges)]
        return any(one.verb == "push" and text != one.running for one, text in zip(self.exchanges, texts, strict=False))

    def _applied(self) -> Iterator[str]:
        yield from self._wanted_and_kept()

    def _unchanged(self) -> Iterator[str]:
        yield from self._wanted_and_kept()
        if self._pushed():
            yield "something was pushed"

    def _reverted(self) -> Iterator[str]:
        old = {self.scene.ends.old, self.before}
        if self.scene.device.running not in old or self.scene.device.settled not in old:
            yield f"it runs {self.scene.device.running!r}, not the old state"

    def _failed(self) -> Iterator[str]:
        device = self.scene.device
        yield from self._lock_left()
        if not self._pushed():
            return
        assert self.outcome
        if device.running != self.scene.ends.wanted or device.restore_armed or "not saved" not in self.outcome.reason:
            yield f"something was pushed, and it runs {device.running!r}"

    def _unknown(self) -> Iterator[str]:
        assert self.outcome
        if not self.outcome.reason:
            yield "it does not say why"

    def _last(self, end: End) -> Iterator[str]:
        """Without any fault a run of the same plan ends well, or refuses a device that the plan does not know."""
        known = {
            LINES.parse(self.before, "").state.compute_digest(),
            LINES.parse(self.exchanges[1].running, "").state.compute_digest(),
        }
        if known & self.scene.change.known:
            if not end.good:
                yield "the last run went well, and did not end so"
        elif end is not End.FAILED:
            yield "a device that the plan does not know was not refused"

"""The device step on an access point: the program that runs there for real, and each of the five ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.errors import DeviceUnreachable
from controller.model.network.device_state import DeviceState, build_device_state
from controller.model.network.wireless import Protection, WirelessNetwork
from controller.model.sites.devices import Device
from controller.platforms.base import Command, Lock, Observation, Step
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.hostapd.driver import Hostapd
from controller.platforms.transport.base import Clock, Transport
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.configuration import Refused
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import FaultScript, kinds_at, make_fault
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.change import Change
from controller.rollout.device_step import change_device
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import open_rollout_span
from tests.emulators.hostapd import AccessPoint, split_files
from tests.platforms.hostapd.access_point import LocalTransport, ShellAccessPoint

HOSTAPD = Hostapd()
EMPTY = build_device_state()
GUEST = WirelessNetwork("school-guest", 40, Protection.ENHANCED_OPEN, isolated=True, uplink="eth1")
WANTED = build_device_state(networks=[GUEST])


class Interrupted:
    """A session that breaks at a verb, and from then on; `before` is what happens just then."""

    def __init__(self, point: ShellAccessPoint, verb: str, before: Callable[[], object] = lambda: None) -> None:
        self.point, self.verb, self.before, self.is_broken = point, verb, before, False

    @property
    def device(self) -> str:
        return self.point.device

    def run(self, command: Command) -> DeviceText:
        if command.line.split()[0] == self.verb and not self.is_broken:
            self.is_broken = True
            self.before()
        if self.is_broken:
            raise DeviceUnreachable(self.device, "the session broke")
        return self.point.run(command)


@pytest.fixture
def point(tmp_path: Path) -> ShellAccessPoint:
    (tmp_path / "ap").mkdir()
    return ShellAccessPoint(tmp_path / "ap")


def apply(model: Device, transport: Transport, folder: Path, seconds: int = 600, clock: Clock | None = None) -> Outcome:
    def derive(seen: Observation) -> tuple[Step, ...]:
        return HOSTAPD.plan_steps(seen.state, WANTED)

    change = Change(
        device=replace(model, id="ap1", platform="hostapd", ports=()),
        system=HOSTAPD,
        seen=EMPTY,
        wanted=WANTED,
        known=frozenset({EMPTY.compute_digest(), WANTED.compute_digest()}),
        derive=derive,
        plan_digest="plan1",
        run="run1",
        restore_after=seconds,
        state_folder=folder,
        refuse_expired=lambda: None,
        transport=transport,
        clock=clock or ManualClock(),
    )
    with open_rollout_span("access point", []) as span:
        return change_device(change, span)


def state_of(point: ShellAccessPoint) -> DeviceState:
    return HOSTAPD.parse(HOSTAPD.read(point).reveal(), "ap1").state


def test_it_is_applied_and_then_unchanged(model: Device, point: ShellAccessPoint, tmp_path: Path) -> None:
    assert apply(model, LocalTransport(point), tmp_path).end is End.APPLIED
    assert state_of(point) == WANTED
    restarts = point.restarts
    assert apply(model, LocalTransport(point), tmp_path).end is End.UNCHANGED
    assert point.restarts == restarts, "nobody had to join again"
    assert not (point.home / "lock").exists()


def test_it_failed_where_another_controller_holds_it(model: Device, point: ShellAccessPoint, tmp_path: Path) -> None:
    HOSTAPD.lock(point, Lock("plan2", "run2", 600))
    outcome = apply(model, LocalTransport(point), tmp_path)
    assert outcome.end is End.FAILED
    assert "the lock is held by plan plan2" in outcome.reason
    assert state_of(point) == EMPTY


def test_it_is_reverted_where_the_power_is_cut_before_it_was_confirmed(
    model: Device, point: ShellAccessPoint, tmp_path: Path
) -> None:
    cut = Interrupted(point, "cancel", point.cut_power)
    outcome = apply(model, LocalTransport(cut, point), tmp_path)
    assert outcome.end is End.REVERTED, outcome.reason
    assert state_of(point) == EMPTY


def test_it_is_reverted_by_the_access_point_itself(model: Device, point: ShellAccessPoint, tmp_path: Path) -> None:
    def bring_forward() -> None:
        """Let the time until the restore be over, as `own_restore.sh` counts it."""
        (folder,) = point.home.glob("restores/*/")
        point.end_jobs()
        (folder / "due").write_text("0\n", encoding="utf-8")
        point.fire("run1")

    outcome = apply(model, LocalTransport(Interrupted(point, "cancel", bring_forward), point), tmp_path)
    assert outcome.end is End.REVERTED, outcome.reason
    assert "the device put its old state back by itself" in outcome.reason
    assert state_of(point) == EMPTY


def test_it_is_unknown_where_nobody_answers_any_more(model: Device, point: ShellAccessPoint, tmp_path: Path) -> None:
    outcome = apply(model, LocalTransport(Interrupted(point, "cancel", point.end_jobs)), tmp_path)
    assert outcome.end is End.UNKNOWN
    assert "whether the device went back could not be read from it" in outcome.reason


class AccessPointConfiguration:
    """The files of an access point in memory, for the procedure alone."""

    def __init__(self) -> None:
        self._point = AccessPoint()

    def show(self) -> str:
        return self._point.text()

    def load(self, text: str) -> None:
        self._point.files = split_files(text)

    def split(self, command: Command) -> tuple[Command, ...]:
        """One part: the files are replaced as a whole."""
        return (command,)

    def execute(self, command: Command) -> str:
        try:
            self._point.run(command)
        except ValueError as error:
            raise Refused(str(error)) from None
        return ""


FAULTS = [(verb, kind) for verb in ("open", "lock", "read", "arm", "push", "cancel", "save") for kind in kinds_at(verb)]


def test_in_memory_every_fault_of_every_word_ends_in_what_was_told(model: Device, tmp_path: Path) -> None:
    ends = set()
    for number, (verb, kind) in enumerate([("", ""), *FAULTS]):
        text = AccessPoint().text()
        memory = MemoryDevice("ap1", AccessPointConfiguration(), ManualClock(), startup=text)
        if verb:
            memory.draw_fault = FaultScript({(verb, 0): make_fault(kind, verb, 5.0)})
        outcome = apply(model, MemoryTransport([memory]), tmp_path / str(number), 60, memory.clock)
        ends.add(outcome.end)
        running = HOSTAPD.parse(memory.running, "ap1").state
        boot = HOSTAPD.parse(memory.startup or "", "ap1 (boot)").state
        if outcome.end is End.APPLIED:
            assert (running, boot) == (WANTED, WANTED), (verb, kind)
        elif outcome.end is End.REVERTED:
            assert running == EMPTY, (verb, kind, outcome.reason)
        else:
            assert outcome.end in {End.FAILED, End.UNKNOWN}, (verb, kind)
            assert running in {EMPTY, WANTED}, (verb, kind, outcome.reason)
    assert {End.APPLIED, End.REVERTED, End.FAILED} <= ends

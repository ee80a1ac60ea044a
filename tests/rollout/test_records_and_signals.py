"""What happens around a rollout: its record finds no room or cannot be closed, and signals come."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from controller.errors import AuditRefused
from controller.model.city import City
from controller.operations.applied_policies import find_applied_policy
from controller.plan.document import PlanFile
from controller.platforms.transport.in_memory_device.faults import FaultScript, make_fault
from controller.rollout.ending_signals import ENDING, end_like_interrupt, hear_signals, ignore_ending_signals
from controller.rollout.outcome import End
from controller.rollout.record_room import BYTES_A_DEVICE, BYTES_BESIDE, find_free_bytes, refuse_without_room
from controller.rollout.waves import INTERRUPTED
from controller.storage.audit.audit_trail import AuditKind, AuditTrail
from controller.telemetry.timeline import Span
from controller.telemetry.traces.rollout_trace import open_trace
from tests.cli.running import here
from tests.own_signal import send_own_signal
from tests.rollout.durable.city_scene import give_open_vswitches
from tests.rollout.memory_lab import MemoryLab
from tests.rollout.test_waves import roll_out_with
from tests.security.plan_scene import Scene, make_operations


def test_a_signal_in_the_middle_of_taking_over_leaves_no_handler_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {number: signal.getsignal(number) for number in ENDING}
    real, changed = signal.signal, list[int]()

    def change(number: int, handler: signal.Handlers) -> object:
        changed.append(number)
        if len(changed) == 2:
            raise KeyboardInterrupt
        return real(number, handler)

    monkeypatch.setattr(signal, "signal", change)
    with pytest.raises(KeyboardInterrupt), ignore_ending_signals():
        pass
    assert {number: signal.getsignal(number) for number in ENDING} == before


def test_a_record_without_room_is_refused_before_the_first_device(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "deep"
    needed = BYTES_BESIDE + 12 * BYTES_A_DEVICE
    refuse_without_room(folder, 12, lambda _: needed)
    with pytest.raises(AuditRefused, match=r"no room for the record: a rollout of 12 devices needs about 1792 KiB"):
        refuse_without_room(folder, 12, lambda _: needed - 1)
    assert find_free_bytes(folder) == find_free_bytes(tmp_path) > 0


def test_a_trace_that_cannot_be_closed_hides_no_outcome(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: TracerProvider) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TracerProvider, "shutdown", refuse)
    with open_trace(tmp_path / "timeline" / "one.jsonl") as trace:
        outcomes = memory_lab.apply(city, canary_plan, trace)
    assert [one.end for one in outcomes] == [End.APPLIED]


def refuse_entry(monkeypatch: pytest.MonkeyPatch, refused: AuditKind) -> None:
    """Let the audit trail take no entry of a kind."""
    append = AuditTrail._append  # noqa: SLF001 every entry goes this way

    def refuse(self: AuditTrail, kind: AuditKind, details: Mapping[str, str | int]) -> str:
        if kind is refused:
            message = "the disk of the trail is full"
            raise AuditRefused(message)
        return append(self, kind, details)

    monkeypatch.setattr(AuditTrail, "_append", refuse)


@pytest.mark.parametrize("refused", [None, AuditKind.APPLIED, AuditKind.TIMELINE_OPENED], ids=lambda one: one or "room")
def test_an_apply_that_is_refused_leaves_what_was_applied_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: AuditKind | None
) -> None:
    operations = make_operations(tmp_path)
    scene = Scene(tmp_path, 1, operations, now=datetime.now(UTC))
    give_open_vswitches(scene, 2)
    scene.plan()
    monkeypatch.setattr("controller.cli.devices.apply.SshTransport", lambda _: scene.lab.transport)
    monkeypatch.setattr("controller.cli.devices.apply.load_operations_of", lambda *_: operations)

    def refuse_many(_: Path, devices: int) -> None:
        if devices > 1:
            message = "no room for the record"
            raise AuditRefused(message)

    words = ("apply", "plan.json", "--policies", str(scene.policies.path))
    with monkeypatch.context() as full:
        if refused is None:
            full.setattr("controller.cli.devices.apply.refuse_without_room", refuse_many)
        else:
            refuse_entry(full, refused)
        assert here(*words, cwd=tmp_path).code == 1
    assert find_applied_policy(scene.load(), operations) is None
    assert here(*words, cwd=tmp_path).code == 0
    assert find_applied_policy(scene.load(), operations) is not None


class Sender:
    """Sends this process a signal when a step begins, until it is heard; see `test_waves` for why it may have to."""

    def __init__(self, number: signal.Signals, step: str) -> None:
        self.number, self.step, self.was_heard = number, step, False

    def started(self, span: Span) -> None:
        if span.name != self.step or self.was_heard:
            return
        for _ in range(40):
            send_own_signal(self.number)
            began = time.monotonic()
            while time.monotonic() < began + 1:
                if signal.getsignal(self.number) is signal.SIG_IGN:
                    self.was_heard = True
                    # While devices are brought to their ends nothing of the kind is heard.
                    send_own_signal(self.number)
                    return
                threading.Event().wait(0.005)

    def ended(self, span: Span) -> None:
        """Nothing happens at an end."""
        del span


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_signal_ends_the_devices_that_have_begun_and_begins_no_other(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile, number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    sender = Sender(number, "push")
    with end_like_interrupt():
        first, *others = memory_lab.apply(city, change_plan, sender)
    assert sender.was_heard
    assert first.end is End.APPLIED
    assert {(one.end, one.reason) for one in others} == {(End.FAILED, INTERRUPTED)}
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("handle", [end_like_interrupt, partial(hear_signals, print)], ids=["apply", "rollout"])
def test_a_signal_that_is_ignored_stays_ignored(handle: Callable[[], AbstractContextManager[None]]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with handle():
            send_own_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nothing_more_of_a_school_is_begun_after_a_device_of_it_ended_badly(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile
) -> None:
    first = memory_lab.switches[0]
    memory_lab.of(first).draw_fault = FaultScript({("push", 0): make_fault("refuses", "push", 0)})
    bad, *others = roll_out_with(city, change_plan, first.school.id, memory_lab.settings(), in_one_school=True)
    assert bad.end is End.REVERTED
    assert others
    for one, device in zip(others, memory_lab.switches[1:], strict=True):
        assert (one.end, one.reason) == (End.FAILED, f"not attempted: {bad.device} of its school ended reverted")
        assert memory_lab.of(device).logins == 0

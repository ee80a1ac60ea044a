"""An end is told only of what was read: lost answers, cut and slow lines, errors of the controller's own record."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.model.city import City
from controller.plan.document import PlanFile
from controller.platforms.transport.in_memory_device.faults import make_fault
from controller.rollout import device_step
from controller.rollout.outcome import End
from tests.rollout.memory_lab import RESTORE_SECONDS, MemoryLab
from tests.rollout.test_rollout import spoil


@pytest.mark.parametrize("kind", ["lies about failure", "breaks after"])
def test_a_confirmation_whose_answer_is_lost_is_read_from_the_device(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile, kind: str
) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    spoil(memory_lab, 0, ("cancel", 0, make_fault(kind, "cancel", 0)))
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert (outcome.end, outcome.reason) == (End.APPLIED, "")
    assert device.startup == device.running
    assert not device.restore_armed
    assert outcome.seconds < RESTORE_SECONDS


def test_a_restore_whose_answer_is_lost_is_read_from_the_device(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    old = device.running
    lost = [("restored", number, make_fault("refuses", "restored", 0)) for number in range(300)]
    spoil(memory_lab, 0, ("push", 0, make_fault("breaks after", "push", 0)), *lost)
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.UNKNOWN
    assert "; then: " in outcome.reason
    assert device.running == old
    spoil(memory_lab, 0, ("push", 0, make_fault("breaks after", "push", 0)), lost[0], lost[125])
    again = memory_lab.apply(city, canary_plan)[0]
    assert again.end is End.REVERTED
    assert device.running == old


def test_a_restore_that_never_runs_is_unknown(city: City, memory_lab: MemoryLab, canary_plan: PlanFile) -> None:
    spoil(
        memory_lab,
        0,
        ("cancel", 0, make_fault("breaks before", "cancel", 0)),
    )
    device = memory_lab.of(memory_lab.switches[0])
    device.cannot_put_back = True
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.UNKNOWN
    assert "in an unconfirmed state" in outcome.reason


def test_a_line_that_is_cut_while_reading_back_ends_no_change(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    spoil(
        memory_lab,
        0,
        ("read", 1, make_fault("leaves before", "read", 9.0)),
        ("read", 2, make_fault("breaks before", "read", 0.0)),
    )
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert (outcome.end, outcome.reason) == (End.APPLIED, "")


def test_a_slow_line_is_told_as_the_cause_and_with_the_time_that_would_do(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    old = memory_lab.running(memory_lab.switches[0])
    slow = make_fault("is slow before", "read", 26.0)
    spoil(
        memory_lab,
        0,
        ("open", 0, make_fault("is slow before", "open", 12.0)),
        ("push", 0, make_fault("is slow before", "push", 20.0)),
        ("read", 1, slow),
        ("read", 2, slow),
    )
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.REVERTED
    assert "its own restore fired 60 s after it was armed, before the change was confirmed" in outcome.reason
    assert "a login takes 12 s here: use --restore-after 150" in outcome.reason
    assert memory_lab.running(memory_lab.switches[0]) == old


def test_a_line_that_is_too_slow_for_the_restore_is_refused_before_anything_is_armed(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    spoil(
        memory_lab,
        0,
        ("open", 0, make_fault("is slow before", "open", 25.0)),
        ("read", 0, make_fault("is slow before", "read", 10.0)),
    )
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.FAILED
    assert "a login takes 25 s here, and reading 10 s" in outcome.reason
    assert "Use --restore-after 160" in outcome.reason
    assert "arm" not in [one.verb for one in device.exchanges[-5:]]
    assert not device.locked_by


def test_an_error_of_the_record_is_no_change_of_the_device(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, device: str) -> None:
        raise OSError(28, "No space left on device", str(folder / device))

    monkeypatch.setattr(device_step, "hold_device_lock", refuse)
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.FAILED
    assert "No space left on device" in outcome.reason
    assert outcome.reason.endswith("; nothing was changed")


def test_an_outcome_tells_the_cause_without_the_text_of_the_command(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    spoil(memory_lab, 0, ("push", 0, make_fault("refuses", "push", 0)))
    assert "command" not in memory_lab.apply(city, canary_plan)[0].reason


NOT_SAVED = "the change runs and is confirmed, but was not saved for the next boot"


@pytest.mark.parametrize(
    ("kind", "end"), [("lies about success", End.FAILED), ("refuses", End.FAILED), ("breaks after", End.APPLIED)]
)
def test_what_runs_already_and_is_not_saved_is_told_as_that(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile, kind: str, end: End
) -> None:
    """Found by chaos (rollout 20261254 at 5722ceac): a second try told only that the device had said something else."""
    device = memory_lab.of(memory_lab.switches[0])
    spoil(memory_lab, 0, ("save", 0, make_fault("refuses", "save", 0.0)))
    assert memory_lab.apply(city, canary_plan)[0].end is End.FAILED
    assert device.startup != device.running
    spoil(memory_lab, 0, ("save", 0, make_fault(kind, "save", 0.0)))
    again = memory_lab.apply(city, canary_plan)[0]
    assert again.end is end
    assert (NOT_SAVED in again.reason) is (not end.good)
    assert (device.startup == device.running) is end.good

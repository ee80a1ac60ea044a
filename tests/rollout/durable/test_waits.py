from __future__ import annotations

import json
import time
from pathlib import Path
from threading import Event
from typing import cast

import pytest

from controller.errors import StoreRefused
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.records import RolloutState
from controller.rollout.durable.waits import Waits, WorkflowWatch
from controller.rollout.durable.workflow_engine import WorkflowEngine, WorkflowStatus
from controller.telemetry.timeline import Level, Span, open_rollout_span
from tests.policies import NOON
from tests.rollout.durable.city_scene import DurableScene


class Recorder:
    """Keeps the spans that have begun and ended."""

    def __init__(self) -> None:
        self.begun: list[Span] = []
        self.finished: list[Span] = []

    def started(self, span: Span) -> None:
        self.begun.append(span)

    def ended(self, span: Span) -> None:
        self.finished.append(span)


def test_a_wait_is_a_span_as_long_as_its_reason_holds() -> None:
    recorder = Recorder()
    with open_rollout_span("r", [recorder]) as root:
        waits = Waits(root)
        waits.begin_wait("as-e04", "lessons")
        waits.begin_wait("as-e04", "lessons")
        waits.begin_wait("kw-s01", "lessons")
        assert waits.describe_waits() == "as-e04: lessons; kw-s01: lessons"
        waits.begin_wait("as-e04", "an exam day")
        assert len(recorder.finished) == 1
        waits.end_wait("as-e04")
        waits.end_wait("as-e04")
        waits.end_wait("kw-s01")
        assert waits.describe_waits() == ""
    names = ["wait: as-e04: lessons", "wait: kw-s01: lessons", "wait: as-e04: an exam day"]
    assert [span.name for span in recorder.begun[1:]] == names
    assert {span.level for span in recorder.begun[1:]} == {Level.STEP}
    assert len(recorder.finished) == 4


def test_only_some_of_many_waits_are_named() -> None:
    with open_rollout_span("r", []) as root:
        waits = Waits(root)
        for number in range(9):
            waits.begin_wait(f"s{number}", "lessons")
        assert waits.describe_waits() == "s0: lessons; s1: lessons; s2: lessons; and 6 more"


def test_the_trace_goes_from_the_rollout_down_to_each_command_and_names_what_was_waited_for(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, schools=2)
    started, recorder = scene.judge(), Recorder()
    record = scene.record(started)
    lab = scene.scene.lab
    pressed: list[str] = []

    def pause(verb: str) -> Fault:
        if verb == "save" and not pressed:
            pressed.append(verb)
            with use_rollouts(scene.state) as store:
                store.change_state_or_refuse(record.id, RolloutState.PAUSED, lab.clock.now(), by="hanako")
        return NO_FAULT

    class ResumingClock(ManualClock):
        """Whoever waits on it is resumed by somebody."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            with use_rollouts(scene.state) as store:
                store.change_state(record.id, RolloutState.RUNNING, NOON, since=(RolloutState.PAUSED,), by="hanako")

    lab.of(lab.switches[0]).draw_fault = pause
    prepared = scene.prepare(record, started, scene.surround(clock=ResumingClock(NOON)))
    scene.work(prepared, listeners=[recorder])
    roots = [span for span in recorder.begun if span.level is Level.ROLLOUT]
    assert [span.parent for span in roots] == [None]
    assert json.loads(str(roots[0].attributes["waves"])) == {
        wave.name: {turn.school: list(turn.devices) for turn in wave.schools} for wave in record.waves
    }
    above = {Level.SCHOOL: Level.ROLLOUT, Level.DEVICE: Level.SCHOOL, Level.COMMAND: Level.STEP}
    for span in recorder.begun:
        if span.level in above:
            assert span.parent is not None
            assert span.parent.level is above[span.level], span.name
    assert {span.name for span in recorder.begun if span.level is Level.DEVICE} == set(record.list_devices())
    assert any(span.level is Level.COMMAND for span in recorder.begun)
    waits = [span for span in recorder.begun if span.name.startswith("wait: ")]
    assert [span.parent for span in waits] == roots * len(waits)
    assert any("it is paused" in span.name for span in waits)
    assert len(recorder.finished) == len(recorder.begun)


class ForgetfulEngine:
    """A workflow engine that keeps no end of any workflow."""

    def find_status(self, key: str) -> WorkflowStatus | None:
        del key
        return WorkflowStatus.PENDING


def test_a_workflow_whose_end_is_not_kept_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.rollout.durable.waits.UNKEPT_SECONDS", 0.2)
    watch = WorkflowWatch(cast("WorkflowEngine", ForgetfulEngine()), Event())
    watch.note_returned("r.0")
    with pytest.raises(StoreRefused, match=r"r\.0 has ended, and that is not in it"):
        watch.wait_for_workflow("r.0", time.monotonic())
    watch.stop.set()
    assert watch.wait_for_workflow("r.1", time.monotonic()) is WorkflowStatus.PENDING

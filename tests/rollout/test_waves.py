"""Waves: the canary school first; the rest only after it went well; schools side by side, what is interrupted ends."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from controller.model.city import City
from controller.plan.document import PlanFile
from controller.plan.verify import verify_plan
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import NO_FAULT, Fault, FaultScript, make_fault
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import INTERRUPTED, SCHOOLS_AT_ONCE, Settings, apply_plan, roll_out
from controller.telemetry.timeline import Level, Listener, Span
from controller.telemetry.traces.rollout_trace import open_trace
from tests.own_signal import send_own_signal
from tests.rollout.memory_lab import MemoryLab, planned_city, switches
from tests.rollout.wave_campaign import play_seed
from tests.soak import FACTOR

SEEDS = 120 * FACTOR
GIVEN_UP_SECONDS = 60.0
UNHEARD_SECONDS = 5.0


def roll_out_with(  # a verified plan that is changed on the way, as no saved plan can be
    city: City, plan: PlanFile, canary: str, settings: Settings, *listeners: Listener, in_one_school: bool = False
) -> list[Outcome]:
    """Carry out a plan with another canary, or as if all its switches were in the first one's school."""
    city = planned_city(city, plan)
    verified = verify_plan(city, plan)
    if in_one_school:
        school = verified[0].device.school
        verified = tuple(replace(one, device=replace(one.device, school=school)) for one in verified)
        derived = {one.device.id: one.derived for one in verified}
        settings = replace(settings, derive=lambda _city, device, *_: derived[device.id])
    return roll_out(city, plan.model_copy(update={"canary": canary}), verified, settings, listeners)


def test_the_canary_decides_and_every_end_is_true(city: City, tmp_path: Path) -> None:
    models = switches(city, city.virtual_estate.schools[:4])
    found = {seed: told for seed in range(SEEDS) if (told := play_seed(seed, city, models, tmp_path))}
    assert found == {}


@pytest.mark.parametrize("word", ["good", "not good"])
def test_the_rest_is_reached_only_after_a_good_canary(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile, word: str, tmp_path: Path
) -> None:
    canary_good = word == "good"
    canary, *others = memory_lab.switches
    if not canary_good:
        memory_lab.of(canary).draw_fault = FaultScript({("push", 0): make_fault("refuses", "push", 0)})
    ended: list[Span] = []

    class Listener:
        def started(self, span: Span) -> None:
            """Only ends count."""

        def ended(self, span: Span) -> None:
            ended.append(span)

    timeline = tmp_path / "timeline.jsonl"
    with open_trace(timeline) as trace:
        first, *rest = memory_lab.apply(city, change_plan, trace, Listener())
    assert first.end is (End.APPLIED if canary_good else End.REVERTED)
    for outcome, device in zip(rest, others, strict=True):
        assert (memory_lab.of(device).logins > 0) is canary_good
        assert outcome.end is (End.APPLIED if canary_good else End.FAILED)
        assert outcome.reason == (
            "" if canary_good else f"not attempted: {canary.id} of the canary school ended reverted"
        )
        assert outcome.school == device.school.id
        assert canary_good or outcome.seconds == 0, "what is not attempted takes no time"
    by_level = {
        level: [span.outcome for span in ended if span.level is level] for level in (Level.SCHOOL, Level.ROLLOUT)
    }
    assert by_level[Level.ROLLOUT] == [word]
    assert by_level[Level.SCHOOL] == [word] * (3 if canary_good else 1)
    root = next(span for span in ended if span.level is Level.ROLLOUT)
    assert root.name == change_plan.digest()[:12]
    assert root.attributes["devices"] == 3
    assert json.loads(str(root.attributes["waves"])) == {
        "canary": {canary.school.id: [canary.id]},
        "rest": {one.school.id: [one.id] for one in others},
    }


def test_a_bad_school_beside_the_canary_does_not_stop_the_others(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile
) -> None:
    _, second, third = memory_lab.switches
    memory_lab.of(second).leave(100_000)
    ends = [outcome.end for outcome in memory_lab.apply(city, change_plan)]
    assert ends == [End.APPLIED, End.FAILED, End.APPLIED]
    assert memory_lab.of(third).logins


def test_outcomes_come_in_the_order_of_the_plan_also_with_the_canary_last(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile
) -> None:
    last = change_plan.devices[-1]
    plan = change_plan
    order: list[str] = []

    class Listener:
        def started(self, span: Span) -> None:
            if span.level is Level.DEVICE:
                order.append(span.name)

        def ended(self, span: Span) -> None:
            """Only beginnings count."""

    outcomes = roll_out_with(city, plan, last.school, memory_lab.settings(), Listener())
    assert [outcome.device for outcome in outcomes] == [one.device for one in plan.devices]
    assert order[0] == last.device


def test_without_a_canary_everything_is_one_wave(city: City, memory_lab: MemoryLab, change_plan: PlanFile) -> None:
    memory_lab.of(memory_lab.switches[0]).leave(100_000)
    ends = [outcome.end for outcome in roll_out_with(city, change_plan, "", memory_lab.settings())]
    assert ends == [End.FAILED, End.APPLIED, End.APPLIED]


def test_a_plan_without_devices_does_nothing(city: City, memory_lab: MemoryLab, change_plan: PlanFile) -> None:
    assert memory_lab.apply(city, change_plan.model_copy(update={"devices": (), "canary": ""})) == []


def meet(lab: MemoryLab, barrier: threading.Barrier) -> None:
    """Let the switches wait for one another before they take a push."""

    def draw(verb: str) -> Fault:
        if verb == "push":
            barrier.wait(30)
        return NO_FAULT

    for device in lab.devices.values():
        device.draw_fault = draw


def test_schools_are_changed_side_by_side(city: City, memory_lab: MemoryLab, change_plan: PlanFile) -> None:
    assert SCHOOLS_AT_ONCE > 1
    meet(memory_lab, threading.Barrier(3))
    settings = replace(memory_lab.settings(), schools_at_once=SCHOOLS_AT_ONCE)
    outcomes = roll_out_with(city, change_plan, "", settings)
    assert {outcome.end for outcome in outcomes} == {End.APPLIED}


def test_eight_schools_are_changed_at_once_where_nothing_else_is_asked(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers: int) -> None:
            asked.append(workers)
            super().__init__(workers)

    monkeypatch.setattr("controller.rollout.waves.ThreadPoolExecutor", Pool)
    settings = memory_lab.settings()
    usual = Settings(settings.restore_after, settings.state_folder, settings.transport, settings.clock)
    devices = change_plan.devices[:2]
    outcomes = apply_plan(
        planned_city(city, change_plan), change_plan.model_copy(update={"devices": devices}), usual, []
    )
    assert {outcome.end for outcome in outcomes} == {End.APPLIED}
    assert asked == [8, 8], "the canary's wave and the rest's"


def test_the_devices_of_a_school_are_changed_one_after_the_other(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile
) -> None:
    together: list[int] = []
    pushing: list[str] = []

    class Listener:
        def started(self, span: Span) -> None:
            if span.level is Level.DEVICE:
                pushing.append(span.name)
                together.append(len(pushing))

        def ended(self, span: Span) -> None:
            if span.level is Level.DEVICE:
                pushing.remove(span.name)

    settings = replace(memory_lab.settings(), schools_at_once=SCHOOLS_AT_ONCE)
    outcomes = roll_out_with(city, change_plan, "", settings, Listener(), in_one_school=True)
    assert {outcome.end for outcome in outcomes} == {End.APPLIED}
    assert together == [1, 1, 1]


def test_ctrl_c_ends_what_has_begun_and_begins_nothing_more(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile
) -> None:
    first = memory_lab.of(memory_lab.switches[0])
    interrupted = threading.Event()
    said: list[int] = []

    def press(verb: str) -> Fault:
        if verb == "push":
            send_own_signal(signal.SIGINT)
            # Only once the main thread has stopped waiting is it ignored; then whatever is pressed changes nothing. One
            # that comes just before that thread begins to wait is not heard (Python's own gap): so pressed again.
            pressed = began = time.monotonic()
            while signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
                if time.monotonic() > began + GIVEN_UP_SECONDS:
                    return NO_FAULT  # the device is applied to, and so are the others: the test fails and does not hang
                interrupted.wait(0.005)
                if time.monotonic() > pressed + UNHEARD_SECONDS:
                    send_own_signal(signal.SIGINT)
                    pressed = time.monotonic()
            send_own_signal(signal.SIGINT)
        return NO_FAULT

    first.draw_fault = press
    # Another test of this process may have left a handler of its own, which would hear the Ctrl-C instead.
    left_by_others = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        before = signal.getsignal(signal.SIGINT)
        settings = replace(memory_lab.settings(), on_interrupt=said.append)
        begun, *others = roll_out_with(city, change_plan, "", settings, in_one_school=True)
        assert signal.getsignal(signal.SIGINT) is before
    finally:
        signal.signal(signal.SIGINT, left_by_others)
    assert said == [1]  # at once, and once
    assert begun.end is End.APPLIED
    assert all((outcome.end, outcome.reason) == (End.FAILED, INTERRUPTED) for outcome in others)
    assert not any(memory_lab.of(device).logins for device in memory_lab.switches[1:])


def test_each_run_has_a_name_of_its_own(city: City, memory_lab: MemoryLab, canary_plan: PlanFile) -> None:
    device: MemoryDevice = memory_lab.of(memory_lab.switches[0])
    for _ in range(2):
        memory_lab.apply(city, canary_plan)
    runs = [one.words[1] for one in device.exchanges if one.verb == "lock"]
    assert len(runs) == len(set(runs)) == 2
    # Each command carries it: a short word that no shell and no file name minds.
    assert all(re.fullmatch("[0-9a-f]{12}", run) for run in runs)


def test_an_unknown_device_is_told_by_the_transport(city: City, memory_lab: MemoryLab, canary_plan: PlanFile) -> None:
    settings = replace(memory_lab.settings(), transport=MemoryTransport([]))
    (outcome,) = apply_plan(planned_city(city, canary_plan), canary_plan, settings, [])
    assert outcome.end is End.FAILED
    assert "there is no such device in memory" in outcome.reason

"""A rollout that lasts over midnight, when an exception in its plan expires: nothing more is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest

from controller.model.city import City
from controller.plan.document import PlanFile
from controller.plan.plan_expiry import find_first_expiry
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.rollout.outcome import End, Outcome
from controller.telemetry.timeline import Level, Span
from controller.telemetry.traces.rollout_trace import open_trace
from tests.rollout.memory_lab import MemoryLab

EXPIRED = "'computer-room-web' ("


@dataclass
class Midnight:
    """Turns a clock to the day after the last one of an exception when some span has ended."""

    clock: ManualClock
    turns_at: Callable[[Span], bool]

    def started(self, span: Span) -> None:
        """Nothing happens at a beginning."""

    def ended(self, span: Span) -> None:
        if self.turns_at(span):
            self.clock.start += timedelta(days=1)


def turn_to_last_evening(city: City, lab: MemoryLab) -> None:
    last = find_first_expiry(city)
    assert last is not None
    lab.clock.start = datetime.combine(last, time(23, 30), city.timezone)


def test_no_device_is_reached_any_more(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile, tmp_path: Path
) -> None:
    """Not even to look at it; and the timeline tells of every device how it ended."""
    logins = {name: device.logins for name, device in memory_lab.devices.items()}
    turn_to_last_evening(city, memory_lab)
    memory_lab.clock.sleep(3600)
    timeline = tmp_path / "timeline.jsonl"
    with open_trace(timeline) as trace:
        outcomes = memory_lab.apply(city, change_plan, trace)
    assert [outcome.device for outcome in outcomes] == [one.device for one in change_plan.devices]
    assert EXPIRED in outcomes[0].reason
    assert all(outcome.end is End.FAILED for outcome in outcomes)
    assert {name: device.logins for name, device in memory_lab.devices.items()} == logins
    spans = [json.loads(line) for line in timeline.read_text(encoding="utf-8").splitlines()]
    ended = {span["name"]: span["attributes"] for span in spans if span["event"] == "end"}
    first = change_plan.devices[0].device
    assert ended[f"device {first}"]["tsunagu.outcome"] == End.FAILED


def roll_out_over_midnight(
    city: City, lab: MemoryLab, plan: PlanFile, turns_at: Callable[[Span], bool]
) -> list[Outcome]:
    turn_to_last_evening(city, lab)
    return lab.apply(city, plan, Midnight(lab.clock, turns_at))


def test_midnight_passes_while_a_device_is_looked_at(city: City, memory_lab: MemoryLab, change_plan: PlanFile) -> None:
    before = {name: device.running for name, device in memory_lab.devices.items()}
    outcomes = roll_out_over_midnight(
        city, memory_lab, change_plan, lambda span: (span.level, span.name) == (Level.STEP, "read")
    )
    assert [outcome.end for outcome in outcomes] == [End.FAILED] * len(outcomes)
    assert EXPIRED in outcomes[0].reason
    assert {name: device.running for name, device in memory_lab.devices.items()} == before
    assert not any(device.locked_by or device.restore_armed for device in memory_lab.devices.values())


def test_midnight_passes_between_two_devices(city: City, memory_lab: MemoryLab, change_plan: PlanFile) -> None:
    canary, *others = memory_lab.switches
    before = [memory_lab.running(device) for device in others]
    outcomes = roll_out_over_midnight(city, memory_lab, change_plan, lambda span: span.level is Level.DEVICE)
    assert [outcome.end for outcome in outcomes] == [End.APPLIED, *[End.FAILED] * len(others)]
    assert all(EXPIRED in outcome.reason for outcome in outcomes[1:])
    assert memory_lab.running(canary).compute_digest() == change_plan.devices[0].states[-1]
    assert [memory_lab.running(device) for device in others] == before


@pytest.mark.parametrize("minutes", [29, 31])
def test_the_day_is_that_of_the_city(city: City, memory_lab: MemoryLab, minutes: int) -> None:
    plan = memory_lab.plan(city, memory_lab.schools[:1])
    turn_to_last_evening(city, memory_lab)
    memory_lab.clock.sleep(minutes * 60)
    ends = {outcome.end for outcome in memory_lab.apply(city, plan)}
    assert ends == ({End.UNCHANGED} if minutes < 30 else {End.FAILED})

"""A rollout that lasts over midnight, when an exception in its plan expires: nothing more is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from controller.lab.state.layout import Layout
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.document import DevicePlan, PlanFile
from controller.plan.expiry import find_first_expiry
from controller.rollout import device_step
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings, apply_plan
from controller.telemetry.timeline import Level, Span
from controller.telemetry.tracing import open_trace
from tests.rollout.conftest import RESTORE_SECONDS, WITHOUT, planned, running, without

EXPIRED = "'computer-room-web' ("


@dataclass
class Clock:
    """Turns to the day after the last one of an exception when some span has ended."""

    last: date
    turns_at: Callable[[Span], bool]
    past: bool = False

    def __call__(self) -> date:
        return self.last + timedelta(days=self.past)

    def started(self, span: Span) -> None:
        """Nothing happens at a beginning."""

    def ended(self, span: Span) -> None:
        self.past = self.past or self.turns_at(span)


def clock(city: City, turns_at: Callable[[Span], bool]) -> Clock:
    last = find_first_expiry(city)
    assert last is not None
    return Clock(last, turns_at)


def test_no_device_is_reached_any_more(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even to look at it; and the timeline tells of every device how it ended."""

    def reached(device: Device, _: str) -> AbstractContextManager[None]:
        pytest.fail(f"{device.id} was reached")

    monkeypatch.setattr(device_step, "session", reached)
    schools = [city.school_by_id[name] for name in city.virtual_estate.schools[:2]]
    devices = [one for school in schools for one in city.list_devices(school) if one.role == "core"]
    steps = {"seen": "a", "steps": (), "wanted": "", "changes": (), "filters_proved": 0, "saved": False}
    plan = PlanFile(
        city=city.id,
        policy=city.digest,
        on=city.policy_date,
        until=find_first_expiry(city),
        estate="virtual",
        made=datetime.now(UTC),
        canary="",
        devices=tuple(
            DevicePlan(device=one.id, school=one.school.id, platform=one.platform, **steps) for one in devices
        ),
        unplanned=(),
    )
    late = clock(city, lambda _: True)
    late.past = True
    timeline = tmp_path / "timeline.jsonl"
    with open_trace(timeline) as trace:
        outcomes = apply_plan(city, plan, Settings(RESTORE_SECONDS, tmp_path, late), [trace])
    assert [outcome.device for outcome in outcomes] == [one.id for one in devices]
    assert all(outcome.end is End.FAILED and EXPIRED in outcome.reason for outcome in outcomes)
    spans = [json.loads(line) for line in timeline.read_text(encoding="utf-8").splitlines()]
    ended = {span["name"]: span["attributes"] for span in spans if span["event"] == "end"}
    assert {name for name in ended if name.startswith("device ")} == {f"device {one.id}" for one in devices}
    assert all(ended[f"device {one.id}"]["tsunagu.outcome"] == End.FAILED for one in devices)


@pytest.mark.lab
def test_what_was_not_begun_is_not_written(in_force: City, lab: Layout, tmp_path: Path) -> None:
    less = without(in_force, WITHOUT)
    schools = tuple(school.id for school in lab.schools)
    devices = [less.list_devices(less.school_by_id[school])[0] for school in schools]
    before = [running(device) for device in devices]
    plan = planned(less, schools)

    def rolled_out(turns_at: Callable[[Span], bool]) -> list[Outcome]:
        midnight = clock(less, turns_at)
        return apply_plan(less, plan, Settings(RESTORE_SECONDS, tmp_path, midnight), [midnight])

    # Midnight passes while the first device is looked at.
    outcomes = rolled_out(lambda span: (span.level, span.name) == (Level.STEP, "read"))
    assert [outcome.end for outcome in outcomes] == [End.FAILED, End.FAILED]
    assert EXPIRED in outcomes[0].reason
    assert [running(device) for device in devices] == before
    # It left no lock and nothing armed. Now midnight passes between two devices.
    outcomes = rolled_out(lambda span: span.level is Level.DEVICE)
    assert [outcome.end for outcome in outcomes] == [End.APPLIED, End.FAILED]
    assert EXPIRED in outcomes[1].reason
    assert [running(device) == old for device, old in zip(devices, before, strict=True)] == [False, True]

"""Times of the week, minute by minute, against the slots that they were made from."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from controller.compile.identity.hours import write_time_conditions
from controller.compile.identity.people_cubes import Slot
from controller.model.access.rules import DAYS
from controller.prove.engine.cel import IamCondition

TOKYO = ZoneInfo("Asia/Tokyo")
MONDAY = datetime(2026, 11, 23, tzinfo=TOKYO)


@pytest.mark.parametrize(
    "slots",
    [
        [("mon", 0, 1440)],
        [("sun", 0, 1440), ("mon", 0, 1440)],
        [(day, 300, 1320) for day in DAYS],
        [(day, 545, 1023) for day in ("mon", "tue", "thu")],
        [("sat", 0, 90), ("sat", 90, 600), ("sun", 1439, 1440)],
        [(day, 0, 1440) for day in DAYS],
    ],
)
def test_a_window_holds_exactly_in_its_slots(slots: list[Slot]) -> None:
    conditions = [IamCondition(window) for window in write_time_conditions(slots, "Asia/Tokyo")]
    borders = {minute for _, start, end in slots for minute in (start, end)} | {0, 720}
    for index, day in enumerate(DAYS):
        for border in borders:
            for minute in (border - 1, border, border + 1):
                if 0 <= minute < 1440:
                    moment = MONDAY + timedelta(days=index, minutes=minute, seconds=59)
                    expected = any(day == named and start <= minute < end for named, start, end in slots)
                    assert any(one.holds([], moment) for one in conditions) == expected, (day, minute)


def test_always_needs_no_condition() -> None:
    assert write_time_conditions([(day, 0, 1440) for day in DAYS], "Asia/Tokyo") == [""]

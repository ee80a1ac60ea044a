"""Outages and availability by month: what is not known is neither up nor down."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.measure.report.line_outages import (
    LineOutage,
    LinePast,
    LineSign,
    MeasuredHour,
    MonthOfLine,
    ToldSign,
    find_line_past,
    summarize_line_months,
)
from tests.soak import examples

TOKYO = ZoneInfo("Asia/Tokyo")
HOUR = 3600.0
NOON = datetime(2026, 11, 30, 12, tzinfo=TOKYO).timestamp()
MIDNIGHT = NOON + 12 * HOUR
NOW = NOON + 40 * HOUR
UP, DOWN, FLAPPING = LineSign.UP, LineSign.DOWN, LineSign.FLAPPING


def hours(first: float, count: int, *, answered: bool = True) -> list[MeasuredHour]:
    return [MeasuredHour(first + number * HOUR, answered) for number in range(count)]


def months(past: LinePast) -> list[tuple[str, float, float, int]]:
    return [(one.month, one.known / HOUR, one.down / HOUR, one.outages) for one in summarize_line_months(past, TOKYO)]


def test_an_outage_lasts_from_its_event_to_the_next_and_counts_in_the_city_s_months() -> None:
    signs = [ToldSign(MIDNIGHT - HOUR, DOWN, "no region answers over it"), ToldSign(MIDNIGHT + 2 * HOUR, UP)]
    measured = [*hours(NOON, 11), *hours(MIDNIGHT - HOUR, 3, answered=False), *hours(MIDNIGHT + 2 * HOUR, 4)]
    past = find_line_past(signs, measured, NOW)
    assert past.outages == (
        LineOutage(MIDNIGHT - HOUR, MIDNIGHT + 2 * HOUR, end_told=True, cause="no region answers over it"),
    )
    assert months(past) == [("2026-11", 12, 1, 1), ("2026-12", 6, 2, 1)]
    assert [one.available for one in summarize_line_months(past, TOKYO)] == pytest.approx([11 / 12, 4 / 6])


def test_silence_is_not_known_neither_up_nor_down() -> None:
    past = find_line_past([ToldSign(NOON + 1800, DOWN)], hours(NOON, 1), NOW)
    assert past.outages == (LineOutage(NOON + 1800, None, end_told=False),)
    # Only the half hour in which somebody measured counts as down, though nobody told that it came back.
    assert months(past)[0] == ("2026-11", 1, 0.5, 1)
    assert find_line_past([], [], NOW).known == ()
    assert summarize_line_months(find_line_past([], [], NOW), TOKYO) == []
    assert MonthOfLine("2026-11", 0, 0, 1).available is None


def test_a_line_that_answers_when_it_is_next_measured_is_back_though_no_event_told() -> None:
    signs = [ToldSign(NOON + 1800, DOWN), ToldSign(NOON + 10 * HOUR, DOWN), ToldSign(NOON + 11 * HOUR, UP)]
    past = find_line_past(signs, [*hours(NOON, 1), *hours(NOON + 5 * HOUR, 3)], NOW)
    assert past.outages == (
        LineOutage(NOON + 1800, NOON + 5 * HOUR, end_told=False),
        LineOutage(NOON + 10 * HOUR, NOON + 11 * HOUR, end_told=True),
    )


def test_hours_without_an_answer_are_an_outage_also_where_no_event_told() -> None:
    measured = [*hours(NOON, 2), *hours(NOON + 2 * HOUR, 3, answered=False), *hours(NOON + 5 * HOUR, 1)]
    past = find_line_past([], measured, NOW)
    assert past.outages == (LineOutage(NOON + 2 * HOUR, NOON + 5 * HOUR, end_told=False),)
    assert months(past) == [("2026-11", 6, 3, 1)]
    lasting = find_line_past([], hours(NOON, 3, answered=False), NOW)
    assert [one.ends for one in lasting.outages] == [None]


def test_a_flapping_line_is_neither() -> None:
    signs = [ToldSign(NOON + HOUR, FLAPPING), ToldSign(NOON + 2 * HOUR, UP)]
    assert months(find_line_past(signs, hours(NOON, 4), NOW)) == [("2026-11", 3, 0, 0)]


def test_the_same_told_twice_is_one_outage_and_an_up_without_a_down_is_none() -> None:
    signs = [
        ToldSign(NOON, UP),
        ToldSign(NOON + 60, DOWN, "a"),
        ToldSign(NOON + 90, DOWN, "b"),
        ToldSign(NOON + 120, UP),
    ]
    assert find_line_past(signs, [], NOW).outages == (LineOutage(NOON + 60, NOON + 120, end_told=True, cause="a"),)


SIGNS = st.lists(st.builds(ToldSign, st.integers(0, 200).map(lambda at: NOON + 900.0 * at), st.sampled_from(LineSign)))
MEASURED = st.lists(st.builds(MeasuredHour, st.integers(-5, 60).map(lambda at: NOON + HOUR * at), st.booleans()))


@given(SIGNS, MEASURED)
@settings(max_examples=examples(100), deadline=None)
def test_down_is_never_more_than_known_nor_known_more_than_measured(
    signs: list[ToldSign], measured: list[MeasuredHour]
) -> None:
    past = find_line_past(signs, measured, NOW)
    found = summarize_line_months(past, TOKYO)
    assert all(0 <= one.down <= one.known + 1e-6 for one in found)
    assert sum(one.known for one in found) <= HOUR * len({one.begins for one in measured}) + 1e-6
    assert all(one.ends is None or one.begins <= one.ends for one in past.outages)
    assert len({one.month for one in found}) == len(found)

"""Outages and availability by month: what is not known is neither up nor down."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.measure.report.line_outages import (
    LineOutage,
    MonthOfLine,
    ToldPeriod,
    list_outages,
    summarize_line_months,
)
from tests.soak import examples

TOKYO = ZoneInfo("Asia/Tokyo")
HOUR = 3600.0
NOON = datetime(2026, 11, 30, 12, tzinfo=TOKYO).timestamp()
NOW = NOON + 40 * HOUR


def told(*parts: tuple[float, float, bool]) -> list[ToldPeriod]:
    """Periods from and until so many hours after noon."""
    return [ToldPeriod(NOON + begins * HOUR, NOON + ends * HOUR, up) for begins, ends, up in parts]


def months(periods: list[ToldPeriod]) -> list[tuple[str, float, float, int]]:
    found = summarize_line_months(periods, list_outages(periods), TOKYO, NOW)
    return [(one.month, one.known / HOUR, one.down / HOUR, one.outages) for one in found]


def test_an_outage_counts_in_each_of_the_city_s_months_that_it_lies_in() -> None:
    periods = told((0, 11, True), (11, 14, False), (14, 18, True))
    assert list_outages(periods, [(NOON, "another"), (NOON + 11 * HOUR + 2, "no region answers over it")]) == [
        LineOutage(NOON + 11 * HOUR, NOON + 14 * HOUR, end_seen=True, cause="no region answers over it")
    ]
    assert months(periods) == [("2026-11", 12, 1, 1), ("2026-12", 6, 2, 1)]
    found = summarize_line_months(periods, [], TOKYO, NOW)
    assert [one.up_share for one in found] == pytest.approx([11 / 12, 4 / 6])


def test_silence_is_not_known_neither_up_nor_down() -> None:
    periods = told((0, 1, True), (1, 1.5, False))
    assert list_outages(periods) == [LineOutage(NOON + HOUR, None, end_seen=False)]
    assert months(periods) == [("2026-11", 1.5, 0.5, 1)]
    assert summarize_line_months([], [], TOKYO, NOW) == []
    assert MonthOfLine("2026-11", 0, 0, 1).up_share is None


def test_an_end_that_nobody_saw_is_by_the_time_of_the_next_look() -> None:
    assert list_outages(told((0, 1, False), (5, 6, True))) == [LineOutage(NOON, NOON + 5 * HOUR, end_seen=False)]
    # Down before the silence and after it: nobody has said that it was up.
    assert list_outages(told((0, 1, False), (5, 6, False), (6, 7, True))) == [
        LineOutage(NOON, NOON + 6 * HOUR, end_seen=True)
    ]
    assert months(told((0, 1, False), (5, 6, False), (6, 7, True))) == [("2026-11", 3, 2, 1)]


def test_a_line_that_was_never_down_has_no_outage() -> None:
    assert list_outages(told((0, 1, True), (2, 3, True))) == []
    assert months(told((0, 1, True), (2, 3, True))) == [("2026-11", 2, 0, 0)]


class Counted(float):
    """A time that counts how often it is compared or reckoned with."""

    asked = 0

    def __lt__(self, other: float) -> bool:
        Counted.asked += 1
        return float(self) < other

    def __gt__(self, other: float) -> bool:
        Counted.asked += 1
        return float(self) > other

    def __sub__(self, other: float) -> float:
        Counted.asked += 1
        return float(self) - other


def test_of_many_outages_each_is_held_against_the_events_and_months_near_it_alone() -> None:
    marks = [NOON + 6 * HOUR * number for number in range(1600)]  # 400 days, the most that is kept
    periods = [
        ToldPeriod(Counted(begins), ends, number % 2 == 0) for number, (begins, ends) in enumerate(pairwise(marks))
    ]
    causes = [(Counted(one.begins + 1), "down") for one in periods if not one.up]
    outages = list_outages(periods, causes)
    found = summarize_line_months(periods, outages, TOKYO, marks[-1])
    assert {one.cause for one in outages} == {"down"}
    assert (len(outages), len(found)) == (799, 15)
    assert Counted.asked < 60 * len(periods)


@st.composite
def list_periods(draw: st.DrawFn) -> list[ToldPeriod]:
    marks = sorted(draw(st.sets(st.integers(-500, 500), max_size=12)))
    spans = list(pairwise(marks))
    return [ToldPeriod(NOON + 60.0 * a, NOON + 60.0 * b, draw(st.booleans())) for a, b in spans if draw(st.booleans())]


@given(list_periods())
@settings(max_examples=examples(100), deadline=None)
def test_months_add_up_to_what_is_known_and_outages_to_what_was_down(periods: list[ToldPeriod]) -> None:
    outages = list_outages(periods)
    found = summarize_line_months(periods, outages, TOKYO, NOW)
    assert sum(one.known for one in found) == pytest.approx(sum(one.ends - one.begins for one in periods))
    assert sum(one.down for one in found) == pytest.approx(sum(p.ends - p.begins for p in periods if not p.up))
    for one in periods:
        inside = [out for out in outages if out.begins <= one.begins and (out.ends is None or one.ends <= out.ends)]
        assert len(inside) == (0 if one.up else 1)

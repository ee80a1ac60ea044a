"""A known outage stays one until something says otherwise, and no clock makes an older word the newer one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.city import City
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    BANDWIDTH_MEASURED,
    DAY,
    DEVICE_DRIFT,
    LINE_LAST_HEARD,
    LINE_UP,
    PROBE_LAST_SUCCESS,
)
from monitoring.city_state.known_values import KnownValues
from monitoring.city_state.school_tiles import CityState, format_time
from monitoring.timeseries.records import GaugeValue, SeriesEnd
from monitoring.web.exposition import format_exposition
from tests.monitoring.city_state.made_clock import BEGAN, MadeClock, tell
from tests.monitoring.city_state.test_closed_schools import close_in

SCHOOL = "as-e04"
PRIMARY = {"school": SCHOOL, "line": "primary"}


@pytest.fixture
def clock() -> MadeClock:
    return MadeClock()


def show(state: CityState) -> Mapping[str, Any]:
    return state.tile(state.city.school_by_id[SCHOOL])


def test_a_line_that_was_down_stays_down_until_something_says_up(city: City, clock: MadeClock) -> None:
    state = CityState(city, clock=clock)
    state.take([tell(clock, LINE_UP, 1, place=PRIMARY)])
    clock.pass_time(10)
    state.take([tell(clock, LINE_UP, 0, place=PRIMARY)])
    clock.pass_time(120)
    state.take([tell(clock, LINE_UP, 0, place=PRIMARY)])
    assert show(state)["line_times"] == {"primary": {"since": format_time(BEGAN + 10), "heard": None}}
    clock.pass_time(30 * DAY)
    told = show(state)
    assert (told["lines"]["primary"], told["need"]) == ("down", "line-down")
    assert told["line_times"]["primary"] == {"since": format_time(BEGAN + 10), "heard": format_time(BEGAN + 130)}
    state.take([tell(clock, LINE_UP, 1, place=PRIMARY)])
    assert (show(state)["lines"]["primary"], show(state)["line_times"]) == ("up", {})


def test_a_line_that_is_not_heard_any_more_is_neither_up_nor_unknown(city: City, clock: MadeClock) -> None:
    state = CityState(city, clock=clock)
    state.take([tell(clock, LINE_UP, 1, place=PRIMARY)])
    clock.pass_time(LINE_UP.fresh + 1)
    told = show(state)
    assert told["lines"] == {"primary": "stale", "backup": "unknown"}
    assert told["line_times"] == {"primary": {"since": format_time(BEGAN), "heard": format_time(BEGAN)}}
    assert (told["heard"], told["silent"]) == ("now", False)
    clock.pass_time(300)
    told = show(state)
    assert (told["heard"], told["heard_at"], told["need"]) == ("silent", format_time(BEGAN), "silent")


def test_of_a_school_that_was_never_heard_that_is_said(city: City, clock: MadeClock) -> None:
    state = CityState(city, clock=clock)
    told = show(state)
    assert (told["heard"], told["heard_at"], told["silent"], told["need"]) == ("never", None, False, None)
    assert state.newest is None


def test_metrics_go_on_telling_an_outage_and_how_old_it_is(city: City, clock: MadeClock) -> None:
    state = CityState(city, clock=clock)
    backup = {"school": SCHOOL, "line": "backup"}
    state.take(
        [
            tell(clock, LINE_UP, 0, place=PRIMARY),
            tell(clock, LINE_UP, 1, place=backup),
            tell(clock, DEVICE_DRIFT, 2, school=SCHOOL),
        ]
    )
    clock.pass_time(8 * DAY)
    text = format_exposition([*state.list_served(), *state.list_line_arrivals()], [], clock.wall)
    assert f'{LINE_UP.prometheus}{{school="{SCHOOL}",line="primary"}} 0\n' in text
    assert f'{DEVICE_DRIFT.prometheus}{{school="{SCHOOL}"}} 2\n' in text
    assert f'{LINE_UP.prometheus}{{school="{SCHOOL}",line="backup"}}' not in text
    assert f'{LINE_LAST_HEARD.prometheus}{{school="{SCHOOL}",line="primary"}} {int(BEGAN)}\n' in text
    assert f'{LINE_LAST_HEARD.prometheus}{{school="{SCHOOL}",line="backup"}} {int(BEGAN)}\n' in text


def test_old_news_of_a_closed_school_is_served_nowhere(city: City, clock: MadeClock) -> None:
    closed = {"school": "kw-e03", "line": "primary"}
    state = CityState(close_in(city, -1), clock=clock)
    state.take([tell(clock, LINE_UP, 0, place=closed)])
    clock.pass_time(LINE_UP.fresh + 1)
    assert state.list_served() == []
    assert state.list_needs() == []


def test_an_assessment_of_below_stands_and_one_of_meets_does_not(city: City, clock: MadeClock) -> None:
    for number, word in ((1, "below"), (3, "not-measured")):
        state = CityState(city, clock=clock)
        state.take(
            [
                tell(clock, BANDWIDTH_ASSESSMENT, number, school=SCHOOL),
                tell(clock, BANDWIDTH_MEASURED, 1e8, school=SCHOOL),
            ]
        )
        clock.pass_time(8 * DAY)
        assert show(state)["assessment"] == word


# -- clocks


def test_what_arrives_later_is_newer_whatever_the_senders_clock_says(city: City, clock: MadeClock) -> None:
    state = CityState(city, clock=clock)
    for ahead, value, word in (
        (240.0, 1, "up"),
        (240.0, 0, "down"),
        (0.0, 1, "up"),
        (-61.0, 0, "down"),
        (-3000.0, 1, "up"),
    ):
        state.take([tell(clock, LINE_UP, value, ahead=ahead, place=PRIMARY)])
        assert show(state)["lines"]["primary"] == word
        clock.pass_time(1)


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from([-1800, -120, 0, 120, 240]), st.sampled_from([0, -3600, 3600])),
        min_size=1,
    )
)
def test_the_last_word_counts_however_clocks_are_put(rounds: list[tuple[bool, int, int]]) -> None:
    clock = MadeClock()
    known = KnownValues(clock=clock)
    for is_up, ahead, put in rounds:
        clock.put(put)
        clock.pass_time(1)
        value = tell(clock, LINE_UP, float(is_up), ahead=ahead, place=PRIMARY)
        assert known.may_stand(value, clock())
        known.take([value], clock())
        found = known.find_fresh(LINE_UP, *PRIMARY.values())
        assert found is not None
        assert found.value == float(is_up)


@pytest.mark.parametrize("put", [-3600, 3600])
def test_the_monitors_own_clock_put_back_keeps_nothing_fresh(city: City, clock: MadeClock, put: float) -> None:
    state = CityState(city, clock=clock)
    state.take([tell(clock, LINE_UP, 1, place=PRIMARY)])
    clock.put(put)
    clock.pass_time(LINE_UP.fresh + 1)
    assert show(state)["lines"]["primary"] == "stale"


def test_a_forged_value_of_the_future_is_not_believed_beside_a_right_clock(clock: MadeClock) -> None:
    known = KnownValues(clock=clock)
    known.take([tell(clock, LINE_UP, 0, place=PRIMARY)], clock())
    assert not known.may_stand(tell(clock, LINE_UP, 1, ahead=200, sender="probe/other", place=PRIMARY), clock())
    clock.pass_time(LINE_UP.fresh + 1)
    assert known.may_stand(tell(clock, LINE_UP, 1, ahead=200, sender="probe/other", place=PRIMARY), clock())


def test_what_lay_at_its_sender_and_what_was_overtaken_changes_nothing(clock: MadeClock) -> None:
    known = KnownValues(clock=clock)
    known.take([tell(clock, LINE_UP, 1, place=PRIMARY)], clock())
    clock.pass_time(2)
    fresh = tell(clock, LINE_UP, 0, place=PRIMARY)
    lain = GaugeValue(fresh.key, fresh.at - 900, 0, sender="probe/1", waited=900)
    overtaken = GaugeValue(fresh.key, fresh.at - 5, 0, sender="probe/1")
    assert [one.late for one in known.take([lain, overtaken], clock())] == [True, True]
    found = known.find_fresh(LINE_UP, *PRIMARY.values())
    assert found is not None
    assert found.value == 1
    # Where nothing newer is known it is what was last known, and as old as it is.
    other = tell(clock, LINE_UP, 1, school=SCHOOL, line="backup")
    [taken] = known.take([GaugeValue(other.key, other.at - 900, 1, waited=900)], clock())
    assert (taken.late, taken.heard) == (False, clock.wall - 900)
    assert known.find_fresh(LINE_UP, SCHOOL, "backup") is None


def test_a_probe_that_is_cut_off_with_its_school_is_not_silent(city: City, clock: MadeClock) -> None:
    """It gets through nowhere, and says so."""
    state = CityState(city, clock=clock)
    state.take([tell(clock, PROBE_LAST_SUCCESS, clock.wall, school=SCHOOL)])
    clock.pass_time(1000)
    state.take([tell(clock, LINE_UP, 0, place=PRIMARY), tell(clock, LINE_UP, 0, school=SCHOOL, line="backup")])
    assert (show(state)["heard"], show(state)["need"]) == ("now", "cut-off")


def test_a_series_ends_also_where_the_monitors_clock_was_put_back(city: City, clock: MadeClock) -> None:
    """Read as older than the last "no drift", the end counted for nothing: "no drift" stood for a week."""
    state = CityState(city, clock=clock)
    key = tell(clock, DEVICE_DRIFT, 0, school=SCHOOL).key
    state.take([tell(clock, DEVICE_DRIFT, 0, school=SCHOOL)])
    assert state.end([SeriesEnd(key, clock.wall - 5)]) == []
    clock.put(-3600)
    clock.pass_time(10)
    # The store has the value under the time that it was dated with, and forgets it by that.
    assert state.end([SeriesEnd(key, clock.wall)]) == [SeriesEnd(key, BEGAN)]
    assert show(state)["drift"] is None

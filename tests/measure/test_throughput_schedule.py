"""A day's tests of throughput: whatever is wanted, no two disturb each other, and what has no slot has a reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.measure.lesson_hours import is_lesson_time, list_lesson_hours
from controller.measure.measurement import Measurement, MeasurementKind, ProbeOutcome
from controller.measure.measurement_retention import remove_expired_measurements, remove_expired_outputs
from controller.measure.measurement_store import open_measurement_store
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.measure.schedule import slot_records
from controller.measure.schedule.city_day import build_wish, plan_city_day
from controller.measure.schedule.day_plan import (
    DayPlan,
    LineWish,
    NoSlot,
    PlanLimits,
    SlotKind,
    Span,
    TestSlot,
    Unplaced,
    plan_day,
)
from controller.measure.schedule.slot_records import (
    SlotState,
    find_slot_state,
    find_slot_states,
    keep_missed_slots,
    list_missed_slots,
)
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.measurement import TestSchedule
from controller.model.policy_files import CALENDAR, MEASUREMENT
from controller.model.sites.calendar import CalendarFile
from controller.storage.sqlite import open_store
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.cli.running import here
from tests.measure.findings import failed, measurement, path, throughput
from tests.policies import SHIPPED, PolicyFolder
from tests.soak import examples

CITY = load_city(SHIPPED)
TOKYO = ZoneInfo("Asia/Tokyo")
TUESDAY, SATURDAY, HOLIDAY, EXAMS = date(2026, 12, 8), date(2026, 12, 12), date(2026, 11, 23), date(2026, 12, 2)
ORIGIN = {"origin": {"file": "calendar.yaml", "line": 1}}


def at(hour: float, day: date = TUESDAY) -> datetime:
    return datetime.combine(day, time(0), TOKYO) + timedelta(hours=hour)


def with_schedule(**values: object) -> City:
    schedule = TestSchedule.model_validate({"from": "07:00", "until": "22:00"} | values)
    return CITY.replace_file(MEASUREMENT, CITY.measurement.model_copy(update={"schedule": schedule}))


def with_calendar(**more: object) -> City:
    assert CITY.calendar is not None
    values = CITY.calendar.model_dump(by_alias=True) | more
    return CITY.replace_file(CALENDAR, CalendarFile.model_validate(values))


@st.composite
def list_spans(draw: st.DrawFn) -> tuple[Span, ...]:
    hours = sorted(draw(st.lists(st.integers(0, 96), max_size=4, unique=True)))
    ends = hours[1::2]
    return tuple(Span(at(first / 4), at(last / 4)) for first, last in zip(hours[::2], ends, strict=False))


@st.composite
def list_wishes(draw: st.DrawFn) -> list[LineWish]:
    names = draw(st.lists(st.integers(0, 40), max_size=12, unique=True))
    return [
        LineWish(
            f"s{name:02}",
            "primary",
            draw(st.integers(0, 3)),
            draw(st.integers(0, 4)),
            draw(list_spans()),
            draw(list_spans()),
            draw(st.sampled_from([0.0, 10.0, 90.0, 400.0])),
            frozenset(draw(st.sets(st.sampled_from(["ring-a", "ring-b"])))),
            draw(st.sampled_from([None, None, None, NoSlot.EXAM_DAY])),
        )
        for name in names
    ]


LIMITS = st.builds(
    PlanLimits,
    st.sampled_from([timedelta(minutes=1), timedelta(minutes=7), timedelta(minutes=50)]),
    st.integers(1, 4),
    st.sampled_from([5.0, 100.0, 1e6]),
)


@given(list_wishes(), LIMITS, st.integers(0, 800_000))
@settings(max_examples=examples(150), deadline=None)
def test_no_plan_breaks_a_limit_and_every_test_has_a_slot_or_a_reason(
    wishes: list[LineWish], limits: PlanLimits, turn: int
) -> None:
    plan = plan_day(wishes, limits, turn)
    by_school = {one.school: one for one in wishes}
    moments: dict[datetime, list[TestSlot]] = {}
    for slot in plan.slots:
        moments.setdefault(slot.begins, []).append(slot)
        wish = by_school[slot.school]
        spans = wish.peak_spans if slot.kind is SlotKind.PEAK else wish.off_peak_spans
        assert any(one.begins <= slot.begins and slot.ends <= one.ends for one in spans)
        assert slot.ends - slot.begins == limits.slot
        assert wish.refused is None
    overlapping = sorted(moments)
    assert all(later - earlier >= limits.slot for earlier, later in pairwise(overlapping))
    for slots in moments.values():
        assert len(slots) <= limits.at_once
        links = [link for slot in slots for link in slot.links]
        assert len(links) == len(set(links))
    used = Counter(slot.school for slot in plan.slots)
    assert all(used[one.school] * one.megabytes <= limits.megabytes_a_day for one in wishes)
    placed = Counter((one.school, one.kind) for one in plan.slots)
    placed.update((one.school, one.kind) for one in plan.unplaced)
    wanted = Counter({(one.school, SlotKind.PEAK): one.peak for one in wishes})
    wanted.update({(one.school, SlotKind.OFF_PEAK): one.off_peak for one in wishes})
    assert placed == +wanted
    assert plan_day(list(reversed(wishes)), limits, turn) == plan


@given(list_wishes(), LIMITS)
@settings(max_examples=examples(60), deadline=None)
def test_no_room_is_said_only_where_every_time_is_taken(wishes: list[LineWish], limits: PlanLimits) -> None:
    plan = plan_day(wishes, limits, 0)
    by_school = {one.school: one for one in wishes}
    for none in plan.unplaced:
        if none.reason is NoSlot.NO_ROOM:
            links = by_school[none.school].links
            assert any(links & slot.links for slot in plan.slots) or len(plan.slots) >= limits.at_once


def test_all_schools_of_the_city_are_spread_evenly_over_the_day() -> None:
    city = with_schedule(**{"megabytes-a-day": 1_000_000})  # lines of 10 Gbit/s among them
    plan = plan_city_day(city, city.schools, SATURDAY)
    assert plan.unplaced == ()
    assert Counter(Counter(slot.school for slot in plan.slots).values()) == {3: len(CITY.schools)}
    hours = Counter(slot.begins.hour for slot in plan.slots)
    even = 3 * len(CITY.schools) / 15
    assert all(0.8 * even <= hours[hour] <= 1.2 * even for hour in range(7, 22))
    own = [slot.begins for slot in plan.slots if slot.school == "kw-s01"]
    assert all(later - earlier >= timedelta(hours=4) for earlier, later in pairwise(own))
    other_day = plan_city_day(city, city.schools, SATURDAY + timedelta(days=1))
    assert own[0].time() != next(slot.begins for slot in other_day.slots if slot.school == "kw-s01").time()


def test_peak_is_inside_the_school_s_own_lessons_and_off_peak_outside() -> None:
    city = with_schedule(peak=2, **{"off-peak": 2, "megabytes-a-day": 1_000_000})
    plan = plan_city_day(city, city.schools[:40], TUESDAY)
    for slot in plan.slots:
        school = city.school_by_id[slot.school]
        assert is_lesson_time(slot.begins, city, school) == (slot.kind is SlotKind.PEAK)
    assert Counter(slot.kind for slot in plan.slots) == {SlotKind.PEAK: 80, SlotKind.OFF_PEAK: 80}
    without = plan_city_day(city, city.schools[:40], SATURDAY)
    assert {slot.kind for slot in without.slots} == {SlotKind.OFF_PEAK}


def test_never_two_tests_on_a_shared_link() -> None:
    shared = [{"name": "ring", "wards": ["asao"], **ORIGIN}]
    plan = plan_city_day(with_schedule(shared=shared), CITY.schools, SATURDAY)
    begins = [slot.begins for slot in plan.slots if "ring" in slot.links]
    assert len(begins) == len(set(begins)) > 30


@pytest.mark.parametrize(
    ("day", "reason", "detail"),
    [(EXAMS, NoSlot.EXAM_DAY, "2学期期末"), (date(2028, 1, 11), NoSlot.UNKNOWN_DAY, "2026-04-01 .. 2027-03-31")],
)
def test_on_an_exam_day_and_on_a_day_that_nobody_knows_there_is_no_test_and_it_is_said(
    day: date, reason: NoSlot, detail: str
) -> None:
    plan = plan_city_day(CITY, CITY.schools[:3], day)
    assert plan.slots == ()
    assert {(one.reason, one.detail) for one in plan.unplaced} == {(reason, detail)}


def test_exams_of_one_school_are_its_own() -> None:
    city = with_calendar(**{"school-exams": [{"name": "検定", "from": TUESDAY, "schools": ["as-e04"], **ORIGIN}]})
    plan = plan_city_day(city, [city.school_by_id[name] for name in ("as-e04", "kw-s01")], TUESDAY)
    assert {one.school for one in plan.slots} == {"kw-s01"}
    assert {(one.school, one.reason) for one in plan.unplaced} == {("as-e04", NoSlot.EXAM_DAY)}


def test_a_budget_that_is_smaller_than_a_test_leaves_none_and_says_so() -> None:
    city = with_schedule(**{"megabytes-a-day": 1})
    school = city.school_by_id["kw-s01"]
    wish = build_wish(city, school, SATURDAY)
    # 2 s in each direction and family, by the contract
    assert wish.megabytes == school.lines.primary.mbps * 8 / 8
    plan = plan_city_day(city, [school], SATURDAY)
    assert plan == DayPlan((), (Unplaced("kw-s01", "primary", SlotKind.OFF_PEAK, NoSlot.BUDGET),) * 3)


def test_evening_classes_saturdays_and_holidays_have_their_own_lessons() -> None:
    city = with_calendar(
        lessons=[
            {"from": "08:30", "until": "16:00", **ORIGIN},
            {"from": "17:30", "until": "21:00", "schools": ["sw-h01"], **ORIGIN},
        ]
    )
    evening, day = city.school_by_id["sw-h01"], city.school_by_id["kw-s01"]
    schools, hours = (evening, day), (10, 16, 18, 21)
    found = {(one.id, hour): is_lesson_time(at(hour), city, one) for one in schools for hour in hours}
    assert [name for name, busy in found.items() if busy] == [("sw-h01", 18), ("kw-s01", 10)]
    assert list_lesson_hours(city, day, date(2026, 11, 14)) == ((time(8, 30), time(16)),)  # 授業参観, a Saturday
    assert [list_lesson_hours(city, day, one) for one in (SATURDAY, HOLIDAY)] == [(), ()]
    assert list_lesson_hours(city, day, date(2028, 1, 11)) != ()  # nobody knows, so it may be one


def slots(number: int) -> Sequence[TestSlot]:
    return [
        TestSlot("as-e04", "primary", SlotKind.OFF_PEAK, at(8 + one), at(8 + one) + timedelta(minutes=1), frozenset())
        for one in range(number)
    ]


def test_a_slot_is_done_missed_due_or_to_come() -> None:
    done, missed, due, to_come = slots(4)
    made = [
        replace(measurement(path(school), throughput(100)), at=moment)
        for school, moment in (("as-e04", at(8)), ("kw-s01", at(9)))
    ]
    now = at(10) + timedelta(seconds=30)
    made.append(replace(measurement(path("as-e04"), failed(MeasurementKind.DOWNLOAD, ProbeOutcome.FAILED)), at=at(9)))
    states = [find_slot_state(one, made, now) for one in (done, missed, due, to_come)]
    assert states == [SlotState.DONE, SlotState.MISSED, SlotState.DUE, SlotState.TO_COME]
    gone = [find_slot_state(one, made, now, removed=now) for one in (done, missed, to_come)]
    assert gone == [SlotState.DONE, SlotState.UNKNOWN, SlotState.TO_COME]


def test_of_many_slots_each_is_held_against_what_was_measured_near_it() -> None:
    wanted = slots(300)
    made = [replace(measurement(path("as-e04"), throughput(100)), at=one.begins) for one in wanted[::2]]
    compared = 0

    def count(slot: TestSlot, measured: Iterable[Measurement], *rest: object) -> SlotState:
        nonlocal compared
        near = list(measured)
        compared += len(near)
        return find_slot_state(slot, near, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slot_records, "find_slot_state", count)
        states = find_slot_states(wanted, made, at(900))
    assert list(states.values()) == [SlotState.DONE, SlotState.MISSED] * 150
    assert compared <= 2 * len(wanted)


def test_a_missed_slot_is_kept_once(tmp_path: Path) -> None:
    file = tmp_path / "m.sqlite"
    with open_measurement_store(file):
        pass
    first, second = slots(2)
    keep_missed_slots(file, [first], at(9))
    keep_missed_slots(file, [first, second], at(10))
    assert list_missed_slots(file, at(0), at(24)) == [first, second]
    assert list_missed_slots(file, at(9), at(24)) == [second]


def test_the_command_lists_a_day_and_keeps_what_was_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    PolicyFolder(work)
    (tmp_path / "office").mkdir(mode=0o700)
    operators = tmp_path / "office/operations.yaml"
    operators.write_text(f"format: 1\nstate: {tmp_path / 'state'}\n", encoding="utf-8")
    operators.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators))
    past = date(2026, 5, 9)  # a Saturday of the calendar
    words = ("measure", "schedule", "--school", "as-e04", "--lang", "en")
    listing: tuple[str, ...] = (*words, "--day", past.isoformat(), "--json")
    first = datetime.fromisoformat(json.loads(here(*listing, cwd=work).said)["slots"][0]["begins"])
    with open_measurement_store(tmp_path / "state/measurements.sqlite") as store:
        store.add_measurement("r", first, path("as-e04"), throughput(100), in_lessons=False)
    elsewhere = json.loads(here(*listing, cwd=work).said)["slots"]
    assert "missed" not in {one["state"] for one in elsewhere}  # a probe may have made them: its words are not here
    assert not list_missed_slots(tmp_path / "state/measurements.sqlite", at(0, past), at(24, past))
    with TimeSeriesStore(tmp_path / "monitor.db"):
        listing = (*listing, "--monitor-store", str(tmp_path / "monitor.db"))
    done = json.loads(here(*listing, cwd=work).said)
    assert (done["slots"][0]["begins"], done["slots"][0]["state"]) == (first.isoformat(), "done")
    assert len(done["slots"]) == 3
    if datetime.now(UTC) > at(24, past):
        assert [one["state"] for one in done["slots"][1:]] == ["missed", "missed"]
        kept = list_missed_slots(tmp_path / "state/measurements.sqlite", at(0, past), at(24, past))
        assert len(kept) == 2
        # Retention has removed what was measured since: only what is kept as missed was surely missed.
        file = tmp_path / "state/measurements.sqlite"
        with closing(open_store(file, MEASUREMENT_STORE)) as connection:
            remove_expired_outputs(connection, at(48, past), lambda _: None)
            remove_expired_measurements(connection, at(48, past), lambda _: None)
            connection.execute("DELETE FROM missed_slot WHERE begins = (SELECT MIN(begins) FROM missed_slot)")
        gone = [one["state"] for one in json.loads(here(*listing, cwd=work).said)["slots"]]
        assert gone == ["unknown", "unknown", "missed"]
        assert len(list_missed_slots(file, at(0, past), at(24, past))) == 1
    none = here(*words, "--day", EXAMS.isoformat(), cwd=work)
    assert "3 tests outside lessons have no slot: 2026-12-02 is an exam day (2学期期末)" in none.said

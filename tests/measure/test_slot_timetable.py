"""The schedule drives the tests: whatever the clock, a restart or a second process does, no limit of it is passed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import TsunaguError
from controller.measure.lesson_hours import is_lesson_time
from controller.measure.schedule.city_day import build_wish, plan_city_day
from controller.measure.schedule.day_plan import SlotKind, TestSlot
from controller.measure.schedule.slot_ledger import ClaimAnswer, ClaimLimits, open_slot_ledger
from controller.model.city import City
from tests.measure.findings import path, throughput
from tests.measure.slot_office import (
    EXAMS,
    SATURDAY,
    SCHOOLS,
    TOKYO,
    TUESDAY,
    MadeTest,
    Office,
    at,
    list_missed,
    make_city,
    open_office,
    run_day,
)
from tests.soak import examples

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.sampled_from([600.0, 900.0, 3600.0, 20_000.0])),
        st.tuples(st.just("set"), st.sampled_from([-5.0, -900.0, -3600.0, -50_000.0, -90_000.0, 7200.0])),
        st.tuples(st.just("ask"), st.integers(0, len(SCHOOLS) - 1)),
        st.tuples(st.sampled_from(["restart", "kill", "second"]), st.just(0)),
    ),
    min_size=10,
    max_size=40,
)
WHOLE_DAY: list[tuple[str, float]] = [
    step for number in range(50) for step in (("ask", number % len(SCHOOLS)), ("restart", 0), ("pass", 1260.0))
]


@given(STEPS, st.sampled_from([250, 1000, 5000]), st.integers(1, 3))
@settings(max_examples=examples(12), deadline=None)
def test_whatever_happens_in_days_no_limit_of_the_schedule_is_passed(
    steps: list[tuple[str, float]], budget: int, at_once: int
) -> None:
    city = make_city(**{"megabytes-a-day": budget, "at-once": at_once, "off-peak": 6})
    with open_office(city, at(6.9)) as office, open_slot_ledger(Path(office.store.file), TOKYO) as second_ledger:
        second = Office(city, office.store, second_ledger, office.now)
        for kind, value in [*WHOLE_DAY, *steps, *WHOLE_DAY]:
            play_step(office, second, kind, value)
        check_limits(city, [*office.made, *second.made], budget)
        assert office.made


def play_step(office: Office, second: Office, kind: str, value: float) -> None:
    if kind == "pass":
        office.pass_time(value)
    elif kind == "set":  # its clock is put back, or forth
        office.now += timedelta(seconds=value)
    elif kind == "restart":
        office.restart()
    elif kind == "ask":
        office.timetable.request_test(SCHOOLS[int(value)])
    elif kind == "second":  # another process on the same store
        second.now, second.seconds = office.now, office.seconds
        second.look()
        office.now, office.seconds = second.now, second.seconds
    office.look(is_killed=kind == "kill")


def test_a_clock_that_is_put_back_lets_no_second_test_into_a_slot_of_a_link() -> None:
    city = make_city(**{"off-peak": 0})
    with open_office(city, at(9)) as office:
        for name in SCHOOLS[:4]:  # each after a restart, in the same slot by the clock
            office.timetable.request_test(name)
            office.look()
            office.now = at(9)
            office.restart()
        assert [one.school for one in office.made] == [SCHOOLS[0]]
        office.timetable.request_test(SCHOOLS[5])  # not on the ring
        assert office.look() == [SCHOOLS[5]]


def check_limits(city: City, made: list[MadeTest], budget: int) -> None:
    """Check all tests by the true time for overlaps, and by the clock's days for bytes, hours and slots."""
    lasts = timedelta(seconds=city.measurement.schedule.slot_seconds)
    places = [((one.at - at(0)) // lasts, one.school) for one in made]
    assert len(set(places)) == len(places), "a slot is used once"
    assert max(Counter(slot for slot, _ in places).values()) <= city.measurement.schedule.at_once
    ring_slots = [slot for slot, school in places if school in SCHOOLS[:4]]
    assert len(set(ring_slots)) == len(ring_slots), "one test at a time on the ring"
    for one, other in combinations(made, 2):
        ring = {one.school, other.school} <= set(SCHOOLS[:4])
        if one.school == other.school or ring:  # by the true time
            assert one.ends <= other.begins or other.ends <= one.begins
    carried: Counter[tuple[str, date]] = Counter()
    for one in made:
        day, school = one.at.astimezone(TOKYO).date(), city.school_by_id[one.school]
        carried[one.school, day] += build_wish(city, school, day).megabytes  # type: ignore[assignment]
        assert time(7) <= one.at.astimezone(TOKYO).time() < time(22)
        assert not is_lesson_time(one.at, city, school)
        assert city.calendar is not None
        assert not city.calendar.is_exam_day(day, school.kind, school.id)
    assert all(megabytes <= budget for megabytes in carried.values())


def test_every_slot_of_a_day_is_used_at_its_time_and_none_is_missed() -> None:
    city = make_city()
    with open_office(city, at(6.5)) as office:
        run_day(office, SATURDAY)
        plan = plan_city_day(city, [city.school_by_id[name] for name in SCHOOLS], SATURDAY)
        used = {(one.school, slot.begins) for one in office.made for slot in plan.slots if is_in(one, slot)}
        assert used == {(slot.school, slot.begins) for slot in plan.slots}
        assert len(office.made) == len(plan.slots) == 3 * len(SCHOOLS)
        office.pass_time(7200)
        office.look()
        assert list_missed(office, SATURDAY) == []


def is_in(one: MadeTest, slot: TestSlot) -> bool:
    return one.school == slot.school and slot.begins <= one.at < slot.ends


def test_a_store_that_was_locked_for_long_lets_no_test_go_on_into_the_next_slot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    city = make_city(**{"slot-seconds": 60})
    first = plan_city_day(city, [city.school_by_id[name] for name in SCHOOLS], SATURDAY).slots[0]
    with open_office(city, first.begins) as office:
        claim = office.ledger.claim_slot

        def wait_and_claim(slot: TestSlot, limits: ClaimLimits, now: datetime) -> ClaimAnswer:
            office.pass_time(29.0)
            found = claim(slot, limits, now)
            office.pass_time(29.0)
            return found

        monkeypatch.setattr(office.ledger, "claim_slot", wait_and_claim)
        assert office.look() == []
        monkeypatch.setattr(office.ledger, "claim_slot", claim)
        while office.now < first.ends + timedelta(hours=1):
            office.look()
            office.pass_time(20)
        assert first.begins in [one.begins for one in list_missed(office, SATURDAY)]


def test_figures_that_somebody_changed_are_refused_and_count_no_budget() -> None:
    with open_office(make_city(), at(10)) as office:
        changed = replace(throughput(600), figures={})
        office.store.add_measurement("r", at(9), path(SCHOOLS[0]), changed, in_lessons=False)
        slot = TestSlot(SCHOOLS[0], "primary", SlotKind.OFF_PEAK, at(10), at(10.5), frozenset())
        assert office.ledger.claim_slot(slot, ClaimLimits(100, 100, 4, 2), at(10)) is ClaimAnswer.CLAIMED
        other, none = replace(slot, begins=at(12), ends=at(12.5)), ClaimLimits(100, 0, 4, 2)
        with closing(sqlite3.connect(office.store.file)) as connection:
            connection.executescript("DROP TRIGGER kept_as_it_was")
            for text in ("[1]", "7", '"mbps"', "[", "null"):
                connection.execute("UPDATE measurement SET figures = ?", (text,))
                connection.commit()
                with pytest.raises(TsunaguError, match="is not what was written") if text != "[1]" else nullcontext():
                    assert office.ledger.claim_slot(other, none, at(12)) is ClaimAnswer.BUDGET


def test_on_an_exam_day_nothing_is_tested_also_not_what_was_asked_for() -> None:
    with open_office(make_city(peak=2), at(6.5, EXAMS)) as office:
        while office.now < at(23, EXAMS):
            office.timetable.request_test(SCHOOLS[0])
            assert office.look() == []
            office.pass_time(1200)
        office.pass_time(7200)
        office.look()
        assert list_missed(office, EXAMS) == []


def test_peak_slots_are_used_in_lessons_and_what_is_asked_for_waits_until_they_are_over() -> None:
    city = make_city(peak=1, **{"off-peak": 1})
    with open_office(city, at(6.5, TUESDAY)) as office:
        run_day(office, TUESDAY)
        busy = [is_lesson_time(one.at, city, city.school_by_id[one.school]) for one in office.made]
        assert Counter(busy) == {True: len(SCHOOLS), False: len(SCHOOLS)}
    with open_office(make_city(**{"off-peak": 0}), at(15.6, TUESDAY)) as office:
        office.timetable.request_test(SCHOOLS[0])
        assert office.look() == []
        office.pass_time(1800)
        assert office.look() == [SCHOOLS[0]]
        assert office.look() == []


def test_a_test_that_was_asked_for_gives_way_to_a_planned_one_on_its_link_and_is_given_up_after_an_hour() -> None:
    city = make_city(**{"off-peak": 1})
    schools = [city.school_by_id[name] for name in SCHOOLS]
    slot = next(one for one in plan_city_day(city, schools, SATURDAY).slots if one.school in SCHOOLS[:4])
    other = next(name for name in SCHOOLS[:4] if name != slot.school)
    with open_office(city, slot.begins + timedelta(seconds=1)) as office:
        office.timetable.request_test(other)
        assert office.look() == [slot.school]
        office.seconds += 3601
        office.restart()
        office.timetable.request_test(other)
        office.seconds += 3601
        assert other not in office.look()


def test_what_a_person_measured_counts_in_the_line_s_budget() -> None:
    city = make_city()
    school = city.school_by_id[SCHOOLS[0]]
    slot = next(one for one in plan_city_day(city, [school], SATURDAY).slots)
    wish = build_wish(city, school, SATURDAY)
    seconds = city.measurement.method.seconds
    limits = ClaimLimits(wish.megabytes, wish.megabytes + 100, 4, seconds)
    with open_office(city, slot.begins) as office:
        office.store.add_measurement(
            "by hand", slot.begins - timedelta(hours=1), path(school.id), throughput(600), in_lessons=False
        )
        used = 600 * seconds / 8
        assert office.ledger.claim_slot(slot, limits, slot.begins) is ClaimAnswer.BUDGET
        little, enough = (
            ClaimLimits(wish.megabytes, wish.megabytes + used + more, 4, seconds) for more in (-0.001, 0.001)
        )
        assert office.ledger.claim_slot(slot, little, slot.begins) is ClaimAnswer.BUDGET
        assert office.ledger.claim_slot(slot, enough, slot.begins) is ClaimAnswer.CLAIMED
        assert office.ledger.claim_slot(slot, enough, slot.begins) is ClaimAnswer.TAKEN
        assert slot.kind is SlotKind.OFF_PEAK

"""The schedule drives the tests: whatever the clock, a restart or a second process does, no limit of it is passed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.errors import TsunaguError
from controller.measure.lesson_hours import is_lesson_time
from controller.measure.measurement_retention import remove_expired_measurements, remove_expired_outputs
from controller.measure.measurement_store import MeasurementStore, open_measurement_store
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.measure.schedule.city_day import build_wish, plan_city_day
from controller.measure.schedule.day_plan import SlotKind, TestSlot
from controller.measure.schedule.slot_ledger import ClaimAnswer, ClaimLimits, SlotLedger, open_slot_ledger
from controller.measure.schedule.slot_records import list_missed_slots
from controller.measure.schedule.slot_timetable import SlotTimetable
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.measurement import TestSchedule
from controller.model.policy_files import MEASUREMENT
from controller.storage.sqlite import open_store
from tests.measure.findings import path, throughput
from tests.policies import SHIPPED
from tests.soak import examples

CITY = load_city(SHIPPED)
TOKYO = ZoneInfo("Asia/Tokyo")
SATURDAY, TUESDAY, EXAMS = date(2026, 12, 12), date(2026, 12, 8), date(2026, 12, 2)
ORIGIN = {"origin": {"file": "measurement.yaml", "line": 1}}
SCHOOLS = tuple(one.id for one in CITY.schools if one.ward == "asao")[:6]
RING = [{"name": "ring", "schools": SCHOOLS[:4], **ORIGIN}]


def at(hour: float, day: date = SATURDAY) -> datetime:
    return datetime.combine(day, time(0), TOKYO) + timedelta(hours=hour)


def make_city(**values: object) -> City:
    given_ = {
        "from": "07:00",
        "until": "22:00",
        "slot-seconds": 1800,
        "shared": RING,
        "megabytes-a-day": 1_000_000,
    } | values
    schedule = TestSchedule.model_validate(given_)
    return CITY.replace_file(MEASUREMENT, CITY.measurement.model_copy(update={"schedule": schedule}))


@dataclass
class MadeTest:
    """A test that was made: by whose clock when, and in true seconds from when to when."""

    school: str
    at: datetime
    begins: float
    ends: float


@dataclass
class Office:
    """A machine that tests by the slots, with a clock that somebody may set; a test takes `takes` seconds."""

    city: City
    store: MeasurementStore
    ledger: SlotLedger
    now: datetime
    seconds: float = 0.0
    takes: float = 20.0
    mine: frozenset[str] = frozenset(SCHOOLS)
    made: list[MadeTest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Everything that is only remembered is lost."""
        schools = [self.city.school_by_id[name] for name in SCHOOLS]
        self.timetable = SlotTimetable(
            *(self.city, schools, self.mine, self.store, self.ledger),
            clock=lambda: self.now,
            timer=lambda: self.seconds,
        )

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds

    def look(self, *, is_killed: bool = False, steady: frozenset[str] = frozenset(SCHOOLS)) -> list[str]:
        """Do what is due; a kill comes in the middle of a test, which then leaves no measurement."""
        done: list[str] = []
        for school, line in self.timetable.list_due(lambda one: one[0] in steady):
            began, seconds = self.now, self.seconds
            self.pass_time(self.takes)
            self.made.append(MadeTest(school, began, seconds, self.seconds))
            if is_killed:
                self.restart()
                return done
            self.store.add_measurement("r", began, path(school, line), throughput(100), in_lessons=False)
            done.append(school)
        return done


@contextmanager
def open_office(city: City, now: datetime) -> Iterator[Office]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "m.sqlite"
        with open_measurement_store(file, timezone=TOKYO) as store, open_slot_ledger(file, TOKYO) as ledger:
            yield Office(city, store, ledger, now)


def list_missed(office: Office, day: date) -> list[TestSlot]:
    return list_missed_slots(Path(office.store.file), at(0, day), at(24, day))


def run_day(office: Office, day: date, step: float = 600.0) -> None:
    while office.now < at(23, day):
        office.look()
        office.pass_time(step)


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


def test_a_slot_that_nobody_used_is_kept_as_missed_once_and_not_made_up_for_by_a_clock_that_is_put_back() -> None:
    city = make_city()
    with open_office(city, at(6.5)) as office:
        office.look()  # the schedule begins to be watched
        office.pass_time(7 * 3600)  # nothing runs until half past one
        office.restart()
        office.look()
        missed = list_missed(office, SATURDAY)
        plan = plan_city_day(city, [city.school_by_id[name] for name in SCHOOLS], SATURDAY)
        expected = [slot for slot in plan.slots if slot.ends <= at(13)]
        assert [(one.school, one.begins) for one in missed] == [(one.school, one.begins) for one in expected]
        assert expected
        tests = len(office.made)
        office.now = expected[0].begins + timedelta(seconds=5)
        office.look()
        assert [one.school for one in office.made[tests:]] == []
        office.pass_time(7200)
        office.look()
        assert list_missed(office, SATURDAY)[: len(missed)] == missed


def test_before_the_schedule_was_watched_for_the_first_time_nothing_was_missed() -> None:
    with open_office(make_city(), at(15)) as office:
        office.look()
        office.pass_time(60)
        office.look()
        assert list_missed(office, SATURDAY) == []


def test_a_slot_that_ended_just_before_the_first_look_of_all_belongs_to_nobody() -> None:
    city = make_city()
    first = plan_city_day(city, [city.school_by_id[name] for name in SCHOOLS], SATURDAY).slots[0]
    with open_office(city, first.ends + timedelta(seconds=60)) as office:
        for _ in range(8):
            office.look(steady=frozenset())
            office.restart()
            office.pass_time(900)
        missed = list_missed(office, SATURDAY)
        assert first.begins not in [one.begins for one in missed]
        assert missed  # what ended afterwards is


def test_a_clock_that_is_put_ahead_makes_no_missed_slots_of_the_future() -> None:
    city = make_city()
    with open_office(city, at(6.5)) as office:
        office.look()
        right, seconds = office.now, office.seconds
        for _ in range(3):  # a day ahead, for less than an hour
            office.now += timedelta(days=1) if office.now < at(24) else timedelta()
            office.look(steady=frozenset())
            office.pass_time(900)
        office.now = right + timedelta(seconds=office.seconds - seconds)
        office.look(steady=frozenset())
        assert [list_missed(office, day) for day in (SATURDAY, SATURDAY + timedelta(days=1))] == [[], []]
        run_day(office, SATURDAY)
        plan = plan_city_day(city, [city.school_by_id[name] for name in SCHOOLS], SATURDAY)
        assert {one.school for one in office.made} == {slot.school for slot in plan.slots if slot.begins > at(8)}


def test_a_clock_that_stays_ahead_is_believed_after_an_hour() -> None:
    with open_office(make_city(), at(6.5)) as office:
        office.look(steady=frozenset())
        office.now = at(14)
        for _ in range(4):
            office.look(steady=frozenset())
            assert list_missed(office, SATURDAY) == []
            office.pass_time(1800 if office.seconds else 1801)
            if office.seconds > 3600:
                break
        office.look(steady=frozenset())
        assert list_missed(office, SATURDAY) != []


def test_of_two_that_test_other_schools_with_one_store_no_slot_is_forgotten() -> None:
    with open_office(make_city(), at(6.5)) as office:
        office.mine = frozenset(SCHOOLS[:2])
        office.restart()
        run_day(office, SATURDAY)  # whoever tests the others does not run
        office.pass_time(7200)
        office.look()
        office.mine = frozenset(SCHOOLS[2:])
        office.restart()
        office.look()
        assert {one.school for one in list_missed(office, SATURDAY)} == set(SCHOOLS[2:])


def test_what_retention_removed_makes_no_missed_slot() -> None:
    with open_office(make_city(), at(6.5)) as office:
        run_day(office, SATURDAY)
        office.pass_time(2 * 86_400)
        with closing(open_store(Path(office.store.file), MEASUREMENT_STORE)) as connection:
            remove_expired_outputs(connection, office.now - timedelta(days=1), lambda _: None)
            assert remove_expired_measurements(connection, office.now - timedelta(days=1), lambda _: None) is not None
        office.ledger.keep_missed([], at(6))  # nobody looked since
        office.restart()
        office.look()
        assert list_missed(office, SATURDAY) == []
        assert list_missed(office, SATURDAY + timedelta(days=2)) != []


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


def test_a_line_that_is_not_steady_misses_its_slot() -> None:
    city = make_city()
    with open_office(city, at(6.5)) as office:
        while office.now < at(23):
            office.look(steady=frozenset(SCHOOLS[1:]))
            office.pass_time(600)
        office.pass_time(7200)
        office.look()
        assert {one.school for one in list_missed(office, SATURDAY)} == {SCHOOLS[0]}
        assert SCHOOLS[0] not in {one.school for one in office.made}


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

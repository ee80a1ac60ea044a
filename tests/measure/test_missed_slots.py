"""Slots that nobody used are kept as missed, each once, and none that is yet to come or belongs to nobody."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from controller.measure.measurement_retention import remove_expired_measurements, remove_expired_outputs
from controller.measure.measurement_tables import MEASUREMENT_STORE
from controller.measure.schedule.city_day import plan_city_day
from controller.storage.sqlite import open_store
from tests.measure.slot_office import (
    SATURDAY,
    SCHOOLS,
    at,
    list_missed,
    make_city,
    open_office,
    run_day,
)


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
        for _ in range(2):
            office.look(steady=frozenset())
            assert list_missed(office, SATURDAY) == []
            office.pass_time(1801)
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

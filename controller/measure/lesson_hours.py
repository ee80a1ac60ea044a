"""The hours in which a school's pupils need its lines for themselves, by the calendar."""

from __future__ import annotations

from datetime import date, datetime, time

from controller.model.access.rules import DAYS
from controller.model.city import City
from controller.model.sites.calendar import DayKind
from controller.model.sites.schools import School


def list_lesson_hours(city: City, school: School, day: date) -> tuple[tuple[time, time], ...]:
    """Return when a school has lessons on a day, each from and until; empty on a day without.

    The calendar's own hours of the school or of its kind hold (evening classes, a special school), else those of
    measuring. A Saturday with lessons has them, a holiday has none. A day that the calendar does not know may be a
    school day; without a calendar every weekday that measuring names is one.

    >>> [f"{begins:%H:%M}" for begins, _ in list_lesson_hours(city, city.school_by_id["kw-s01"], date(2026, 11, 2))]
    ['08:30']
    >>> list_lesson_hours(city, city.school_by_id["kw-s01"], date(2026, 11, 3))  # a holiday
    ()
    """
    kind = city.find_day_kind(day)
    if kind is DayKind.FREE:
        return ()
    own = city.calendar.find_lesson_hours(school.kind, school.id) if city.calendar is not None else ()
    if own:
        return tuple((one.from_, one.until) for one in own)
    general = city.measurement.lessons
    known = city.calendar is not None
    return ((general.from_, general.until),) if known or DAYS[day.weekday()] in general.weekdays else ()


def is_lesson_time(at: datetime, city: City, school: School) -> bool:
    """Tell if a moment falls into a school's lessons."""
    local = at.astimezone(city.timezone)
    clock = local.time().replace(tzinfo=None)
    return any(begins <= clock < ends for begins, ends in list_lesson_hours(city, school, local.date()))

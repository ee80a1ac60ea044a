"""The weeks in which a school may change its stage: those of long vacations, as the school calendar knows them.

Beyond its last day the calendar of its last year is assumed to come again, and every such week says so: a cut-over is
planned years ahead, and `tsunagu integrate plan` judges the day by the calendar that there is then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from controller.model.sites.calendar import ONE_DAY, SATURDAY, CalendarFile

_NEW_YEAR = ((12, 29), (1, 3))
"""Public offices are closed: 行政機関の休日に関する法律, article 1."""
FISCAL_YEAR_BEGINS = 4
"""The month; a Japanese fiscal year is named by the year that it begins in."""


@dataclass(frozen=True, slots=True)
class VacationWeek:
    """The working days of one week that are in a vacation, which follows the term `after` of a fiscal year.

    `assumed`: the calendar does not reach so far, and its last year stands in.
    """

    monday: date
    after: str
    fiscal_year: int
    days: tuple[date, ...]
    assumed: bool


def list_vacation_weeks(calendar: CalendarFile, since: date, until: date) -> tuple[VacationWeek, ...]:
    """List the weeks from one day until another, both included, that have a working day in a vacation.

    >>> weeks = list_vacation_weeks(city.calendar, date(2026, 12, 1), date(2027, 1, 31))
    >>> [(str(one.monday), one.after) for one in weeks]
    [('2026-12-28', '2学期'), ('2027-01-04', '2学期')]
    """
    found: dict[tuple[date, str, int], list[date]] = {}
    for day in _list_days(since, until):
        known = find_known_day(calendar, day)
        term = _find_vacation(calendar, known)
        if term is not None and day.weekday() < SATURDAY and not _is_new_year(day):
            year = day.year - (day.month < FISCAL_YEAR_BEGINS or known < min(one.from_ for one in calendar.terms))
            found.setdefault((day - timedelta(days=day.weekday()), term, year), []).append(day)
    return tuple(
        VacationWeek(monday, after, year, tuple(days), assumed=days[-1] > calendar.until)
        for (monday, after, year), days in found.items()
    )


def find_known_day(calendar: CalendarFile, day: date) -> date:
    """Find the day of the calendar that stands for a day: itself, or beyond the end the same day of the last year.

    >>> find_known_day(city.calendar, date(2029, 8, 1))
    datetime.date(2026, 8, 1)
    """
    if day <= calendar.until:
        return day
    latest = calendar.until
    # The 29th of February has no day in other years.
    month, number = (2, 28) if (day.month, day.day) == (2, 29) else (day.month, day.day)
    this_year = date(latest.year, month, number)
    return this_year if this_year <= latest else date(latest.year - 1, month, number)


def _list_days(since: date, until: date) -> Iterator[date]:
    day = since
    while day <= until:
        yield day
        day += ONE_DAY


def _find_vacation(calendar: CalendarFile, day: date) -> str | None:
    """Find the term before a day of a vacation; None where the day is in a term, a holiday, or before the calendar."""
    if day < calendar.from_ or any(day in one for one in (*calendar.terms, *calendar.holidays)):
        return None
    if any(day in one for one in (*calendar.extra, *calendar.exams)):
        return None
    before = [one for one in calendar.terms if one.until < day]
    last = max(before, key=lambda one: one.until) if before else max(calendar.terms, key=lambda one: one.until)
    return last.name


def _is_new_year(day: date) -> bool:
    first, last = _NEW_YEAR
    return (day.month, day.day) >= first or (day.month, day.day) <= last

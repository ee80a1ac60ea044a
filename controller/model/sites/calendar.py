"""The school calendar of `policies/city/calendar.yaml`: terms, holidays and exam days, as data.

A day outside the calendar's own span is of no known kind. What is not known is never good enough: a permit for school
days does not hold then, and a forbid on them does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from controller.inputs.character_classes import Name
from controller.model.sites.school_kinds import SchoolKindId
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import LocatedItem, StrictModel

_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}")


def _parse_clock(value: object) -> object:
    # YAML reads 17:00 without quotes as 17 * 60, and pydantic would take that for seconds.
    if not isinstance(value, time) and not (isinstance(value, str) and _CLOCK.fullmatch(value)):
        message = 'write the time as "HH:MM", in quotes'
        raise ValueError(message)
    return value


ClockField = Annotated[time, BeforeValidator(_parse_clock)]
"""A time of day, written as "HH:MM"."""

ONE_DAY = timedelta(days=1)
CalendarDay = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
"""A day that a policy may name; beyond it a span would have no end that anybody sees."""
LONGEST_CALENDAR = 3_660
"""Days of one calendar: ten years."""
SATURDAY = 5


class DayKind(StrEnum):
    """What a day is to the schools; every day that the calendar knows is of exactly one kind."""

    LESSON = "lesson-day"
    EXAM = "exam-day"
    FREE = "free-day"


class Period(LocatedItem):
    """Days in a row, both ends included; one day where `until` is left out."""

    name: Name
    from_: CalendarDay = Field(alias="from")
    until_: CalendarDay | None = Field(alias="until", default=None)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until < self.from_:
            message = f"ends ({self.until}) before it begins ({self.from_})"
            raise ValueError(message)
        return self

    @property
    def until(self) -> date:
        """The last day."""
        return self.until_ or self.from_

    def __contains__(self, day: date) -> bool:
        return self.from_ <= day <= self.until


class LessonHours(LocatedItem):
    """When there are lessons on a school day; of all schools, or of those kinds or schools that it names.

    `until` is exclusive. It names kinds or schools, not both.
    """

    from_: ClockField = Field(alias="from")
    until: ClockField
    kinds: tuple[SchoolKindId, ...] = ()
    schools: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ >= self.until:
            message = "'from' must stand before 'until'"
            raise ValueError(message)
        if self.kinds and self.schools:
            message = "name kinds or schools, not both; write a line for each"
            raise ValueError(message)
        return self


class SchoolExams(Period):
    """Exam days of some kinds of schools, or of some schools, beside those of all."""

    kinds: tuple[SchoolKindId, ...] = ()
    schools: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.kinds or self.schools):
            message = "name kinds or schools; exam days of all schools stand in 'exams'"
            raise ValueError(message)
        return self


class CalendarFile(StrictModel):
    """`policies/city/calendar.yaml`.

    School days are the weekdays of a term without its holidays, `extra` days of lessons (a Saturday), and exam days.
    `lessons` are the lesson hours: of the lines that mean a school those that name it hold, else those that name its
    kind, else those that name neither. `school_exams` are exam days of some schools only: no rollout begins there on
    them. What rules call `exam-days` are the `exams` of all schools.
    """

    from_: CalendarDay = Field(alias="from")
    until: CalendarDay
    terms: tuple[Period, ...] = Field(min_length=1)
    holidays: tuple[Period, ...] = ()
    extra: tuple[Period, ...] = ()
    exams: tuple[Period, ...] = ()
    lessons: tuple[LessonHours, ...] = ()
    school_exams: tuple[SchoolExams, ...] = ()

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if (self.until - self.from_).days >= LONGEST_CALENDAR:
            message = (
                f"spans more than {LONGEST_CALENDAR} days ({self.from_} to {self.until}); write one of fewer years"
            )
            raise ValueError(message)
        for period in (*self.terms, *self.holidays, *self.extra, *self.exams, *self.school_exams):
            if period.from_ < self.from_ or period.until > self.until:
                message = (
                    f"{period.name!r} ({period.from_} to {period.until}) is not inside {self.from_} to {self.until}"
                )
                raise ValueError(message)
        for lesson in (*self.extra, *self.exams):
            for holiday in self.holidays:
                if lesson.from_ <= holiday.until and holiday.from_ <= lesson.until:
                    message = f"{lesson.name!r} ({lesson.from_}) is on the holiday {holiday.name!r}"
                    raise ValueError(message)
        return self

    def find_day_kind(self, day: date) -> DayKind | None:
        """What a day is; None outside the calendar's span."""
        if not self.from_ <= day <= self.until:
            return None
        if _in(self.exams, day):
            return DayKind.EXAM
        weekday = day.weekday() < SATURDAY and _in(self.terms, day) and not _in(self.holidays, day)
        return DayKind.LESSON if weekday or _in(self.extra, day) else DayKind.FREE

    def is_exam_day(self, day: date, kind: str, school: str) -> bool:
        """Tell if a day is an exam day of a school, be it of all schools, of its kind or its own."""
        own = (one for one in self.school_exams if kind in one.kinds or school in one.schools)
        return _in(self.exams, day) or _in(own, day)

    def find_busy_period(self, day: date, kind: str, school: str) -> Period | None:
        """Return what makes a day one of lessons or exams at a school: the exams, the extra lessons or the term."""
        own = (one for one in self.school_exams if kind in one.kinds or school in one.schools)
        exams = next((one for one in (*self.exams, *own) if day in one), None)
        if exams is not None or self.find_day_kind(day) is not DayKind.LESSON:
            return exams
        return next((one for one in (*self.extra, *self.terms) if day in one), None)

    def explain_busy_cutover(self, day: date, kind: str, school: str) -> str:
        """Say why a school changes nothing on a day: its lessons or exams, with their line; "" where it has none."""
        busy = self.find_busy_period(day, kind, school)
        if busy is None:
            return ""
        what = "an exam day" if self.is_exam_day(day, kind, school) else "a school day"
        return (
            f"the cut-over ({day}) is on {what} of school {school}: {busy.name} ({busy.origin}); choose a day without"
        )

    def find_lesson_hours(self, kind: str, school: str) -> tuple[LessonHours, ...]:
        """Return the lesson hours of a school on a school day; empty where none are written."""
        named = tuple(one for one in self.lessons if school in one.schools)
        of_kind = tuple(one for one in self.lessons if kind in one.kinds)
        return named or of_kind or tuple(one for one in self.lessons if not (one.kinds or one.schools))

    def list_days(self) -> Iterator[date]:
        """Every day of the span."""
        day = self.from_
        while day <= self.until:
            yield day
            day += ONE_DAY

    def find_runs(self, kind: DayKind) -> tuple[tuple[date, date], ...]:
        """The days of a kind as first and last days in a row."""
        found: list[tuple[date, date]] = []
        for day in self.list_days():
            if self.find_day_kind(day) is kind:
                if found and found[-1][1] + ONE_DAY == day:
                    found[-1] = (found[-1][0], day)
                else:
                    found.append((day, day))
        return tuple(found)


def _in(periods: Iterable[Period], day: date) -> bool:
    return any(day in period for period in periods)

"""The school calendar of `policies/city/calendar.yaml`: terms, holidays and exam days, as data.

A day outside the calendar's own span is of no known kind. What is not known is never good enough: a permit for school
days does not hold then, and a forbid on them does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from controller.inputs.character_classes import Name
from controller.model.yaml_source import LocatedItem, StrictModel

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


class CalendarFile(StrictModel):
    """`policies/city/calendar.yaml`.

    School days are the weekdays of a term without its holidays, `extra` days of lessons (a Saturday), and exam days.
    """

    from_: CalendarDay = Field(alias="from")
    until: CalendarDay
    terms: tuple[Period, ...] = Field(min_length=1)
    holidays: tuple[Period, ...] = ()
    extra: tuple[Period, ...] = ()
    exams: tuple[Period, ...] = ()

    @model_validator(mode="after")
    def _sane(self) -> Self:
        if (self.until - self.from_).days >= LONGEST_CALENDAR:
            message = (
                f"spans more than {LONGEST_CALENDAR} days ({self.from_} to {self.until}); write one of fewer years"
            )
            raise ValueError(message)
        for period in (*self.terms, *self.holidays, *self.extra, *self.exams):
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

"""What is wanted of each school's assessed line on a day, by the calendar and the measurement policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

from controller.measure.lesson_hours import list_lesson_hours
from controller.measure.schedule.day_plan import DayPlan, LineWish, NoSlot, PlanLimits, Span, TestSlot, plan_day
from controller.model.city import City
from controller.model.sites.schools import School

_BITS = 8


def plan_city_day(city: City, schools: Iterable[School], day: date) -> DayPlan:
    """Return the slots of all these schools on a day."""
    schedule = city.measurement.schedule
    limits = PlanLimits(timedelta(seconds=schedule.slot_seconds), schedule.at_once, schedule.megabytes_a_day)
    return plan_day([build_wish(city, school, day) for school in schools], limits, day.toordinal())


def list_tested_schools(city: City) -> tuple[School, ...]:
    """The schools whose tests are planned together: what one does decides when another is tested."""
    return tuple(one for one in city.estate_schools if one.id not in city.cut_offs.closed)


def find_latest_beginning(city: City, slot: TestSlot) -> datetime:
    """Until when a test may begin that is to end in its slot, as far as anybody knows."""
    lasts, method = slot.ends - slot.begins, city.measurement.method
    test = timedelta(seconds=(method.seconds + method.connect_within) * 2 * len(city.families))
    return slot.begins + max(lasts / 2, lasts - test)


def build_wish(city: City, school: School, day: date) -> LineWish:
    """Return what is wanted of a school's assessed line on a day."""
    schedule, judged = city.measurement.schedule, city.measurement.judged.line
    line = judged if judged in school.lines.by_name else next(iter(school.lines.by_name))
    lessons = [(_at(city, day, begins), _at(city, day, ends)) for begins, ends in list_lesson_hours(city, school, day)]
    whole = Span(_at(city, day, schedule.from_), _at(city, day, schedule.until))
    refused, detail = _find_refusal(city, school, day)
    return LineWish(
        school=school.id,
        line=line,
        # On a day without lessons no test in lessons is wanted.
        peak=schedule.peak if lessons else 0,
        off_peak=schedule.off_peak,
        peak_spans=tuple(_cut_out(whole, lessons)),
        off_peak_spans=tuple(_leave_free(whole, lessons)),
        megabytes=_count_megabytes(city, school.lines.by_name[line].mbps),
        shared=frozenset(one.name for one in schedule.shared if one.carries(school.id, school.ward, line)),
        refused=refused,
        detail=detail,
    )


def _find_refusal(city: City, school: School, day: date) -> tuple[NoSlot | None, str]:
    """Why a school has no test on a day: its exams, or a day that the calendar says nothing of."""
    if city.calendar is None:
        return None, ""
    if city.calendar.is_exam_day(day, school.kind, school.id):
        period = city.calendar.find_busy_period(day, school.kind, school.id)
        return NoSlot.EXAM_DAY, period.name if period is not None else ""
    if city.find_day_kind(day) is None:
        return NoSlot.UNKNOWN_DAY, f"{city.calendar.from_} .. {city.calendar.until}"
    return None, ""


def _count_megabytes(city: City, contract_mbps: int) -> float:
    """What a test of a line carries at most by its contract: each direction, in each family."""
    seconds = city.measurement.method.seconds * 2 * len(city.families)
    return contract_mbps * seconds / _BITS


def _at(city: City, day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, city.timezone)


def _cut_out(whole: Span, parts: Sequence[tuple[datetime, datetime]]) -> Iterator[Span]:
    """The parts as far as they lie in the whole; parts that overlap are one."""
    end = whole.begins
    for begins, ends in sorted(parts):
        first, last = max(begins, end), min(ends, whole.ends)
        if first < last:
            yield Span(first, last)
            end = last


def _leave_free(whole: Span, parts: Sequence[tuple[datetime, datetime]]) -> Iterator[Span]:
    """What of the whole is in none of the parts."""
    end = whole.begins
    for part in _cut_out(whole, parts):
        if end < part.begins:
            yield Span(end, part.begins)
        end = part.ends
    if end < whole.ends:
        yield Span(end, whole.ends)

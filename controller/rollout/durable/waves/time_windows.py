"""When a school's devices may be changed: inside the operators' windows, in no lesson, on no exam day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from controller.measure.lesson_hours import list_lesson_hours
from controller.model.access.rules import DAYS, Hours
from controller.model.city import City
from controller.model.sites.schools import School
from controller.model.virtual_city import VirtualCity

_MIDNIGHT = time(0)


def explain_closed_window(city: City, school: School, windows: Sequence[Hours], at: datetime, lasts: timedelta) -> str:
    """Return why no change of a school's device may begin at a moment; "" where it may.

    The change takes at most `lasts`: all of it must be inside a window, and outside lessons and exam days. A day that
    the calendar does not know may be a school day, and an exam day. A school whose change of stage waits for its day
    is not changed before. In the virtual city there are no lessons, and nobody waits.
    """
    local = at.astimezone(city.timezone)
    end = (at + lasts).astimezone(city.timezone)
    days = [local.date() + timedelta(days=more) for more in range((end.date() - local.date()).days + 1)]
    if windows and not any(_is_inside(city, window, local, end) for window in windows):
        return f"{local:%Y-%m-%d %H:%M} is outside the operators' windows (a device takes up to {lasts})"
    if isinstance(city, VirtualCity):
        return ""
    entry = city.integrations.find_entry(school)
    if entry is not None and entry.is_waiting(local.date()):
        return f"the cut-over of {school.id} to {entry.stage} is on {entry.since} ({entry.origin})"
    for day in days:
        if reason := _explain_day(city, school, day, local, end):
            return reason
    return ""


def _explain_day(city: City, school: School, day: date, local: datetime, end: datetime) -> str:
    kind = city.find_day_kind(day)
    if kind is None and city.calendar is not None:
        return f"the calendar says nothing of {day}: it may be an exam day; lead calendar.yaml on"
    if city.calendar is not None and city.calendar.is_exam_day(day, school.kind, school.id):
        return f"{day} is an exam day of {school.id}"
    for begins, ends in list_lesson_hours(city, school, day):
        if _to_local(city, day, begins) < end and local < _to_local(city, day, ends):
            return f"{begins:%H:%M} to {ends:%H:%M} are lesson hours of {school.id} on {day}"
    return ""


def _is_inside(city: City, window: Hours, local: datetime, end: datetime) -> bool:
    """Tell if a window of that day holds both ends of a change; one that ends at midnight does not go on by itself."""
    day = local.date()
    if DAYS[day.weekday()] not in window.weekdays:
        return False
    if window.day_kinds is not None and city.find_day_kind(day) not in window.day_kinds:
        return False
    return _to_local(city, day, window.from_) <= local and end <= _to_local(city, day, window.until)


def _to_local(city: City, day: date, at: time) -> datetime:
    return datetime.combine(day, at, city.timezone)

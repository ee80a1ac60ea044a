"""The hours in which pupils need the lines for themselves."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from controller.model.access.rules import DAYS, Hours


def is_lesson_time(at: datetime, lessons: Hours, timezone: ZoneInfo) -> bool:
    """Whether a time falls into the lesson hours of the city; holidays are not known here."""
    local = at.astimezone(timezone)
    return DAYS[local.weekday()] in lessons.days and lessons.from_ <= local.time().replace(tzinfo=None) < lessons.until

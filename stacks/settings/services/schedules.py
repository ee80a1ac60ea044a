"""When a job is started by itself: unix-cron as Cloud Scheduler reads it, once a day at most."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

EXAMPLE: Final = "0 4 * * SAT"
"""Saturdays at four o'clock in the morning: no lesson, and no maintenance of databases, which is on Sundays."""
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ANY = "*"
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def explain_schedule(text: str) -> str:
    """Return what is wrong with a schedule; empty where nothing is.

    >>> explain_schedule("0 4 * * SAT"), explain_schedule("30 3 1 1,4,7,10 *")
    ('', '')
    >>> explain_schedule("0 4 30 2 *")
    "'0 4 30 2 *' never comes: no such month has such a day"
    """
    words = text.split(" ")
    if len(words) != len(_FIELDS):
        return (
            f"{text!r} is no schedule: write minute, hour, day of the month, month, day of the week, as in {EXAMPLE!r}"
        )
    for word, (what, least, most) in zip(words, _FIELDS, strict=True):
        if word == _ANY and what in ("minute", "hour"):
            return f"{text!r}: it starts once a day at most, so write one {what}, {least} to {most}"
        parts = [word] if what in ("minute", "hour") else word.split(",")
        names = _WEEKDAYS if what == "day of the week" else ()
        if word != _ANY and not all(part in names or _is_number(part, least, most) for part in parts):
            many = ", or some with commas, or *" if what not in ("minute", "hour") else ""
            return f"{text!r}: {word!r} is no {what}: write {least} to {most}{many}"
    _, _, days, months, weekdays = words
    if days != _ANY and weekdays == _ANY:
        longest = max(_LONGEST_MONTHS[int(one) - 1] for one in (range(1, 13) if months == _ANY else months.split(",")))
        if min(map(int, days.split(","))) > longest:
            return f"{text!r} never comes: no such month has such a day"
    return ""


def _is_number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and str(int(text[:4])) == text and least <= int(text) <= most


def _check_schedule(text: str) -> str:
    wrong = explain_schedule(text)
    if wrong:
        raise ValueError(wrong)
    return text


Schedule = Annotated[str, Field(max_length=100), AfterValidator(_check_schedule)]
"""In Japan's time."""

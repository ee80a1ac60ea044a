"""Times of the week as CEL, in the words that IAM conditions know: whole hours and minutes, and days from Sunday = 0.

Source: Google Cloud documentation, "Attribute reference for IAM Conditions", date/time attribute. It shows comparisons
and no arithmetic, so a minute of the day is written as an hour and a minute, never as their sum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.compile.identity.people_cubes import MINUTES_A_DAY, Slot
from controller.model.access.rules import DAYS, Day

_SUNDAY_FIRST: tuple[Day, ...] = (DAYS[-1], *DAYS[:-1])


def write_time_conditions(slots: Iterable[Slot], timezone: str) -> list[str]:
    r"""Expressions one of which holds exactly in these slots; an empty one holds always. Each is a conjunction.

    >>> (condition,) = write_time_conditions([("mon", 480, 1020), ("tue", 480, 1020)], "Asia/Tokyo")
    >>> print(*condition.split(" && "), sep="\n")
    request.time.getDayOfWeek("Asia/Tokyo") >= 1
    request.time.getDayOfWeek("Asia/Tokyo") <= 2
    request.time.getHours("Asia/Tokyo") >= 8
    request.time.getHours("Asia/Tokyo") < 17
    """
    days_of: dict[tuple[int, int], set[Day]] = {}
    for day, spans in _spans(slots).items():
        for span in spans:
            days_of.setdefault(span, set()).add(day)
    return [
        " && ".join([*_days(days, timezone), *_span(span, timezone)])
        for span, named in sorted(days_of.items())
        for days in _runs(named)
    ]


def _spans(slots: Iterable[Slot]) -> dict[Day, list[tuple[int, int]]]:
    """The slots of each day with neighbours put together."""
    spans: dict[Day, list[tuple[int, int]]] = {}
    for day, start, end in sorted(slots):
        mine = spans.setdefault(day, [])
        if mine and mine[-1][1] == start:
            mine[-1] = (mine[-1][0], end)
        else:
            mine.append((start, end))
    return spans


def _runs(days: set[Day]) -> Iterator[tuple[int, int]]:
    """Days in a row, as numbers from Sunday = 0."""
    numbers = sorted(_SUNDAY_FIRST.index(day) for day in days)
    start = previous = numbers[0]
    for number in numbers[1:]:
        if number != previous + 1:
            yield start, previous
            start = number
        previous = number
    yield start, previous


def _days(run: tuple[int, int], timezone: str) -> Iterator[str]:
    first, last = run
    day = f'request.time.getDayOfWeek("{timezone}")'
    if first == last:
        yield f"{day} == {first}"
        return
    if first > 0:
        yield f"{day} >= {first}"
    if last < len(DAYS) - 1:
        yield f"{day} <= {last}"


def _span(span: tuple[int, int], timezone: str) -> Iterator[str]:
    hours, minutes = (f'request.time.get{part}("{timezone}")' for part in ("Hours", "Minutes"))
    (first, first_minute), (last, last_minute) = divmod(span[0], 60), divmod(span[1], 60)
    if span[0] > 0 and first_minute == 0:
        yield f"{hours} >= {first}"
    elif span[0] > 0:
        yield f"({hours} > {first} || ({hours} == {first} && {minutes} >= {first_minute}))"
    if span[1] < MINUTES_A_DAY and last_minute == 0:
        yield f"{hours} < {last}"
    elif span[1] < MINUTES_A_DAY:
        yield f"({hours} < {last} || ({hours} == {last} && {minutes} < {last_minute}))"

"""Roll-ups of measurements per path, figure and hour or day: how many, least, most, mean and percentiles.

Percentiles come from counts of values in classes that are 2 % wide, so that what arrives late is only added and a
percentile is at most 1 % wrong. Every row is in the roll-ups once: `rolled_up` names the last one.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from controller.measure.measurement import (
    ANSWERED,
    DURATION_MS,
    JITTER_MS,
    LATENCY_MS,
    LOSS_RATIO,
    MBPS,
    LinePath,
    MeasurementKind,
    ProbeOutcome,
)
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES, AccessLineName

HOURS, DAYS = "hour_figures", "day_figures"
_WIDTH = math.log(1.02)
ROLLED_UP_AT_ONCE = 20_000
"""Rows of one transaction where a store of an older release is rolled up."""
_EPOCH = date(1970, 1, 1)
_ROLLED = frozenset({MBPS, LATENCY_MS, JITTER_MS, LOSS_RATIO, DURATION_MS})
"""The figures that roll-ups have; the others explain one measurement."""
_LINES: dict[str, AccessLineName] = {name: name for name in ACCESS_LINE_NAMES}
_ANSWERS = {ProbeOutcome.MEASURED: 1.0, ProbeOutcome.REFUSED: 1.0, ProbeOutcome.NO_ANSWER: 0.0}
"""A probe that failed by itself says nothing of the line."""

_FigurePath = tuple[str, str, str, int, str, str]
"""School, line, region, family, kind, figure."""


@dataclass(slots=True)
class Spread:
    """Values of a figure, as far as a roll-up remembers them. `classes` counts the values of each class.

    >>> one = Spread.from_values([10, 20, 30, 40])
    >>> one.count, one.mean, one.least, one.most, round(one.percentile(0.5), 1)
    (4, 25.0, 10, 40, 20.1)
    """

    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    classes: dict[int | None, int] = field(default_factory=dict)

    @classmethod
    def from_values(cls, values: Iterable[float]) -> Spread:
        """The spread of some values."""
        made = cls()
        for value in values:
            made.add_value(value)
        return made

    @property
    def mean(self) -> float:
        """The mean; of no value there is none."""
        return self.total / self.count

    def add_value(self, value: float) -> None:
        """Count a value in."""
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)
        key = math.ceil(math.log(value) / _WIDTH) if value > 0 else None
        self.classes[key] = self.classes.get(key, 0) + 1

    def add_spread(self, other: Spread) -> None:
        """Count the values of another one in."""
        self.count += other.count
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        for key, count in other.classes.items():
            self.classes[key] = self.classes.get(key, 0) + count

    def percentile(self, part: float) -> float:
        """The value that so large a part of the values does not exceed; at most 1 % wrong."""
        wanted, seen = max(1, math.ceil(part * self.count)), 0
        for key in sorted(self.classes, key=lambda one: -math.inf if one is None else one):
            seen += self.classes[key]
            if seen >= wanted:
                middle = self.least if key is None else math.exp((key - 0.5) * _WIDTH)
                return min(max(middle, self.least), self.most)
        return self.most

    def write_classes(self) -> str:
        """The classes as text: `class:count` with blanks between them, `-` for values that are not above zero."""
        return " ".join(f"{'-' if key is None else key}:{count}" for key, count in self.classes.items())


def read_spread(row: Sequence[object]) -> Spread:
    """A spread from a row: count, total, least, most, classes."""
    count, total, least, most, text = row
    pairs = (one.split(":") for one in str(text).split())
    classes = {None if key == "-" else int(key): int(number) for key, number in pairs}
    return Spread(int(str(count)), float(str(total)), float(str(least)), float(str(most)), classes)


@dataclass(frozen=True, slots=True)
class RolledFigure:
    """A figure of a path in an hour or on a day; `begins` is when that begins, in the store's own time zone."""

    path: LinePath
    kind: MeasurementKind
    figure: str
    begins: datetime
    spread: Spread


def hour_number(at: datetime) -> int:
    """The number of an hour.

    >>> hour_number(datetime(1970, 1, 2, 1, 59, tzinfo=UTC))
    25
    """
    return int(at.timestamp() // 3600)


def day_number(day: date) -> int:
    """The number of a day.

    >>> day_number(date(1970, 2, 1))
    31
    """
    return (day - _EPOCH).days


def read_zone(connection: sqlite3.Connection) -> ZoneInfo:
    """The time zone whose days the store rolls up."""
    [(zone,)] = connection.execute("SELECT zone FROM rolled_up").fetchall()
    return ZoneInfo(str(zone))


def choose_zone(connection: sqlite3.Connection, zone: ZoneInfo) -> None:
    """Take a time zone for the days of a store that has rolled up nothing yet; afterwards its days stay as they are."""
    if zone.key != read_zone(connection).key:
        connection.execute("UPDATE rolled_up SET zone = ? WHERE up_to = 0", (zone.key,))


def roll_up_measurements(connection: sqlite3.Connection) -> None:
    """Bring every row into the roll-ups that is not in them yet, some thousands in a transaction."""
    while _count_missing(connection):
        connection.execute("BEGIN IMMEDIATE")
        try:
            roll_up_next(connection, ROLLED_UP_AT_ONCE)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _count_missing(connection: sqlite3.Connection) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM measurement WHERE id > (SELECT up_to FROM rolled_up))"
    return bool(connection.execute(query).fetchone()[0])


def roll_up_next(connection: sqlite3.Connection, most: int) -> None:
    """Bring the next rows into the roll-ups, within a transaction of the caller."""
    query = (
        "SELECT id, at, school, line, region, family, kind, outcome, figures FROM measurement "
        "WHERE id > (SELECT up_to FROM rolled_up) ORDER BY id LIMIT ?"
    )
    rows = connection.execute(query, (most,)).fetchall()
    if not rows:
        return
    zone = read_zone(connection)
    found: dict[tuple[str, _FigurePath, int], Spread] = {}
    for _, at, *path, outcome, figures in rows:
        moment = datetime.fromisoformat(at)
        spans = ((HOURS, hour_number(moment)), (DAYS, day_number(moment.astimezone(zone).date())))
        for figure, value in _list_figures(path[-1], outcome, figures):
            for table, span in spans:
                found.setdefault((table, (*path, figure), span), Spread()).add_value(value)
    numbers: dict[_FigurePath, int] = {}
    for (table, path, span), spread in found.items():
        if path not in numbers:
            numbers[path] = _number_path(connection, path)
        _merge(connection, table, numbers[path], span, spread)
    connection.execute("UPDATE rolled_up SET up_to = ?", (rows[-1][0],))


def _list_figures(kind: str, outcome: str, figures: str) -> Iterator[tuple[str, float]]:
    """The figures of a row that are rolled up, and of an echo whether somebody answered; what is no number is none."""
    answered = _ANSWERS.get(ProbeOutcome(outcome))
    if answered is not None and kind == MeasurementKind.ECHO:
        yield ANSWERED, answered
    if outcome == ProbeOutcome.MEASURED:
        values: Mapping[str, float] = json.loads(figures)
        yield from ((name, value) for name, value in values.items() if math.isfinite(value) and name in _ROLLED)


def _number_path(connection: sqlite3.Connection, path: _FigurePath) -> int:
    columns = "school, line, region, family, kind, figure"
    query = f"SELECT id FROM figure_path WHERE ({columns}) = (?, ?, ?, ?, ?, ?)"  # noqa: S608 ours
    found = connection.execute(query, path).fetchone()
    if found is None:
        query = f"INSERT INTO figure_path ({columns}) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"  # noqa: S608 ours
        [found] = connection.execute(query, path).fetchall()
    return int(found[0])


def _merge(connection: sqlite3.Connection, table: str, path: int, span: int, spread: Spread) -> None:
    query = f"SELECT count, total, least, most, spread FROM {table} WHERE path = ? AND span = ?"  # noqa: S608 ours
    row = connection.execute(query, (path, span)).fetchone()
    if row is not None:
        spread.add_spread(read_spread(row))
    values = (path, span, spread.count, spread.total, spread.least, spread.most, spread.write_classes())
    connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608 ours


@dataclass(frozen=True, slots=True)
class RollupQuery:
    """Which roll-ups: per hour or day, from a time until before another one, of some figures; of one school or all."""

    each: Literal["hour", "day"]
    since: datetime
    until: datetime
    wanted: Sequence[tuple[MeasurementKind, str]]
    school: str | None = None


def read_rollups(connection: sqlite3.Connection, query: RollupQuery) -> list[RolledFigure]:
    """The roll-ups that a query asks for, in order of path and time."""
    zone = read_zone(connection)
    if query.each == "hour":
        table, first, last = HOURS, hour_number(query.since), hour_number(query.until)
    else:
        table = DAYS
        first, last = (day_number(one.astimezone(zone).date()) for one in (query.since, query.until))
    pairs = " OR ".join("(kind = ? AND figure = ?)" for _ in query.wanted)
    text = (
        "SELECT school, line, region, family, kind, figure, span, count, total, least, most, spread "  # noqa: S608 ours
        f"FROM figure_path JOIN {table} ON path = figure_path.id "
        f"WHERE ({pairs}) AND (? IS NULL OR school = ?) AND span >= ? AND span < ? ORDER BY path, span"
    )
    values = [one for pair in query.wanted for one in pair]
    rows = connection.execute(text, (*values, query.school, query.school, first, last)).fetchall()
    return [_read_row(row, query.each, zone) for row in rows]


def _read_row(row: Sequence[object], each: Literal["hour", "day"], zone: ZoneInfo) -> RolledFigure:
    school, line, region, family, kind, figure, number, *spread = row
    span = int(str(number))
    if each == "hour":
        begins = datetime.fromtimestamp(span * 3600, UTC).astimezone(zone)
    else:
        begins = datetime.combine(_EPOCH + timedelta(days=span), datetime.min.time(), zone)
    path = LinePath(str(school), _LINES[str(line)], str(region), Family(int(str(family))))
    return RolledFigure(path, MeasurementKind(str(kind)), str(figure), begins, read_spread(spread))

"""From when to when a series told the same: whether a line, a path, DNS or HTTP answered, to the second, for 400 days.

A value holds until the next one, but no longer than its metric's `fresh`. What lies beyond that is not known, and is
neither counted as up nor as down.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace

from controller.telemetry.registry import DAY
from monitoring.timeseries.records import GaugeValue

WRITTEN_SECONDS = 10.0
"""A period that goes on is written so often; a monitor that is killed forgets no more of it than that."""
PERIODS_KEPT = 400 * DAY
MOST_PERIODS = 10_000
"""Of a series: one that changes all the time forgets its oldest ones earlier."""

_BESIDE = """
SELECT began, until, value FROM (SELECT began, until, value FROM state_period
  WHERE series = ?1 AND began <= ?2 ORDER BY began DESC LIMIT 1)
UNION ALL
SELECT began, until, value FROM (SELECT began, until, value FROM state_period
  WHERE series = ?1 AND began > ?2 ORDER BY began LIMIT 1)
"""
_ADD = "INSERT OR REPLACE INTO state_period (series, began, until, value) VALUES (?, ?, ?, ?)"
_DELETE = "DELETE FROM state_period WHERE series = ? AND began = ?"
_DELETE_MANY = """
DELETE FROM state_period WHERE series = ?1 AND began < (
  SELECT began FROM state_period WHERE series = ?1 ORDER BY began DESC LIMIT 1 OFFSET ?2
)
"""


@dataclass(frozen=True, slots=True)
class StatePeriod:
    """A series told this value from a time until another, in seconds since 1970."""

    began: float
    until: float
    value: float


class StatePeriodWriter:
    """Writes periods. Belongs to the one thread that writes, and to its transaction."""

    def __init__(self) -> None:
        self._newest: dict[int, StatePeriod] = {}
        """The newest period of a series as it is written; what goes on is compared with this and with no row."""

    def forget(self) -> None:
        """Ask the file again: what was written may not have been kept."""
        self._newest.clear()

    def write(self, connection: sqlite3.Connection, values: Iterable[tuple[int, GaugeValue]]) -> None:
        """Bring the periods of series up to values, each with its series' number, in the order of their times."""
        for series, one in sorted(values, key=lambda pair: pair[1].at):
            self._write_value(connection, series, one)

    def _write_value(self, connection: sqlite3.Connection, series: int, one: GaugeValue) -> None:
        newest = self._newest.get(series)
        if newest is not None and newest.began <= one.at < newest.until + WRITTEN_SECONDS and one.value == newest.value:
            return
        fresh = one.key[0].fresh
        rows = [StatePeriod(*row) for row in connection.execute(_BESIDE, (series, one.at))]
        before = next((row for row in rows if row.began <= one.at), None)
        after = next((row for row in rows if row.began > one.at), None)
        written = _place_value(one.at, one.value, before, after, fresh)
        if written is None:
            return
        if after is not None and written.until >= after.until:
            connection.execute(_DELETE, (series, after.began))
        connection.execute(_ADD, (series, written.began, written.until, written.value))
        if after is None or (newest is not None and written.until >= newest.until):
            self._newest[series] = written


def _place_value(
    at: float, value: float, before: StatePeriod | None, after: StatePeriod | None, fresh: float
) -> StatePeriod | None:
    """The period that a value begins or prolongs, as it then is; None where it tells nothing new.

    >>> up = StatePeriod(100, 160, 1)
    >>> _place_value(200, 1, up, None, fresh=60), _place_value(300, 1, up, None, fresh=60)
    (StatePeriod(began=100, until=200, value=1), StatePeriod(began=300, until=300, value=1))
    >>> _place_value(170, 0, up, None, fresh=60), _place_value(120, 0, up, None, fresh=60)
    (StatePeriod(began=170, until=170, value=0), None)
    >>> _place_value(190, 1, up, StatePeriod(220, 400, 1), fresh=60)
    StatePeriod(began=100, until=400, value=1)
    """
    if before is not None and at <= before.until:
        return None
    follows = before is not None and before.value == value and at - before.until <= fresh
    leads = after is not None and after.value == value and after.began - at <= fresh
    if follows and before is not None:
        return replace(before, until=after.until if leads and after is not None else at)
    return StatePeriod(at, after.until if leads and after is not None else at, value)


def delete_old_periods(connection: sqlite3.Connection, now: float) -> None:
    """Forget periods that ended too long ago, and of a series that changes all the time the oldest."""
    connection.execute("DELETE FROM state_period WHERE until < ?", (now - PERIODS_KEPT,))
    many = connection.execute(
        "SELECT series FROM state_period GROUP BY series HAVING COUNT(*) > ?", (MOST_PERIODS,)
    ).fetchall()
    connection.executemany(_DELETE_MANY, [(series, MOST_PERIODS - 1) for (series,) in many])

"""How long what is kept how finely: values of a second become values of ten, of a minute, of an hour, and go.

A roll-up keeps how many values there were, their sum, the least and the highest. Each value is in one table row only,
so a sum over all rows counts it once, whatever was rolled up meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.telemetry.registry import DAY, HOUR, MINUTE
from monitoring.timeseries.state_periods import delete_old_periods
from monitoring.timeseries.time_series_store import TimeSeriesStore, add_up_ended


@dataclass(frozen=True, slots=True)
class RetentionLevel:
    """Rows of `step` seconds are kept for `kept` seconds."""

    step: int
    kept: int


LEVELS = (
    RetentionLevel(1, 5 * MINUTE),
    RetentionLevel(10, 2 * HOUR),
    RetentionLevel(MINUTE, 2 * DAY),
    RetentionLevel(HOUR, 400 * DAY),
)
"""A year can be compared with the one before; logs of six months or longer are desirable (guideline 6.1(3))."""
STEPS = tuple(level.step for level in LEVELS)
EVENTS_KEPT = 400 * DAY
ROLLOUTS_KEPT = 90 * DAY


@dataclass(frozen=True, slots=True)
class KeptSeconds:
    """For how many seconds events and rollouts are kept."""

    events: int = EVENTS_KEPT
    rollouts: int = ROLLOUTS_KEPT


PROCESS_KEPT = 2 * DAY
"""A process that said nothing for so long has ended; its totals are added to those of the others that have."""

_ROLL_UP = """
INSERT INTO bin (step, series, at, n, total, least, most)
SELECT ?1, series, at / ?1 * ?1 AS slot, SUM(n), SUM(total), MIN(least), MAX(most) FROM bin
WHERE step = ?2 AND series IN (SELECT id FROM series) AND at < ?3 GROUP BY series, slot
ON CONFLICT (step, series, at) DO UPDATE SET n = n + excluded.n, total = total + excluded.total,
  least = min(least, excluded.least), most = max(most, excluded.most)
"""
_FORGET = "DELETE FROM bin WHERE step = ? AND series IN (SELECT id FROM series) AND at < ?"


def roll_up(store: TimeSeriesStore, now: float, levels: int = len(LEVELS)) -> None:
    """Move what is too old for its level into the next; of the last level, forget it.

    `levels`: only the first so many, because the fine ones fill quickly and the coarse ones slowly.
    """
    with store.writing() as connection:
        for level, coarser in zip(LEVELS, [*LEVELS[1:], None], strict=True):
            if LEVELS.index(level) >= levels:
                break
            border = int(now - level.kept)
            if coarser is not None:
                border -= border % coarser.step
                connection.execute(_ROLL_UP, (coarser.step, level.step, border))
            connection.execute(_FORGET, (level.step, border))


def delete_expired(store: TimeSeriesStore, now: float, kept: KeptSeconds = KeptSeconds()) -> None:
    """Forget old events and rollouts, and add up the totals of processes that have ended."""
    with store.writing() as connection:
        connection.execute("DELETE FROM event WHERE at < ?", (now - kept.events,))
        connection.execute("DELETE FROM operator_action WHERE max(at, until) < ?", (now - kept.events,))
        connection.execute("DELETE FROM span WHERE start < ?", (now - kept.rollouts,))
        delete_old_periods(connection, now)
        add_up_ended(connection, now - PROCESS_KEPT)
    store.load_index()

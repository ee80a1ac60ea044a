"""What the store is asked."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from controller.telemetry.registry import EventKind, Metric
from controller.telemetry.units import find_range_fault
from monitoring.timeseries.records import (
    CumulativeTotal,
    EventRecord,
    GaugeValue,
    OperatorAction,
    SpanRecord,
    add_up_totals,
    can_be_time,
)
from monitoring.timeseries.retention import STEPS
from monitoring.timeseries.store_reader import ReadableStore
from monitoring.timeseries.time_series_store import TimeSeriesStore, parse_series_key, read_span, read_total

ROLLOUTS_REMEMBERED = 16
"""Of which it is known whether they have ended."""
SPANS_SHOWN = 10_000
"""Enough for the devices of the whole city, and the steps of those that are in work."""


def read_latest_values(store: ReadableStore) -> list[GaugeValue]:
    """The newest value of every gauge.

    What is damaged is none: a value that the metric cannot have is left out, and when it was heard is then not known.
    """
    query = "SELECT metric, attributes, at, value, heard, since FROM latest JOIN series ON series.id = latest.series"
    return [
        GaugeValue(
            key,
            at,
            value,
            heard=heard if can_be_time(heard) else 0.0,
            since=since if can_be_time(since) else None,
        )
        for metric, attributes, at, value, heard, since in store.rows(query)
        if (key := parse_series_key(metric, attributes)) and can_be_time(at) and find_range_fault(key[0], value) is None
    ]


def read_kept_values(store: ReadableStore, metrics: Sequence[Metric], since: float, until: float) -> list[GaugeValue]:
    """What is kept of the past of these metrics, the oldest first: of each slot of a roll-up its mean and beginning.

    A value that was sent twice is one; what is damaged is none.
    """
    query = (
        "SELECT metric, attributes, at, total / n FROM series JOIN bin ON series.id = bin.series "
        "WHERE metric IN (SELECT value FROM json_each(?1)) AND step IN (SELECT value FROM json_each(?2)) "
        "AND at BETWEEN ?3 AND ?4 ORDER BY at"
    )
    names = json.dumps([metric.name for metric in metrics])
    return [
        GaugeValue(key, float(at), value)
        for metric, attributes, at, value in store.rows(query, names, json.dumps(STEPS), int(since), int(until))
        if (key := parse_series_key(metric, attributes))
        and can_be_time(at)
        and value is not None
        and find_range_fault(key[0], value) is None
    ]


def read_totals(store: TimeSeriesStore) -> list[CumulativeTotal]:
    """What counters and histograms have come to, over all processes."""
    query = "SELECT metric, attributes, at, value, counts FROM part JOIN series ON series.id = part.series"
    return add_up_totals(total for row in store.rows(query) if (total := read_total(row)) is not None)


def read_events(
    store: ReadableStore, school: str, since: float, most: int, until: float = math.inf
) -> list[EventRecord]:
    """A school's newest events of a time, the oldest of them first."""
    query = (
        "SELECT at, kind, school, line, text FROM event "
        "WHERE school = ? AND at BETWEEN ? AND ? ORDER BY at DESC LIMIT ?"
    )
    return [EventRecord(*row) for row in reversed(store.rows(query, school, since, until, most))]


def read_brown_outs(store: ReadableStore) -> list[EventRecord]:
    """Of each line the newest event of a brown-out: its beginning or its end."""
    query = "SELECT MAX(at), kind, school, line, text FROM event WHERE kind IN (?, ?) GROUP BY school, line"
    rows = store.rows(query, str(EventKind.BROWN_OUT), str(EventKind.BROWN_OUT_OVER))
    return [EventRecord(*row) for row in rows if can_be_time(row[0])]


def read_operator_actions(store: TimeSeriesStore, most: int) -> list[OperatorAction]:
    """What people did about needs, the newest first."""
    query = (
        "SELECT id, at, kind, by, reason, need, school, line, since, starts, until, ends FROM operator_action "
        "ORDER BY at DESC, rowid DESC LIMIT ?"
    )
    found = (OperatorAction(*row) for row in store.rows(query, most))
    return [one for one in found if all(can_be_time(time) for time in (one.at, one.since, one.starts, one.until))]


def read_newest_rollouts(store: TimeSeriesStore, until: float = math.inf) -> list[SpanRecord]:
    """The spans of the rollout that began last, but for single commands, and those of rollouts themselves.

    Of these the ones that have not ended come first: one that is lost stays known, however many ended well after it.
    What is dated later than `until` was so by a clock that was put back since.
    """
    query = (
        "SELECT trace, id, parent, level, name, start, ended, outcome, error, attributes FROM span "
        "WHERE (trace = (SELECT trace FROM span WHERE level = 'rollout' AND start BETWEEN 0 AND ?1 "
        "ORDER BY start DESC LIMIT 1) AND level != 'command') OR (trace, id) IN "
        "(SELECT trace, id FROM span WHERE level = 'rollout' AND start BETWEEN 0 AND ?1 "
        "ORDER BY ended = 0 DESC, start DESC LIMIT ?2) "
        "ORDER BY level = 'step', start LIMIT ?3"
    )
    rows = store.rows(query, until, ROLLOUTS_REMEMBERED, SPANS_SHOWN)
    return [read_span(row) for row in rows]

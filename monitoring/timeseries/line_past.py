"""What the store knows of lines' past: their events, and the hours in which they were measured."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from controller.telemetry.registry import HOUR, LINE_LOSS, EventKind
from monitoring.limits import MOST_EVENTS
from monitoring.timeseries.records import EventRecord, can_be_time
from monitoring.timeseries.retention import STEPS
from monitoring.timeseries.store_reader import ReadableStore

_KINDS = (EventKind.LINE_DOWN, EventKind.LINE_UP, EventKind.LINE_SLOW, EventKind.LINE_FLAPPING)


def read_line_events(store: ReadableStore, schools: Collection[str], since: float) -> list[EventRecord]:
    """Events of these schools' lines that went down, came back, became slow or flapped, the oldest first."""
    query = (
        "SELECT at, kind, school, line, text FROM event WHERE kind IN (SELECT value FROM json_each(?)) "
        "AND school IN (SELECT value FROM json_each(?)) AND at >= ? ORDER BY at, id"
    )
    rows = store.rows(query, json.dumps(_KINDS), json.dumps(sorted(schools)), since)
    return [EventRecord(*row) for row in rows if can_be_time(row[0])]


def read_first_events(store: ReadableStore, schools: Collection[str]) -> dict[str, float]:
    """When the oldest event was of each school that has as many as are kept: of before then events are missing."""
    query = (
        "SELECT school, MIN(at) FROM event WHERE school IN (SELECT value FROM json_each(?)) "
        "GROUP BY school HAVING COUNT(*) >= ?"
    )
    return {school: float(at) for school, at in store.rows(query, json.dumps(sorted(schools)), MOST_EVENTS)}


def read_measured_hours(
    store: ReadableStore, schools: Collection[str], since: float
) -> Iterator[tuple[str, str, int, bool]]:
    """School, line, beginning of an hour in which its loss was measured, and whether any echo was answered in it."""
    query = (
        "SELECT school, line, at / ?1 * ?1 AS hour, MIN(least) FROM series JOIN bin ON bin.series = series.id "
        "WHERE metric = ?2 AND school IN (SELECT value FROM json_each(?3)) "
        "AND step IN (SELECT value FROM json_each(?4)) AND at >= ?5 GROUP BY school, line, hour"
    )
    wanted = json.dumps(sorted(schools))
    for school, line, hour, least in store.rows(query, HOUR, LINE_LOSS.name, wanted, json.dumps(STEPS), int(since)):
        if can_be_time(hour) and least is not None:
            yield school, line, hour, least < 1.0

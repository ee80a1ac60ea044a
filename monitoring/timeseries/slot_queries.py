"""What probes said of their planned tests, as far as the store has it apart: by minutes, later by hours."""

from __future__ import annotations

import json
from dataclasses import dataclass

from controller.telemetry.registry import HOUR, LINE_LOSS, PROBE_SLOT
from monitoring.timeseries.retention import STEPS
from monitoring.timeseries.store_reader import ReadableStore


@dataclass(frozen=True, slots=True)
class SlotWords:
    """What was said of a line's planned tests in a time: how often, and the least and highest number."""

    school: str
    line: str
    begins: float
    ends: float
    count: int
    least: float
    most: float


def read_slot_words(store: ReadableStore, since: float, until: float) -> list[SlotWords]:
    """What all probes said of the tests of a time."""
    query = (
        "SELECT school, line, at, at + step, n, least, most FROM bin JOIN series ON series.id = bin.series "
        "WHERE metric = ?1 AND step IN (SELECT value FROM json_each(?2)) AND at + step > ?3 AND at < ?4"
    )
    return [SlotWords(*row) for row in store.rows(query, PROBE_SLOT.name, json.dumps(STEPS), since, until)]


def has_echoes(store: ReadableStore, school: str, since: float, until: float) -> bool:
    """Whether echoes of a school were counted in a time: its probe does so every minute, answered or not."""
    query = (
        "SELECT 1 FROM bin WHERE series IN (SELECT id FROM series WHERE school = ?1 AND metric = ?2) "
        "AND step IN (SELECT value FROM json_each(?3)) AND at > ?4 - ?6 AND at + step > ?4 AND at < ?5 LIMIT 1"
    )
    return bool(store.rows(query, school, LINE_LOSS.name, json.dumps(STEPS), since, until, HOUR))

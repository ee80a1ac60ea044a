"""Which planned tests were made, and which were missed; the missed ones are kept in the store of measurements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from controller.errors import TsunaguError
from controller.measure.measurement import Measurement, MeasurementKind, ProbeOutcome
from controller.measure.measurement_tables import MEASUREMENT_STORE, UNREADABLE, explain_unreadable
from controller.measure.schedule.day_plan import SlotKind, TestSlot
from controller.measure.schedule.slot_ledger import add_missed_rows
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES, AccessLineName
from controller.storage.sqlite import open_store

_LINES: dict[str, AccessLineName] = {name: name for name in ACCESS_LINE_NAMES}


class SlotState(StrEnum):
    """What became of a slot."""

    DONE = "done"
    MISSED = "missed"
    DUE = "due"
    TO_COME = "to-come"
    UNKNOWN = "unknown"
    """What was measured then is removed already."""


def find_slot_state(
    slot: TestSlot, measured: Iterable[Measurement], now: datetime, removed: datetime | None = None
) -> SlotState:
    """Return what became of a slot: done where a download of its line was tested in it, whatever the test found.

    A test that could not be made, because another one held the line or the program is missing, is none. `removed`:
    retention removed what was measured before, so that a slot without a test need not have been missed.
    """
    if any(
        one.result.kind is MeasurementKind.DOWNLOAD
        and one.result.outcome is not ProbeOutcome.FAILED
        and (one.path.school, one.path.line) == (slot.school, slot.line)
        and slot.begins <= one.at < slot.ends
        for one in measured
    ):
        return SlotState.DONE
    if now >= slot.ends:
        return SlotState.UNKNOWN if removed is not None and slot.begins < removed else SlotState.MISSED
    return SlotState.DUE if now >= slot.begins else SlotState.TO_COME


def find_slot_states(
    slots: Iterable[TestSlot], measured: Iterable[Measurement], now: datetime, removed: datetime | None = None
) -> dict[TestSlot, SlotState]:
    """Return what became of each of many slots; see `find_slot_state`. Each is held against its own hours alone."""
    by_hour: dict[tuple[str, str, int], list[Measurement]] = {}
    for one in measured:
        by_hour.setdefault((one.path.school, one.path.line, _hour(one.at)), []).append(one)
    found: dict[TestSlot, SlotState] = {}
    for slot in slots:
        hours = range(_hour(slot.begins), _hour(slot.ends) + 1)
        near = [one for hour in hours for one in by_hour.get((slot.school, slot.line, hour), ())]
        found[slot] = find_slot_state(slot, near, now, removed)
    return found


def _hour(at: datetime) -> int:
    return int(at.timestamp() // 3600)


def keep_missed_slots(file: Path, slots: Sequence[TestSlot], now: datetime) -> None:
    """Keep slots that were missed, each once.

    Raises:
        StoreRefused: it is no store of measurements, or of a newer format, or damaged.
        TsunaguError: the store cannot be written.
    """
    try:
        with closing(open_store(file, MEASUREMENT_STORE)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            add_missed_rows(connection, slots, now)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        message = f"{file}: the missed slots cannot be kept: {error}"
        raise TsunaguError(message) from None


def list_missed_slots(file: Path, since: datetime, until: datetime) -> list[TestSlot]:
    """Return the slots that began in a time and were missed, in order.

    Raises:
        StoreRefused: it is no store of measurements, or of a newer format, or damaged.
        TsunaguError: the store cannot be read.
    """
    query = (
        "SELECT school, line, kind, begins, ends FROM missed_slot WHERE begins >= ? AND begins < ? "
        "ORDER BY begins, school, line"
    )
    span = [at.astimezone(UTC).isoformat() for at in (since, until)]
    try:
        with closing(open_store(file, MEASUREMENT_STORE)) as connection:
            rows = connection.execute(query, span).fetchall()
            return [_read_slot(row) for row in rows]
    except UNREADABLE as error:
        what = f"{file}: the missed slots cannot be read"
        raise explain_unreadable(what, error) from None


def _read_slot(row: Sequence[str]) -> TestSlot:
    school, line, kind, *span = row
    begins, ends = (datetime.fromisoformat(one) for one in span)
    return TestSlot(school, _LINES[line], SlotKind(kind), begins, ends, frozenset())

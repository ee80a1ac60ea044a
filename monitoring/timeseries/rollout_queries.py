"""Rollouts that the store keeps: which there were, and one of them whole."""

from __future__ import annotations

from collections.abc import Iterable

from monitoring.timeseries.queries import SPANS_SHOWN
from monitoring.timeseries.records import SpanRecord
from monitoring.timeseries.time_series_store import TimeSeriesStore, read_span

_COLUMNS = "trace, id, parent, level, name, start, ended, outcome, error, attributes"


def read_rollout_roots(store: TimeSeriesStore, most: int) -> list[SpanRecord]:
    """The rollouts that began last, newest first, each by its own span."""
    query = f"SELECT {_COLUMNS} FROM span WHERE level = 'rollout' ORDER BY start DESC LIMIT ?"  # noqa: S608 constants
    return [read_span(row) for row in store.rows(query, most)]


def read_newest_device_spans(store: TimeSeriesStore, devices: Iterable[str]) -> dict[str, SpanRecord]:
    """Of each device what was done with it last, by a rollout or a playbook; none of which nothing is kept."""
    query = f"SELECT {_COLUMNS} FROM span WHERE level = 'device' AND name = ? ORDER BY start DESC LIMIT 1"  # noqa: S608
    return {device: read_span(row) for device in devices for row in store.rows(query, device)}


def read_rollout_spans(store: TimeSeriesStore, trace: str) -> list[SpanRecord]:
    """The spans of one rollout, but for single commands; its devices before their steps, where they are too many."""
    query = (
        f"SELECT {_COLUMNS} FROM span WHERE trace = ? AND level != 'command' "  # noqa: S608 constants
        "ORDER BY level = 'step', start LIMIT ?"
    )
    return [read_span(row) for row in store.rows(query, trace, SPANS_SHOWN)]

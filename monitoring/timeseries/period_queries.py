"""What the store is asked about periods: from when to when each part of a school was up, down, or not known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from controller.telemetry.registry import Metric
from monitoring.timeseries.records import can_be_time
from monitoring.timeseries.state_periods import StatePeriod
from monitoring.timeseries.store_reader import ReadableStore
from monitoring.timeseries.time_series_store import parse_series_key

_INSIDE = """
SELECT began, until, value FROM state_period WHERE series = ? AND until >= ? AND began <= ? ORDER BY began
"""


@dataclass(frozen=True, slots=True)
class SeriesPeriods:
    """The periods of a series inside what was asked for, each until the next one where that is known."""

    metric: Metric
    attributes: Mapping[str, str]
    periods: Sequence[StatePeriod]

    def count_seconds(self, *, up: bool) -> float:
        """For how many seconds it is known to have been up, or down."""
        return sum(one.until - one.began for one in self.periods if (one.value > 0) is up)


def read_periods(
    store: ReadableStore, school: str, metrics: Sequence[Metric], since: float, until: float
) -> list[SeriesPeriods]:
    """The periods of every series of a school of these metrics inside a time, the oldest first."""
    query = (
        "SELECT id, metric, attributes FROM series WHERE school = ? AND metric IN (SELECT value FROM json_each(?)) "
        "ORDER BY metric, attributes"
    )
    found = []
    for number, name, text in store.rows(query, school, json.dumps([metric.name for metric in metrics])):
        key = parse_series_key(name, text)
        if key is None:
            continue
        metric, attributes = key
        # One that began before may last into it.
        rows = store.rows(_INSIDE, number, since - metric.fresh, until)
        known = [StatePeriod(*row) for row in rows if can_be_time(row[0]) and can_be_time(row[1])]
        found.append(SeriesPeriods(metric, dict(attributes), close_periods(known, metric.fresh, since, until)))
    return found


def close_periods(known: Sequence[StatePeriod], fresh: float, since: float, until: float) -> list[StatePeriod]:
    """Periods as they count: each holds until the next one that comes soon enough; cut to a time.

    >>> known = [StatePeriod(0, 50, 1), StatePeriod(55, 60, 0), StatePeriod(300, 400, 1)]
    >>> [(one.began, one.until, one.value) for one in close_periods(known, fresh=60, since=10, until=420)]
    [(10, 55, 1), (55, 60, 0), (300, 420, 1)]
    """
    last = [replace(one, began=until, until=until) for one in known[-1:]]
    held = [
        replace(one, until=after.began if after.began - one.until <= fresh else one.until)
        for one, after in pairwise([*known, *last])
    ]
    cut = [replace(one, began=max(one.began, since), until=min(one.until, until)) for one in held]
    return [one for one in cut if one.until > one.began]

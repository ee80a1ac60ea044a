"""What the store is asked about the past of one school: its lines over time, and each path over a whole period."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from controller.telemetry.registry import Metric
from monitoring.timeseries.retention import LEVELS, STEPS
from monitoring.timeseries.time_series_store import TimeSeriesStore, parse_series_key

POINTS_WANTED = 1_000
"""As many points as a chart can show; a longer period has longer slots."""
_HALF_DAY = 12 * 3_600
ANY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """A series over a period: the mean of its values, the least, the highest, and how many there were."""

    metric: Metric
    attributes: Mapping[str, str]
    mean: float
    least: float
    most: float
    count: int


def choose_step(since: float, now: float) -> int:
    """The length of a slot, in seconds, in which the past from a time on is shown.

    >>> [choose_step(0, 60), choose_step(0, 86_400), choose_step(0, 30 * 86_400), choose_step(0, 400 * 86_400)]
    [1, 60, 3600, 43200]
    """
    kept = next((level.step for level in LEVELS if now - since <= level.kept), LEVELS[-1].step)
    return _HALF_DAY if (now - since) / kept > POINTS_WANTED and kept == LEVELS[-1].step else kept


def read_line_history(  # noqa: PLR0913 which line, what of it, and of when
    store: TimeSeriesStore,
    place: tuple[str, str],
    metric: Metric,
    since: float,
    step: int,
    *,
    only: Mapping[str, str] = ANY,
) -> list[tuple[int, float, float]]:
    """A line's values as (seconds since 1970, mean, highest) of each `step` seconds.

    `place` is a school and one of its lines; `only`: of the paths, the family, the direction that these name.
    """
    query = "SELECT id, attributes FROM series WHERE school = ? AND line = ? AND metric = ?"
    known = [(number, parse_series_key(metric.name, text)) for number, text in store.rows(query, *place, metric.name)]
    wanted = [number for number, key in known if key and only.items() <= dict(key[1]).items()]
    query = (
        "SELECT at / ?1 * ?1 AS slot, SUM(total) / SUM(n), MAX(most) FROM bin "
        "WHERE step IN (SELECT value FROM json_each(?2)) AND series IN (SELECT value FROM json_each(?3)) AND at >= ?4 "
        "GROUP BY slot ORDER BY slot"
    )
    rows = store.rows(query, step, json.dumps(STEPS), json.dumps(wanted), int(since))
    return [(slot, mean, most) for slot, mean, most in rows if mean is not None and math.isfinite(mean + most)]


def summarize_series(
    store: TimeSeriesStore, school: str, metrics: Sequence[Metric], since: float
) -> list[SeriesSummary]:
    """Every series of a school of these metrics, over the period from a time on; none of which nothing is known."""
    query = (
        "SELECT metric, attributes, SUM(total) / SUM(n), MIN(least), MAX(most), SUM(n) FROM bin "
        "JOIN series ON series.id = bin.series WHERE school = ?1 AND metric IN (SELECT value FROM json_each(?2)) "
        "AND step IN (SELECT value FROM json_each(?3)) AND at >= ?4 GROUP BY series.id ORDER BY metric, attributes"
    )
    names = json.dumps([metric.name for metric in metrics])
    return [
        SeriesSummary(key[0], dict(key[1]), mean, least, most, count)
        for name, text, mean, least, most, count in store.rows(query, school, names, json.dumps(STEPS), int(since))
        if (key := parse_series_key(name, text)) and mean is not None and math.isfinite(mean + least + most)
    ]

"""How a query of the registry is written for Cloud Monitoring: filters, aggregations; and filters of logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stacks.cloud_monitoring.signals import Query


def write_metric_filter(query: Query, names: Sequence[str] = ()) -> str:
    """Return a monitoring filter; `names` are those of the part that it is about, where it is about one.

    >>> from stacks.cloud_monitoring.signals import LAG
    >>> write_metric_filter(LAG.query, ["project:affairs-osaka-1"]).partition(" AND resource.labels")[2]
    '.database_id = one_of("project:affairs-osaka-1")'
    """
    parts = [f'metric.type = "{query.metric}"', f'resource.type = "{query.resource}"']
    if query.where:
        parts.append(query.where)
    if query.named_by and names:
        parts.append(f"resource.labels.{query.named_by} = one_of({_quote(names, ', ')})")
    return " AND ".join(parts)


def write_log_filter(template: str, names: Sequence[str]) -> str:
    """Return a filter of logs with the names of a part in it.

    >>> write_log_filter('resource.labels.database_id=({names})', ["a", "b"])
    'resource.labels.database_id=("a" OR "b")'
    """
    return template.replace("{names}", _quote(names, " OR "))


def build_aggregation(query: Query) -> dict[str, Any]:
    """Return how the series of a query are aligned and put together, in the words of Google's API."""
    wanted: dict[str, Any] = {"alignmentPeriod": f"{query.seconds}s", "perSeriesAligner": query.aligner}
    if query.reducer:
        wanted["crossSeriesReducer"] = query.reducer
        wanted["groupByFields"] = [*query.by]
    return wanted


def _quote(names: Sequence[str], joint: str) -> str:
    return joint.join(f'"{name}"' for name in names)

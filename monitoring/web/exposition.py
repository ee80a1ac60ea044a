"""`/metrics`: what the monitor knows, in Prometheus' text format, under the names of the registry.

A value that may no longer stand for the present is left out, so that Prometheus marks its series as stale. Bad news is
served however old it is, so that no alert is resolved by silence; how old it is says `tsunagu.line.last.heard`.
The names of the version before are at `/metrics?names=old`, apart: their units are none that Prometheus calls a base
unit.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from itertools import accumulate

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from controller.telemetry.deprecated_names import DEPRECATED_NAMES, DeprecatedName
from controller.telemetry.naming import prometheus_label
from controller.telemetry.registry import METRICS, SIGNAL, TELEMETRY_DROPPED, InstrumentKind, Metric
from monitoring.city_state.monitor import Monitor
from monitoring.timeseries import queries
from monitoring.timeseries.records import CumulativeTotal, GaugeValue, SeriesAttributes
from monitoring.web.own_health import list_health, measure_processor

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TARGET = (
    "# HELP target_info which program this is, as OpenTelemetry's exporters for Prometheus say it\n"
    "# TYPE target_info gauge\n"
    'target_info{service_namespace="tsunagu",service_name="tsunagu-monitor",'
    f'service_version="{version("tsunagu")}"}} 1\n'
)


def build_metrics_routes(monitor: Monitor) -> list[BaseRoute]:
    """The path that Prometheus scrapes."""

    async def metrics(request: Request) -> Response:
        known = monitor.present.list_served()
        if request.query_params.get("names") == "old":
            return _answer(await run_sync(format_deprecated, known, time.time()))
        totals = [*await run_sync(_read_totals, monitor), *monitor.refused(), measure_processor()]
        values = [*known, *monitor.list_own_values(), *list_health(monitor)]
        # A copy, written out in a thread: a whole city takes long enough to keep pages waiting.
        text = await run_sync(format_exposition, values, totals, time.time())
        return _answer(text + _TARGET)

    return [Route("/metrics", metrics)]


def _read_totals(monitor: Monitor) -> list[CumulativeTotal]:
    """The totals that are kept; none where the store cannot be read: what is now is told all the same."""
    try:
        return complete_losses(queries.read_totals(monitor.store), time.time())
    except sqlite3.Error as error:
        monitor.note_store_fault(error)
        return []


def complete_losses(totals: Iterable[CumulativeTotal], now: float) -> list[CumulativeTotal]:
    """The totals, with what senders lost of every signal, however old it is.

    Prometheus sees a rise only from a value that it knows: a loss that is the first in a day would be none.
    """
    known = {total.key: total for total in totals}
    for signal in SIGNAL.values:
        key = (TELEMETRY_DROPPED, ((SIGNAL.name, signal),))
        known[key] = replace(known[key], at=now) if key in known else CumulativeTotal(key, "", 0, now, 0)
    return [*known.values()]


def format_exposition(values: Iterable[GaugeValue], totals: Iterable[CumulativeTotal], now: float) -> str:
    """Prometheus' text format."""
    found: dict[Metric, list[GaugeValue | CumulativeTotal]] = {}
    known: list[GaugeValue | CumulativeTotal] = [*values, *totals]
    for one in known:
        metric = one.key[0]
        if one.at >= now - metric.fresh:
            found.setdefault(metric, []).append(one)
    lines: list[str] = []
    for metric in METRICS.values():
        if metric in found:
            lines += _family(metric, found[metric])
    return "".join(f"{line}\n" for line in lines)


def format_deprecated(values: Iterable[GaugeValue], now: float) -> str:
    """The values that had another name or unit before, under that name and in that unit."""
    found: dict[Metric, list[GaugeValue]] = {}
    for one in values:
        if one.at >= now - one.key[0].fresh:
            found.setdefault(one.key[0], []).append(one)
    lines: list[str] = []
    for old in DEPRECATED_NAMES.values():
        if old.metric in found:
            lines += _deprecated_family(old, found[old.metric])
    return "".join(f"{line}\n" for line in lines)


def _answer(text: str) -> Response:
    return Response(text, headers={"Content-Type": CONTENT_TYPE})


def _deprecated_family(old: DeprecatedName, found: Sequence[GaugeValue]) -> Iterator[str]:
    meaning = f"Deprecated: ask for {old.metric.prometheus} instead; the next version does not have this name."
    yield f"# HELP {old.prometheus} {_escaped(meaning, quotes=False)}"
    yield f"# TYPE {old.prometheus} {old.metric.kind}"
    for one in found:
        # As many digits as were measured: what dividing and multiplying leave behind them is none of them.
        yield f"{old.prometheus}{_labels(one.key[1])} {_number(float(f'{old.to_old(one.value):.12g}'))}"


def _family(metric: Metric, found: Sequence[GaugeValue | CumulativeTotal]) -> Iterator[str]:
    name = metric.prometheus
    yield f"# HELP {name} {_escaped(metric.meaning, quotes=False)}"
    yield f"# TYPE {name} {metric.kind}"
    for one in found:
        if metric.kind is InstrumentKind.HISTOGRAM and isinstance(one, CumulativeTotal):
            yield from _histogram(metric, one)
        else:
            yield f"{name}{_labels(one.key[1])} {_number(one.value)}"


def _histogram(metric: Metric, one: CumulativeTotal) -> Iterator[str]:
    """Buckets add up from the lowest; the last one is the number of all values."""
    name, attributes = metric.prometheus, one.key[1]
    ends = [*(_number(boundary) for boundary in metric.boundaries), "+Inf"]
    for end, count in zip(ends, accumulate(one.counts), strict=True):
        yield f"{name}_bucket{_labels((*attributes, ('le', end)))} {count}"
    yield f"{name}_sum{_labels(attributes)} {_number(one.value)}"
    yield f"{name}_count{_labels(attributes)} {sum(one.counts)}"


def _labels(attributes: SeriesAttributes) -> str:
    inside = ",".join(f'{prometheus_label(name)}="{_escaped(value)}"' for name, value in attributes)
    return f"{{{inside}}}" if inside else ""


def _escaped(text: str, *, quotes: bool = True) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))

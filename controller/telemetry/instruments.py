"""The SDK's instruments and views, made from the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

from controller.telemetry.registry import METRICS, SIGNAL, TELEMETRY_DROPPED, InstrumentKind, Metric

Write = Callable[[float, Mapping[str, str]], None]
"""What takes a value and its attributes."""


def build_views() -> Sequence[View]:
    """A view for each metric: its attributes, its boundaries, and the limit of its attribute sets.

    The SDK's own limit is 2,000 sets an instrument, which 176 schools would exceed.
    """
    return [
        View(
            instrument_name=metric.name,
            attribute_keys={attribute.name for attribute in metric.attributes},
            aggregation=ExplicitBucketHistogramAggregation(metric.boundaries) if metric.boundaries else None,
            aggregation_cardinality_limit=metric.limit,
        )
        for metric in METRICS.values()
    ]


def build_instruments(meter: Meter) -> Mapping[Metric, Write]:
    """An instrument for each metric that is written; what is observed instead has its own function."""
    return {metric: _instrument(meter, metric) for metric in METRICS.values() if metric is not TELEMETRY_DROPPED}


def observe_dropped(meter: Meter, counts: Callable[[], Mapping[str, int]]) -> None:
    """Report what was lost, by signal, whenever metrics are collected."""

    def look(_: CallbackOptions) -> list[Observation]:
        return [Observation(count, {SIGNAL.name: signal}) for signal, count in counts().items()]

    metric = TELEMETRY_DROPPED
    meter.create_observable_counter(metric.name, [look], unit=metric.unit, description=metric.meaning)


def _instrument(meter: Meter, metric: Metric) -> Write:
    match metric.kind:
        case InstrumentKind.GAUGE:
            return meter.create_gauge(metric.name, metric.unit, metric.meaning).set
        case InstrumentKind.COUNTER:
            return meter.create_counter(metric.name, metric.unit, metric.meaning).add
        case InstrumentKind.HISTOGRAM:
            return meter.create_histogram(metric.name, metric.unit, metric.meaning).record

"""The names and units that metrics had before: taken from old senders and served for one version, then deleted.

`/metrics?names=old` serves them, and a recording rule of each keeps Prometheus' queries by an old name alive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.telemetry.naming import OVERFLOW, prometheus_label, prometheus_name
from controller.telemetry.registry import (
    BANDWIDTH_ASSESSMENT,
    BANDWIDTH_MEASURED,
    BANDWIDTH_RECOMMENDED,
    DNS_DURATION,
    HTTP_DURATION,
    LINE_JITTER,
    LINE_LATENCY,
    LINE_THROUGHPUT,
    Metric,
)


@dataclass(frozen=True, slots=True)
class DeprecatedName:
    """A name and a unit of a metric as they were. A value in the old unit is `times / over` in today's."""

    name: str
    unit: str
    metric: Metric
    times: int = 1
    over: int = 1

    @property
    def prometheus(self) -> str:
        """The old name at Prometheus; these were all gauges."""
        return prometheus_name(self.name, self.unit, gauge=True, counter=False)

    def to_present(self, value: float) -> float:
        """A value in today's unit.

        >>> DEPRECATED_NAMES["tsunagu.line.latency"].to_present(20)
        0.02
        """
        return value * self.times / self.over

    def to_old(self, value: float) -> float:
        """A value in the old unit.

        >>> DEPRECATED_NAMES["tsunagu.line.throughput"].to_old(48_500_000)
        48.5
        """
        return value * self.over / self.times

    @property
    def expression(self) -> str:
        """The old value as a query of today's name; an overflow is told under today's name alone.

        >>> DEPRECATED_NAMES["tsunagu.line.latency"].expression
        'tsunagu_line_latency_seconds{otel_metric_overflow=""} * 1000'
        """
        scale = f" * {self.over}" * (self.over != 1) + f" / {self.times}" * (self.times != 1)
        return f'{self.metric.prometheus}{{{prometheus_label(OVERFLOW)}=""}}{scale}'


DEPRECATED_NAMES: Mapping[str, DeprecatedName] = MappingProxyType(
    {
        one.name: one
        for one in (
            *(
                DeprecatedName(metric.name, "Mbit/s", metric, times=1_000_000)
                for metric in (LINE_THROUGHPUT, BANDWIDTH_MEASURED, BANDWIDTH_RECOMMENDED)
            ),
            *(
                DeprecatedName(name, "ms", metric, over=1_000)
                for name, metric in (
                    (LINE_LATENCY.name, LINE_LATENCY),
                    (LINE_JITTER.name, LINE_JITTER),
                    (DNS_DURATION.name, DNS_DURATION),
                    ("tsunagu.proxy.duration", HTTP_DURATION),
                )
            ),
            DeprecatedName("tsunagu.school.judgement", "{judgement}", BANDWIDTH_ASSESSMENT),
        )
    }
)
"""Every one by its old name; some metrics kept their name and have another unit."""

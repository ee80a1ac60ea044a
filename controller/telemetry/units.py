"""The units of figures: what is measured and shown is in Mbit/s and milliseconds, what is sent and kept in base units.

A figure is converted where it is recorded, and again where a person is shown it; between the two it is in base units.
Each unit has a range: what lies outside was never measured.
"""

from __future__ import annotations

import math

from controller.telemetry.registry import DAY, InstrumentKind, Metric

DIGEST_DIGITS = 12
"""Of a digest: as many as a number of OTLP and Prometheus holds wholly."""
_MOST = {
    "1": 1.0,
    "s": float(DAY),
    "bit/s": 1e12,
    "{line}": 1,
    "{path}": 1,
    "{target}": 1,
    "{assessment}": 3,
    "{hash}": float(16**DIGEST_DIGITS - 1),
}
"""The highest value of a gauge by its unit: a ratio, a duration, a rate (that of a terabit Ethernet).

Of one line, path or target a gauge says yes or no.
"""
_MOST_COUNTED = 1e6
LAST_SECOND = 253_402_300_799.0
"""Of the year 9999: no calendar goes beyond it, and no certificate."""
_BITS_IN_MEGABIT = 1_000_000
_MILLISECONDS_IN_SECOND = 1_000


def bits_from_mbps(mbps: float) -> float:
    """A rate in bit/s.

    >>> bits_from_mbps(48.5)
    48500000.0
    """
    return mbps * _BITS_IN_MEGABIT


def mbps_from_bits(bits: float) -> float:
    """A rate in Mbit/s.

    >>> mbps_from_bits(48_500_000)
    48.5
    """
    return bits / _BITS_IN_MEGABIT


def seconds_from_ms(milliseconds: float) -> float:
    """A duration in seconds.

    >>> seconds_from_ms(250)
    0.25
    """
    return milliseconds / _MILLISECONDS_IN_SECOND


def ms_from_seconds(seconds: float) -> float:
    """A duration in milliseconds.

    >>> ms_from_seconds(0.25)
    250.0
    """
    return seconds * _MILLISECONDS_IN_SECOND


def shorten_digest(digest: str) -> int:
    """The beginning of a digest as a number.

    >>> shorten_digest("607d9d0512e653e99badcce951968d744d4b9d9bb2c26aa4a04f7d74c9d09fd8")
    106092621533926
    """
    return int(digest[:DIGEST_DIGITS], 16)


def find_range_fault(metric: Metric, value: float) -> str | None:
    """Why a metric cannot have a value, for a message after its name; None where it can. A total has no highest value.

    >>> from controller.telemetry.registry import LINE_LOSS, LINE_UP
    >>> find_range_fault(LINE_LOSS, 7.5), find_range_fault(LINE_UP, -1), find_range_fault(LINE_UP, 0.5)
    ('of 7.5, not 0 to 1', 'of -1, not 0 to 1', 'of 0.5, not a whole number')
    >>> find_range_fault(LINE_UP, math.nan), find_range_fault(LINE_UP, 1)
    ('that is no number', None)
    """
    if not math.isfinite(value):
        return "that is no number"
    counts = metric.unit.startswith("{")
    most = _MOST.get(metric.unit, _MOST_COUNTED)
    if metric.kind is not InstrumentKind.GAUGE or metric.moment:
        most = math.inf
    elif metric.deadline:
        most = LAST_SECOND
    if not 0 <= value <= most:
        return f"of {value:g}, not 0 to {most:g}" if math.isfinite(most) else f"of {value:g}, below 0"
    if counts and metric.kind is InstrumentKind.GAUGE and not float(value).is_integer():
        return f"of {value:g}, not a whole number"
    return None

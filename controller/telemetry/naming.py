"""OpenTelemetry names as Prometheus spells them.

The translation is that of the specification ("Prometheus and OpenMetrics Compatibility") as the official collector does
it: other characters become underscores, the unit is added in words where the name does not hold it already,
annotations in braces are no unit, a counter ends in `_total` and a gauge of the unit "1" in `_ratio`.
"""

from __future__ import annotations

import re

OVERFLOW = "otel.metric.overflow"
"""The attribute of the one series that takes what is beyond an instrument's limit."""

_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "min": "minutes", "h": "hours", "d": "days"} | {
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "%": "percent",
    "1": "",
}
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


def prometheus_name(name: str, unit: str, *, gauge: bool, counter: bool) -> str:
    """A metric's name at Prometheus. `unit` is in UCUM, e.g. `ms`, `Mbit/s`, `1`, `{device}`."""
    words = [word for word in re.split(r"[^A-Za-z0-9:]+", name) if word]
    of, _, per = unit.partition("/")
    if of and "{" not in of:
        spelled = _WORDS.get(of, of)
        if spelled and spelled not in words:
            words.append(spelled)
    if per and "{" not in per:
        words += ["per", _PER.get(per, per)]
    if counter:
        words = [*(word for word in words if word != "total"), "total"]
    if gauge and unit == "1":
        words = [*(word for word in words if word != "ratio"), "ratio"]
    return "_".join(words)


def prometheus_label(attribute: str) -> str:
    """An attribute's name as a label."""
    return re.sub(r"[^A-Za-z0-9_]", "_", attribute)

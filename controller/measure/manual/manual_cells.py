"""Reads the cells of a record: rates with their units, and times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from controller.importing.cell_values import CellRefused, read_plain_text
from controller.importing.source_table import Cell
from controller.inputs.shown_text import shorten_value

MOST_MBPS = 2_402.0
"""What the fastest radio of a school's device carries: two streams of Wi-Fi 6 in 160 MHz."""
TOLERATED = timedelta(minutes=5)
"""So far a device's clock may be ahead."""
EARLIEST = datetime(2019, 12, 1, tzinfo=UTC)
"""Before that month, when the GIGA School programme was decided, no pupil had a device of their own."""
UNITS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("bps", "bit/s", "b/s"), 1e-6),
        **dict.fromkeys(("kbps", "kbit/s", "kb/s"), 1e-3),
        **dict.fromkeys(("mbps", "mbit/s", "mb/s"), 1.0),
        **dict.fromkeys(("gbps", "gbit/s", "gb/s"), 1e3),
    }
)
"""By how a unit is written, in Mbit/s."""
_BYTES = re.compile(r"(?:[kKmMgG])?(?:B/s|Bps|[Bb]yte.*)")
_RATE = re.compile(r"([0-9]{1,3}(?:,[0-9]{3}){1,4}(?:\.[0-9]{1,9})?|[0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-z/]{1,9})?")
_TIME = re.compile(
    r"([0-9]{4})[-/年]([0-9]{1,2})[-/月]([0-9]{1,2})日?(?:T| {1,3})"
    r"([0-9]{1,2})[:時]([0-9]{1,2})分?(?::([0-9]{2}))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Full-width signs, as they are without it. No other letter is read as a digit: 93.5² is no 93.52."""
_EXAMPLE = "93.5 Mbps"
_TIME_EXAMPLE = "2026-11-20 15:40"


def read_rate_mbps(cell: Cell, unit: str | None) -> float:
    """Return a rate in Mbit/s; `unit` is the one that the header names, for cells without their own.

    >>> from controller.errors import Origin
    >>> origin = Origin("a.csv", 2)
    >>> [read_rate_mbps(Cell(text, origin, "下り"), None) for text in ("93.5Mbps", "0.2 Gbit/s", "12,000 kbps")]
    [93.5, 200.0, 12.0]

    Raises:
        CellRefused: it is none, has no unit, or is none that a device can have measured.
    """
    text = read_plain_text(cell).translate(_FULL_WIDTH).strip()
    found = _RATE.fullmatch(text)
    if found is None:
        message = f"{shorten_value(text)} is no measured rate; write a number above zero, e.g. {_EXAMPLE}"
        raise CellRefused(message)
    own = found[2] or unit
    if own is None:
        message = f"{shorten_value(text)} has no unit; write e.g. {_EXAMPLE}, or the unit in the header: 下り(Mbps)"
        raise CellRefused(message)
    if _BYTES.fullmatch(own):
        message = f"{own} counts bytes; write the rate in bits (8 times as many), e.g. {_EXAMPLE}"
        raise CellRefused(message)
    factor = UNITS.get(own.casefold())
    if factor is None:
        message = f"{shorten_value(own)} is no unit of a rate; write bps, kbps, Mbps or Gbps, e.g. {_EXAMPLE}"
        raise CellRefused(message)
    rate = round(float(found[1].replace(",", "")) * factor, 9)
    if rate <= 0:
        message = "zero is no measured rate; leave the row out where the test failed, and measure again"
        raise CellRefused(message)
    if rate > MOST_MBPS:
        message = f"{rate:g} Mbit/s is more than a school's device can receive ({MOST_MBPS:g} Mbit/s); look at the unit"
        raise CellRefused(message)
    return rate


def read_moment_of_test(cell: Cell, zone: ZoneInfo, now: datetime) -> datetime:
    """Return when something was measured; without an offset it is meant in the city's zone.

    Raises:
        CellRefused: it is no time, one to come, or of before there were devices.
    """
    text = read_plain_text(cell).translate(_FULL_WIDTH).strip()
    found = _TIME.fullmatch(text)
    if found is None:
        message = f"{shorten_value(text)} is no time; write day and time, e.g. {_TIME_EXAMPLE}"
        raise CellRefused(message)
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    try:
        moment = datetime(year, month, day, hour, minute, int(found[6] or 0), tzinfo=zone)
        if found[7]:
            moment = datetime.fromisoformat(f"{moment:%Y-%m-%dT%H:%M:%S}{found[7]}").astimezone(zone)
    except (ValueError, OverflowError):
        message = f"{shorten_value(text)} is no time that there is; write day and time, e.g. {_TIME_EXAMPLE}"
        raise CellRefused(message) from None
    if moment < EARLIEST:
        message = f"{moment:%Y-%m-%d %H:%M} is before pupils had devices ({EARLIEST:%Y-%m}); write when it was"
        raise CellRefused(message)
    if moment > now + TOLERATED:
        message = f"{moment:%Y-%m-%d %H:%M} is to come (it is {now.astimezone(zone):%Y-%m-%d %H:%M}); write when it was"
        raise CellRefused(message)
    return moment

"""The units of figures: what is measured and shown is in Mbit/s and milliseconds, what is sent and kept in base units.

A figure is converted where it is recorded, and again where a person is shown it; between the two it is in base units.
"""

from __future__ import annotations

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

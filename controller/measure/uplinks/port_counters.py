"""What a device counts at a port, and what two readings say of the time between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_OCTETS = 1 << 64
_PACKETS = 1 << 32
_TICKS = 1 << 32
"""Where a counter of octets (64 bits), of packets and of the device's own time (32 bits) begins again."""
_TICKS_A_SECOND = 100
_CLOCK_ERROR = 0.05
_CLOCK_SPARE_SECONDS = 2.0
_BEYOND_SPEED = 1.1
"""A port does not carry more than that times its speed: such a figure is a counter that began again unseen."""
_MOST_BITS = 1e12
_LEAST_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class PortCounters:
    """A port's counters at a time. `taken` is in seconds of a clock of ours that never goes back.

    `uptime` is the device's own, in hundredths of a second; `discontinuity` is that of when it last began to count
    anew. `speed` is in bits a second, 0 where the device does not say.
    """

    taken: float
    uptime: int
    discontinuity: int
    octets_in: int
    octets_out: int
    errors_in: int
    errors_out: int
    discards_in: int
    discards_out: int
    speed: int


class NoRateReason(StrEnum):
    """Why two readings give no rate."""

    RESTARTED = "restarted"
    DISCONTINUITY = "discontinuity"
    CLOCK = "clock"
    TOO_SOON = "too-soon"
    IMPOSSIBLE = "impossible"


class NoRate(Exception):
    """Two readings between which the counters did not simply go on."""

    def __init__(self, reason: NoRateReason) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PortRate:
    """What a port, or several together, carried between two readings; `lost` packets were wrong or thrown away."""

    seconds: float
    bits_in: float
    bits_out: float
    lost_in: int
    lost_out: int
    speed: int


def compute_port_rate(before: PortCounters, after: PortCounters) -> PortRate:
    """The rate between two readings of one port; a counter that passed its end goes on from 0.

    >>> first = PortCounters(0.0, 1000, 0, 2**64 - 500, 0, 0, 0, 0, 0, 10**9)
    >>> compute_port_rate(first, PortCounters(10.0, 2000, 0, 750, 0, 0, 0, 0, 0, 10**9)).bits_in
    1000.0

    Raises:
        NoRate: the device was restarted, began to count anew, or says what cannot be.
    """
    seconds = after.taken - before.taken
    if seconds < _LEAST_SECONDS:
        raise NoRate(NoRateReason.TOO_SOON)
    own = ((after.uptime - before.uptime) % _TICKS) / _TICKS_A_SECOND
    if after.uptime < before.uptime and own > seconds + _CLOCK_SPARE_SECONDS:
        raise NoRate(NoRateReason.RESTARTED)
    if own < _LEAST_SECONDS or abs(own - seconds) > _CLOCK_SPARE_SECONDS + _CLOCK_ERROR * seconds:
        raise NoRate(NoRateReason.CLOCK)
    if after.discontinuity != before.discontinuity:
        raise NoRate(NoRateReason.DISCONTINUITY)
    # By the device's own time, which came with the counters: an answer that was late would change the rate by ours.
    bits_in = 8 * ((after.octets_in - before.octets_in) % _OCTETS) / own
    bits_out = 8 * ((after.octets_out - before.octets_out) % _OCTETS) / own
    if max(bits_in, bits_out) > (_BEYOND_SPEED * after.speed or _MOST_BITS):
        raise NoRate(NoRateReason.IMPOSSIBLE)
    return PortRate(
        seconds=own,
        bits_in=bits_in,
        bits_out=bits_out,
        lost_in=_sum_lost(before.errors_in, after.errors_in) + _sum_lost(before.discards_in, after.discards_in),
        lost_out=_sum_lost(before.errors_out, after.errors_out) + _sum_lost(before.discards_out, after.discards_out),
        speed=after.speed,
    )


def sum_port_rates(rates: Sequence[PortRate]) -> PortRate:
    """What several ports carried together; a port that says no speed, as one that is down, adds none.

    >>> member = PortRate(30.0, 6e8, 1e8, 2, 0, 10**9)
    >>> sum_port_rates([member, member])
    PortRate(seconds=30.0, bits_in=1200000000.0, bits_out=200000000.0, lost_in=4, lost_out=0, speed=2000000000)
    """
    return PortRate(
        seconds=max(one.seconds for one in rates),
        bits_in=sum(one.bits_in for one in rates),
        bits_out=sum(one.bits_out for one in rates),
        lost_in=sum(one.lost_in for one in rates),
        lost_out=sum(one.lost_out for one in rates),
        speed=sum(one.speed for one in rates),
    )


def _sum_lost(before: int, after: int) -> int:
    more = (after - before) % _PACKETS
    return more if more < _PACKETS // 2 else 0  # somebody cleared it

"""What held the sender of a test of throughput back: the line, or the loss or the delay that TCP cannot get over.

Over a line that loses packets or is far away TCP does not fill the line in a test of seconds. Its figure is then what
a person would get, and says nothing of what the line could carry.
"""

from __future__ import annotations

from enum import StrEnum

_ROUND_TRIPS_NEEDED = 20
"""Fewer round trips than that are in a test, and TCP has hardly begun when it ends."""
FAR_MS = 10.0
"""Below it a round trip is too short to hold a test of seconds back."""
SOME_LOSS = 0.0005
"""Retransmissions that hold TCP back at a distance; a queue that runs over at the beginning of a test loses as many."""
_HEAVY_LOSS = 0.1
"""No queue loses so many."""
_QUEUE_MS, _QUEUE_FACTOR = 5.0, 1.5


class ThroughputLimit(StrEnum):
    """Why a test says nothing of the line's capacity."""

    LOSS = "loss"
    DELAY = "delay"


def find_sender_limit(
    retransmitted: float, idle_ms: float | None, queued_ms: float, seconds: float
) -> ThroughputLimit | None:
    """What held a test of so many seconds back, beside the line; None where that was the line, or nobody knows.

    `retransmitted` is the share of the segments that were sent again, `idle_ms` the round trip while nothing used the
    line, `queued_ms` the time in the sender's windows: beyond the idle round trip it waited in the line's own queue.

    >>> find_sender_limit(0.007, 20.4, 18.5, 2)
    <ThroughputLimit.LOSS: 'loss'>
    >>> find_sender_limit(0.007, 20.4, 92.0, 2) is None  # the line's own queue was full
    True
    """
    if retransmitted >= _HEAVY_LOSS:
        return ThroughputLimit.LOSS
    if idle_ms is None:
        return None
    if idle_ms >= 1000 * seconds / _ROUND_TRIPS_NEEDED:
        return ThroughputLimit.LOSS if retransmitted >= SOME_LOSS else ThroughputLimit.DELAY
    if queued_ms >= _QUEUE_FACTOR * idle_ms + _QUEUE_MS:
        return None
    if retransmitted >= SOME_LOSS:
        return ThroughputLimit.LOSS
    return ThroughputLimit.DELAY if idle_ms >= FAR_MS else None

"""From what arrived of each stream, and when, to a rate: without the beginning, and none where the line fell silent."""

from __future__ import annotations

from collections.abc import Sequence

Samples = Sequence[tuple[float, int]]
"""Of one stream: a time in seconds, and the bytes that had arrived until then."""
WARM_UP_SECONDS = 0.5
"""TCP's own beginning, and what a shaper lets through at once: not the line's rate."""
END_SECONDS = 0.2
"""The end of a test: streams that began earlier stop earlier, and the sender has stopped in the half of it."""
_SILENT_SECONDS = 0.5
_PART_SECONDS, _MOST_PARTS, _UNSTEADY = 0.4, 100, 1.25
"""A part is long enough that what waited for one lost packet is no rate of its own."""


class NoRate(Exception):
    """A test came to nothing; the message says why."""


def compute_rate(streams: Sequence[Samples], seconds: float) -> float:
    """Bits a second that arrived in a test of so many seconds, from all its streams.

    >>> steady = [(n / 10, n * 125_000) for n in range(21)]
    >>> compute_rate([steady, steady], 2)
    20000000.0

    Raises:
        NoRate: nothing arrived, or it stopped before the end.
    """
    began = min((first for one in streams if (first := _find_first(one)) is not None), default=None)
    if began is None:
        message = "a test began, and not a byte of it arrived"
        raise NoRate(message)
    until = began + seconds - END_SECONDS
    last = max(_find_last(one) for one in streams)
    if last < until - _SILENT_SECONDS:
        message = f"nothing arrived any more after {last - began:.1f} of {seconds:g} s: the line stopped in the test"
        raise NoRate(message)
    since = began + WARM_UP_SECONDS
    carried = sum(interpolate_bytes(one, until) - interpolate_bytes(one, since) for one in streams)
    return 8 * carried / (until - since)


def is_unsteady(streams: Sequence[Samples], seconds: float) -> bool:
    """Whether a part of a test carried much more than the whole: then the whole is not what the line can carry.

    >>> steady = [(n / 10, n * 125_000) for n in range(21)]
    >>> is_unsteady([steady], 2), is_unsteady([[(at, min(count, 1_500_000)) for at, count in steady]], 2)
    (False, True)
    """
    began = min((first for one in streams if (first := _find_first(one)) is not None), default=0.0)
    starts = [began + WARM_UP_SECONDS / 2 + _PART_SECONDS / 2 * n for n in range(_MOST_PARTS)]
    parts = [one for one in starts if one + _PART_SECONDS <= began + seconds - END_SECONDS]
    whole = began + WARM_UP_SECONDS, began + seconds - END_SECONDS
    mean = sum(interpolate_bytes(one, whole[1]) - interpolate_bytes(one, whole[0]) for one in streams)
    most = max(
        (
            sum(interpolate_bytes(one, at + _PART_SECONDS) - interpolate_bytes(one, at) for one in streams)
            for at in parts
        ),
        default=0.0,
    )
    return most / _PART_SECONDS > _UNSTEADY * mean / (whole[1] - whole[0])


def count_carried(streams: Sequence[Samples]) -> int:
    """Bytes that arrived in the whole test."""
    return sum(one[-1][1] - one[0][1] for one in streams if one)


def interpolate_bytes(samples: Samples, at: float) -> float:
    """How many bytes had arrived at a time, on the straight line between the two samples around it.

    >>> interpolate_bytes([(0.0, 0), (1.0, 100), (2.0, 300)], 1.5)
    200.0
    """
    before = (at, 0)
    for number, (time, count) in enumerate(samples):
        if time >= at:
            if number == 0 or time == before[0]:
                return float(count)
            return before[1] + (count - before[1]) * (at - before[0]) / (time - before[0])
        before = (time, count)
    return float(before[1])


def _find_first(samples: Samples) -> float | None:
    """When the first bytes of a stream arrived; the first sample is of before the test."""
    return next((time for time, count in samples if count > samples[0][1]), None)


def _find_last(samples: Samples) -> float:
    """When the last bytes of a stream arrived."""
    return next((time for time, count in samples if samples and count == samples[-1][1]), 0.0)

"""From where on a figure is a fault. Decisions of this project; docs/measuring.md lists them."""

from __future__ import annotations

from math import sqrt

LOSS_FROM = 0.01
"""The share of lost packets from which TCP suffers, and a line is said to lose."""
ENOUGH_ECHOES = 500
"""With fewer packets a loss of `LOSS_FROM` is claimed only where chance does not explain it."""
DELAY_FROM_MS = 50.0
"""A round trip that no line between a school and a region of the same country has."""
LEAST_MTU = 1400
"""Less than any access line leaves: PPPoE has 1454 octets, MAP-E 1460."""
DNS_FROM_MS = 150.0
"""How long a name server may take beyond the line's own round trip."""
TABLE_FULL_FROM = 0.95
CLEARED_BY = 1.25
"""A part that carries so much more than the slow figure is not what makes it slow."""
NOTHING = 0.02
"""Less than this part of what is expected is no throughput at all."""
_SURE = 2.576
"""Standard deviations of a two-sided 99% interval."""


def bound_loss(lost: int, sent: int) -> tuple[float, float]:
    """The share that the line really loses lies between these two in 99 of 100 cases (Wilson's interval).

    >>> low, high = bound_loss(2, 40)
    >>> f"{low:.3f} {high:.3f}"
    '0.010 0.218'
    >>> bound_loss(0, 0)
    (0.0, 1.0)
    """
    if sent <= 0:
        return 0.0, 1.0
    share, square = lost / sent, _SURE * _SURE
    middle = (share + square / (2 * sent)) / (1 + square / sent)
    half = _SURE * sqrt(share * (1 - share) / sent + square / (4 * sent * sent)) / (1 + square / sent)
    return max(0.0, middle - half), min(1.0, middle + half)


def is_lossy(lost: int, sent: int) -> bool:
    """Whether a loss of `LOSS_FROM` is shown: by enough packets, or by more lost ones than chance explains.

    >>> is_lossy(4, 40), is_lossy(1, 40), is_lossy(6, 500), is_lossy(3, 500)
    (True, False, True, False)
    """
    if sent >= ENOUGH_ECHOES:
        return lost / sent >= LOSS_FROM
    return bound_loss(lost, sent)[0] >= LOSS_FROM


def is_clean(lost: int, sent: int) -> bool:
    """Whether so few were lost that the same fault cannot be in this path.

    >>> is_clean(0, 40), is_clean(1, 40), is_clean(1, 500)
    (True, False, True)
    """
    return sent > 0 and lost / sent < LOSS_FROM

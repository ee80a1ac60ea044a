"""How sure a share of lost packets is: what was counted, and what the truth may be."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

_Z = 1.96
"""For 95 of 100 cases."""


@dataclass(frozen=True, slots=True)
class LossCount:
    """So many of so many packets got no answer.

    >>> str(LossCount(0, 500)), str(LossCount(2, 10)), str(LossCount(0, 0))
    ('0 of 500 lost: below 0.6%', '20% (5.7% to 51%, 2 of 10)', 'no echo was sent')
    """

    lost: int
    sent: int

    @property
    def ratio(self) -> float:
        """The share that was counted; of nothing it is 0."""
        return self.lost / self.sent if self.sent else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the truth lies in 95 of 100 cases (Wilson); with none of n lost, from 0 to 3/n.

        >>> [round(bound, 4) for bound in LossCount(5, 500).interval], LossCount(0, 300).interval
        ([0.0043, 0.0232], (0.0, 0.01))
        """
        if self.sent == 0:
            return 0.0, 1.0
        if self.lost == 0:
            return 0.0, min(1.0, 3 / self.sent)
        n, p = self.sent, self.ratio
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return max(0.0, middle - half), min(1.0, middle + half)

    @property
    def short(self) -> str:
        """The same in a table.

        >>> LossCount(0, 10).short, LossCount(2, 10).short, LossCount(10, 10).short
        ('<30%', '20% (5.7-51)', '100%')
        """
        if self.sent and self.lost == self.sent:
            return "100%"
        low, high = (_percent(bound) for bound in self.interval)
        return f"{_percent(self.ratio)} ({low.removesuffix('%')}-{high.removesuffix('%')})" if self.lost else f"<{high}"

    def decide_loss(self, ratio: float, needed: int) -> bool | None:
        """Whether more than a share is lost; None where too little was sent, or the share lies within the error.

        >>> [LossCount(lost, 500).decide_loss(0.01, 500) for lost in (0, 5, 20)]
        [False, None, True]
        >>> LossCount(5, 10).decide_loss(0.01, 500) is None
        True
        """
        low, high = self.interval
        if self.sent < needed:
            return None
        return True if low >= ratio else False if high < ratio else None

    def __str__(self) -> str:
        if self.sent == 0:
            return "no echo was sent"
        low, high = (_percent(bound) for bound in self.interval)
        if self.lost == 0:
            return f"0 of {self.sent} lost: below {high}"
        return f"{_percent(self.ratio)} ({low} to {high}, {self.lost} of {self.sent})"


NOTHING_SENT = LossCount(0, 0)
"""Where nobody looked."""


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.2g}%" if ratio < 1 else "100%"

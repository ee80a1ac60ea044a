"""Shares as people read them: rounded down, so that 175 of 176 is never shown as all."""

from __future__ import annotations


def format_share(part: int, whole: int) -> str:
    """A share with one decimal, rounded down; a share of nothing is a dash.

    Only all is "100.0%", and only none is "0.0%": one of a great many is shown as "<0.1%".

    >>> [format_share(part, 176) for part in (0, 175, 176)], format_share(1, 30_000), format_share(0, 0)
    (['0.0%', '99.4%', '100.0%'], '<0.1%', '-')
    """
    if whole <= 0:
        return "-"
    tenths = 1000 * part // whole
    if part and not tenths:
        return "<0.1%"
    return f"{tenths // 10}.{tenths % 10}%"

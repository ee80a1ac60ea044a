"""What the last echoes over a path say: how many were lost, and how much one round trip differs from the next."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean

from controller.measure.probes.loss_interval import LossCount

_COUNTED = 600
"""Echoes that loss is counted over: with fewer than 500 a loss of 1 percent can be neither claimed nor denied."""
_COMPARED = 10
"""Round trips that jitter is taken from."""


@dataclass(slots=True)
class EchoHistory:
    """The echoes over one path. An echo that is on its way is none yet; a late answer is an answer.

    >>> history = EchoHistory()
    >>> history.add_answer(4.0); history.add_answer(6.0); history.add_lost(1)
    >>> history.loss, history.jitter
    (LossCount(lost=1, sent=3), 2.0)
    """

    _lost: deque[bool] = field(default_factory=deque)
    _lost_count: int = 0
    _took: deque[float] = field(default_factory=lambda: deque(maxlen=_COMPARED))

    def add_answer(self, took: float) -> None:
        """An answer came after so many milliseconds."""
        self._count(lost=False)
        self._took.append(took)

    def add_lost(self, count: int) -> None:
        """So many echoes were given up."""
        for _ in range(count):
            self._count(lost=True)

    @property
    def loss(self) -> LossCount:
        """How many of how many were lost."""
        return LossCount(self._lost_count, len(self._lost))

    @property
    def jitter(self) -> float | None:
        """The mean difference between one round trip and the next; None before there are two."""
        return mean(abs(after - before) for before, after in pairwise(self._took)) if len(self._took) > 1 else None

    def forget_times(self) -> None:
        """Something else filled the line: what comes next is not compared with what came before."""
        self._took.clear()

    def forget_echoes(self) -> None:
        """The path was dead, and is another one now."""
        self._lost.clear()
        self._lost_count = 0
        self._took.clear()

    def _count(self, *, lost: bool) -> None:
        self._lost.append(lost)
        self._lost_count += lost
        if len(self._lost) > _COUNTED:
            self._lost_count -= self._lost.popleft()

"""How wrong each sender's clock is, from when it dates what it sends and when that comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from controller.telemetry.registry import SENDER, SENDER_CLOCK_SKEW
from monitoring.city_state.known_values import Clock, Moment, read_clocks
from monitoring.limits import SKEWED_SENDERS
from monitoring.timeseries.records import GaugeValue

WINDOW_SECONDS = 60.0
"""The least delay within such a time is the way; more than that was waiting, not a wrong clock."""
TOLD_SECONDS = 5.0
"""A clock that is wrong by so much is told to people."""


class SkewedSender(TypedDict):
    """A sender whose clock is wrong: by so many seconds ahead of the monitor's, or, below 0, behind it."""

    sender: str
    seconds: float


@dataclass(slots=True)
class _Heard:
    now: Moment
    began: float
    most: float
    before: float

    @property
    def skew(self) -> float:
        return max(self.most, self.before)


class SenderClocks:
    """The clocks of all senders that were heard lately. Belongs to one thread, the event loop's."""

    def __init__(self, clock: Clock = read_clocks) -> None:
        self._clock = clock
        self._heard: dict[str, _Heard] = {}

    def note(self, skews: Mapping[str, float]) -> None:
        """What a request shows of its senders' clocks."""
        now = self._clock()
        for sender, skew in skews.items():
            known = self._heard.pop(sender, None)  # put back at the end, so that who was heard last stays longest
            if known is None or now.running - known.now.running > WINDOW_SECONDS:
                self._heard[sender] = _Heard(now, now.running, skew, skew)
            elif now.running - known.began > WINDOW_SECONDS:
                self._heard[sender] = _Heard(now, now.running, skew, known.most)
            else:
                self._heard[sender] = _Heard(now, known.began, max(known.most, skew), known.before)
        while len(self._heard) > SKEWED_SENDERS:
            del self._heard[next(iter(self._heard))]

    def list_values(self) -> list[GaugeValue]:
        """The skew of every sender that was heard lately, as the metric has it."""
        now = self._clock()
        return [
            GaugeValue((SENDER_CLOCK_SKEW, ((SENDER.name, sender),)), one.now.wall, round(one.skew, 3))
            for sender, one in self._heard.items()
            if now.running - one.now.running <= SENDER_CLOCK_SKEW.fresh
        ]

    def list_skewed(self) -> list[SkewedSender]:
        """The senders whose clocks are wrong, the worst first."""
        found = [
            SkewedSender(sender=one.key[1][0][1], seconds=round(one.value, 1))
            for one in self.list_values()
            if abs(one.value) >= TOLD_SECONDS
        ]
        return sorted(found, key=lambda one: -abs(one["seconds"]))

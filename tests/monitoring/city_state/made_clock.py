"""A clock that a test moves, and values as senders with right and wrong clocks send them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.telemetry.registry import Metric
from monitoring.city_state.known_values import Moment
from monitoring.timeseries.records import GaugeValue

BEGAN = 1_800_000_000.0


@dataclass
class MadeClock:
    """Two clocks: time passes on both, and only the wall's is put back or forward."""

    wall: float = BEGAN
    running: float = 5_000.0

    def __call__(self) -> Moment:
        return Moment(self.wall, self.running)

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.running += seconds

    def put(self, seconds: float) -> None:
        """Put the wall's clock forward, or back."""
        self.wall += seconds


def tell(  # noqa: PLR0913 what a value is
    clock: MadeClock,
    metric: Metric,
    number: float,
    *,
    ahead: float = 0.0,
    sender: str = "probe/1",
    place: Mapping[str, str] = MappingProxyType({}),
    **attributes: str,
) -> GaugeValue:
    """A value of now by a sender whose clock is so many seconds ahead, as the receiver dates it."""
    key = (metric, tuple(metric.checked({**place, **attributes}).items()))
    return GaugeValue(key, clock.wall + min(ahead, 0.0), number, early=ahead > 1, sender=sender)

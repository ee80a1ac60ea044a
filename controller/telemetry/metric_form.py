"""What a metric is: its name, unit, attributes with their bounds, how long a value is fresh, and who may send it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import prod

from controller.telemetry.naming import prometheus_name


class Writer(StrEnum):
    """Who sends telemetry to the monitor; each shows a token of its own."""

    CONTROLLER = "controller"
    PROBE = "probe"


CONTROLLER_ONLY, PROBE_ONLY = frozenset({Writer.CONTROLLER}), frozenset({Writer.PROBE})
ANYBODY, NOBODY = frozenset(Writer), frozenset[Writer]()
MINUTE, HOUR, DAY = 60, 3_600, 86_400


class InstrumentKind(StrEnum):
    """What kind of instrument measures it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Attribute:
    """What values are told apart by: it is one of `values`, or, where those are open, of at most `bound` different.

    `convention` is its name in OpenTelemetry's semantic conventions, under which other senders may give it.
    """

    name: str
    meaning: str
    values: tuple[str, ...] = ()
    bound: int = 0
    convention: str = ""

    @property
    def most(self) -> int:
        """How many different values it can have."""
        return len(self.values) or self.bound


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `fresh` is for how many seconds a value may stand for the present; then it is history.

    `history`: whether the monitor keeps its past, to show it over time; of the others it keeps the newest value.
    `periods`: whether it keeps from when to when the value was 1, and 0, which is exact where a mean is not.
    `writers` may send it; the others' values are refused. `moment`: its values are times themselves,
    whose age is of interest: an old one is not stale but news. `deadline`: its values are times that may be to come, in
    seconds since 1970, which no sender's clock changes.
    """

    name: str
    kind: InstrumentKind
    unit: str
    meaning: str
    attributes: tuple[Attribute, ...]
    fresh: int
    boundaries: tuple[float, ...] = ()
    history: bool = False
    periods: bool = False
    writers: frozenset[Writer] = PROBE_ONLY
    moment: bool = False
    deadline: bool = False

    def __hash__(self) -> int:
        """By the name, which no other has: every look-up of a series hashes its metric."""
        return hash(self.name)

    @property
    def limit(self) -> int:
        """How many attribute sets it can have at most; more than that is an overflow, and an alert."""
        return prod(attribute.most for attribute in self.attributes)

    @property
    def prometheus(self) -> str:
        """Its name at Prometheus."""
        return prometheus_name(
            self.name, self.unit, gauge=self.kind is InstrumentKind.GAUGE, counter=self.kind is InstrumentKind.COUNTER
        )

    def checked(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """The attributes of a value, in the registry's order.

        Raises:
            ValueError: one is missing, unknown, or has a value outside its closed list.
        """
        names = [attribute.name for attribute in self.attributes]
        if set(names) != set(attributes):
            message = f"{self.name}: takes the attributes {', '.join(names)}; got {', '.join(attributes) or 'none'}"
            raise ValueError(message)
        for attribute in self.attributes:
            if attribute.values and attributes[attribute.name] not in attribute.values:
                allowed = ", ".join(attribute.values)
                message = f"{self.name}: {attribute.name} is one of {allowed}; got {attributes[attribute.name]!r}"
                raise ValueError(message)
        return {name: attributes[name] for name in names}

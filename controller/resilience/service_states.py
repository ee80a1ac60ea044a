"""DNS and HTTP over each line and family: what answers, and since when something does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from controller.measure.assessment.assess import LineState
from controller.measure.assessment.metrics_export import name_family
from controller.measure.measurement import DURATION_MS, MeasurementKind, ProbeOutcome, ProbeResult
from controller.model.measurement import MeasurementFile
from controller.model.network.packets import Family
from controller.model.sites.contracted_lines import AccessLineName
from controller.resilience.line_states import LineStateMachine, StateLimits
from controller.telemetry.otlp import Telemetry
from controller.telemetry.registry import DNS_DURATION, DNS_UP, HTTP_DURATION, HTTP_UP, EventKind
from controller.telemetry.units import seconds_from_ms

OnEvent = Callable[[EventKind, str, Mapping[str, str]], None]
"""Tells people of a change: its kind, its text, and what it is about."""
_METRICS = {MeasurementKind.DNS: (DNS_UP, DNS_DURATION), MeasurementKind.HTTP: (HTTP_UP, HTTP_DURATION)}
_NAMES = {MeasurementKind.DNS: "DNS", MeasurementKind.HTTP: "HTTP"}


class KnownLines(Protocol):
    """What is known of the lines by who looks at them every second."""

    def states_of(self, school: str) -> Mapping[AccessLineName, LineState]:
        """The state of each line of a school, as far as it is known."""

    def is_family_silent(self, school: str, line: AccessLineName, family: Family) -> bool:
        """Whether no region answers over a line in a family."""


@dataclass(frozen=True, slots=True)
class LineService:
    """A service over a line in a family."""

    school: str
    line: AccessLineName
    family: Family
    kind: MeasurementKind

    def __str__(self) -> str:
        return f"{_NAMES[self.kind]} over the {self.line} line and IPv{int(self.family)}"


@dataclass
class ServiceStates:
    """Services that are down after `down-after` rounds without a good answer, and up after one with."""

    policy: MeasurementFile
    telemetry: Telemetry
    on_event: OnEvent
    _states: LineStateMachine[LineService] = field(init=False)

    def __post_init__(self) -> None:
        flapping = self.policy.flapping
        # Services are asked seldom, so a window of a line's length would hold nothing.
        within = flapping.within * max(1.0, self.policy.intervals.answers / self.policy.intervals.light)
        self._states = LineStateMachine(StateLimits(self.policy.down_after, inf, flapping.changes, within))

    def apply_round(self, found: Iterable[tuple[LineService, ProbeResult]]) -> None:
        """Take in what a round found of each service; a probe that could not be made says nothing of it."""
        known = {service: one for service, one in found if one.outcome is not ProbeOutcome.FAILED}
        for service, one in known.items():
            up, duration = _METRICS[service.kind]
            place = {"school": service.school, "line": service.line, "family": name_family(service.family)}
            good = one.outcome is ProbeOutcome.MEASURED
            self.telemetry.record(up, float(good), **place)
            if good:
                self.telemetry.record(duration, seconds_from_ms(one.figures[DURATION_MS]), **place)
        heard = {service: one.figures.get(DURATION_MS) for service, one in known.items()}
        for changed in self._states.apply_round(heard, time.monotonic(), heard):
            service = changed.key
            kind, text = EventKind.SERVICE_DOWN, f"{service} does not answer: {known[service].reason}"
            if changed.state is LineState.UP:
                kind, text = EventKind.SERVICE_UP, f"{service} answers again"
            elif changed.state is LineState.FLAPPING:
                text = f"{service} comes and goes ({changed.changes} changes in {changed.seconds:.0f} s)"
            about = {"school": service.school, "line": service.line, "family": name_family(service.family)}
            self.telemetry.event(kind, text, context=None, **about)
            self.on_event(kind, text, about)

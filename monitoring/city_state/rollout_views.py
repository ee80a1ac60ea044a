"""The rollout that began last: its waves, where each device stands, its spans."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

from pydantic import TypeAdapter, ValidationError

from controller.telemetry.timeline import Level
from monitoring.city_state.school_tiles import format_time
from monitoring.timeseries.queries import SPANS_SHOWN
from monitoring.timeseries.records import SpanRecord

ROLLOUT, DEVICE, STEP, COMMAND = (str(level) for level in (Level.ROLLOUT, Level.DEVICE, Level.STEP, Level.COMMAND))
TRACES_KEPT = 4
_PLANNED = TypeAdapter(dict[str, dict[str, list[str]]])


class DeviceView(TypedDict):
    """A device of a wave. `outcome` is None until it ends; `step` is what it is in; `seconds` since it began."""

    id: str
    school: str
    outcome: str | None
    step: str | None
    seconds: float | None


class WaveView(TypedDict):
    """Devices that are changed side by side."""

    name: str
    devices: list[DeviceView]


class SpanView(TypedDict):
    """A span; `end` is None while it runs."""

    id: str
    parent: str | None
    level: str
    name: str
    start: str
    end: str | None
    outcome: str | None


class RolloutView(TypedDict):
    """What `/api/rollout` gives."""

    id: str
    name: str
    started: str
    ended: str | None
    waves: list[WaveView]
    spans: list[SpanView]


class RolloutViews:
    """Spans of the newest rollouts. Belongs to one thread, the event loop's."""

    def __init__(self, spans: Iterable[SpanRecord] = ()) -> None:
        self._traces: dict[str, dict[str, SpanRecord]] = {}
        self.touched = False
        """Whether something came in since it was set back."""
        self.take(spans)

    def take(self, spans: Iterable[SpanRecord]) -> None:
        """Spans that began or ended, in any order: an end may come before its start, and both before the root's."""
        for span in spans:
            if span.level == COMMAND:
                continue
            known = self._traces.setdefault(span.trace, {})
            before = known.get(span.id)
            if before is None or (span.end and not before.end):
                known[span.id] = span
                self.touched = True
            if len(known) > SPANS_SHOWN and span.level == STEP:
                _thin_out(known)
        while len(self._traces) > TRACES_KEPT:
            del self._traces[min(self._traces, key=lambda trace: _began(self._traces[trace]))]

    def view(self) -> RolloutView | None:
        """The rollout that began last, or None where there was none."""
        roots = [span for trace in self._traces.values() for span in trace.values() if span.level == ROLLOUT]
        root = max(roots, key=lambda span: span.start, default=None)
        if root is None:
            return None
        spans = sorted(_list_below(root, self._traces[root.trace]), key=lambda span: span.start)
        return {
            "id": root.trace,
            "name": root.name,
            "started": format_time(root.start),
            "ended": format_time(root.end) if root.end else None,
            "waves": _waves(root, spans),
            "spans": [_span(span) for span in spans],
        }


def _list_below(root: SpanRecord, spans: Mapping[str, SpanRecord]) -> list[SpanRecord]:
    """A rollout's own spans, from its root down: a trace that others began may hold more than one rollout."""
    below: dict[str, list[SpanRecord]] = {}
    for span in spans.values():
        below.setdefault(span.parent, []).append(span)
    found, level = [root], [root]
    while level:
        level = [child for span in level for child in below.pop(span.id, ()) if child is not root]
        found += level
    return found


def _thin_out(spans: dict[str, SpanRecord]) -> None:
    """Forget the steps of devices that have ended; the devices themselves stay."""
    ended = {span.id for span in spans.values() if span.level == DEVICE and span.end}
    for step in [span.id for span in spans.values() if span.level == STEP and span.parent in ended]:
        del spans[step]


def _began(spans: Mapping[str, SpanRecord]) -> float:
    return min((span.start for span in spans.values()), default=0.0)


def _waves(root: SpanRecord, spans: Sequence[SpanRecord]) -> list[WaveView]:
    """The waves as planned; a rollout that did not say has one of the devices that were begun."""
    steps = {span.parent: span for span in spans if span.level == STEP}
    devices = {span.name: _device(span, steps.get(span.id)) for span in spans if span.level == DEVICE}
    if (planned := _planned(root)) is None:
        return [{"name": root.name, "devices": list(devices.values())}]
    return [{"name": name, "devices": [devices.get(one["id"], one) for one in wave]} for name, wave in planned.items()]


def _planned(root: SpanRecord) -> dict[str, list[DeviceView]] | None:
    """The root's own word: for each wave, for each school, its devices."""
    try:
        waves = _PLANNED.validate_json(root.attributes.get("waves", ""))
    except ValidationError:
        return None
    return {
        name: [
            {"id": device, "school": school, "outcome": None, "step": None, "seconds": None}
            for school, devices in schools.items()
            for device in devices
        ]
        for name, schools in waves.items()
    }


def _device(span: SpanRecord, step: SpanRecord | None) -> DeviceView:
    return {
        "id": span.name,
        "school": span.attributes.get("school", ""),
        "outcome": (span.outcome or "unknown") if span.end else None,
        "step": step.name if step is not None else None,
        "seconds": round((span.end or time.time()) - span.start, 3),
    }


def _span(span: SpanRecord) -> SpanView:
    return {
        "id": span.id,
        "parent": span.parent or None,
        "level": span.level,
        "name": span.name,
        "start": format_time(span.start),
        "end": format_time(span.end) if span.end else None,
        "outcome": span.outcome or ("failed" if span.error else None),
    }

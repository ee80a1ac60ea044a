"""The rollouts that began last: the waves of the newest, where each device stands, its spans; and which are lost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from controller.telemetry.heartbeat import LOST_SECONDS
from controller.telemetry.timeline import Level
from monitoring.city_state.needs import Need
from monitoring.city_state.rollout_changes import DeviceView, RolloutChanges, RolloutView, SpanView, WaveView
from monitoring.city_state.school_tiles import format_time
from monitoring.timeseries.queries import SPANS_SHOWN
from monitoring.timeseries.records import LifeSign, SpanRecord

ROLLOUT, DEVICE, STEP, COMMAND = (str(level) for level in (Level.ROLLOUT, Level.DEVICE, Level.STEP, Level.COMMAND))
TRACES_KEPT = 4
OPEN_TRACES_KEPT = 16
"""Of rollouts that have not ended: one that is lost must not be forgotten since others came after it."""
_ROLLOUT = "rollout"
"""The attribute by which every process that works on a rollout, or ends it, names that; one without is alone."""
_WELL = ("", "good")
"""How a rollout's span has ended where nothing is amiss; one of an old release does not say."""
_WAIT = "wait: "
_HEARTBEAT = "heartbeat"
"""The attribute by which a rollout says that signs of life come while it lasts."""
SILENT_ROLLOUT_SECONDS = 1_800.0
"""A rollout that promises none is lost when nothing came of it for so long: the longest step, a restore, takes less."""
ABOUT = ("planner", "approvers", "applier", "commit", "policy", "undo")
"""What a rollout's span says of the plan, and people ask."""
_PLANNED = TypeAdapter(dict[str, dict[str, list[str]]])


class RolloutViews:
    """Spans of the newest rollouts. Belongs to one thread, the event loop's."""

    def __init__(self, spans: Iterable[SpanRecord] = (), now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._traces: dict[str, dict[str, SpanRecord]] = {}
        self._roots: set[tuple[str, str]] = set()
        self._heard: dict[str, float] = {}
        self.touched = False
        """Whether something came in since it was set back."""
        self.take_spans(spans)
        # What was kept says when something was, not when it came.
        self._heard = {
            trace: max(max(span.start, span.end) for span in known.values()) for trace, known in self._traces.items()
        }
        self._began = now()
        self._lost_before = 0
        self._changes = RolloutChanges()

    def take_spans(self, spans: Iterable[SpanRecord]) -> None:
        """Spans that began or ended, in any order: an end may come before its start, and both before the root's."""
        for span in spans:
            if span.level == COMMAND:
                continue
            known = self._traces.setdefault(span.trace, {})
            self._heard[span.trace] = self._now()
            before = known.get(span.id)
            if before is None or (span.end and not before.end):
                known[span.id] = span
                self.touched = True
                if span.level == ROLLOUT:
                    self._roots.add((span.trace, span.id))
            if len(known) > SPANS_SHOWN and span.level == STEP:
                _thin_out(known)
        while len(self._traces) > TRACES_KEPT and (oldest := self._find_forgettable()) is not None:
            del self._traces[oldest], self._heard[oldest]
            self._roots = {one for one in self._roots if one[0] != oldest}

    def _find_forgettable(self) -> str | None:
        """The oldest trace whose rollouts have ended; one that has not only where too many have not."""
        newest = self._find_newest()
        shown = {newest.trace} if newest is not None else set[str]()
        still_open = {trace for trace, span in self._roots if not self._traces[trace][span].end}
        among = self._traces.keys() - still_open - shown
        if not among and len(self._traces) > OPEN_TRACES_KEPT:
            among = still_open - shown
        return min(among, key=lambda trace: _began(self._traces[trace]), default=None)

    def hear_life_signs(self, signs: Iterable[LifeSign]) -> None:
        """Signs of life; one of a rollout that nobody has told of changes nothing."""
        for sign in signs:
            if sign.span in self._traces.get(sign.trace, {}):
                self._heard[sign.trace] = self._now()

    def note_lost_change(self) -> None:
        """See whether a rollout was lost, or is back, since the last look: that nothing comes tells nobody."""
        lost = self.count_lost() or 0
        if lost != self._lost_before:
            self._lost_before, self.touched = lost, True

    def count_lost(self) -> int | None:
        """How many rollouts have not ended and nothing is heard of them any more; None where there was none."""
        roots = self._list_roots()
        names = {_name_rollout(root): root for root in roots}
        return sum(self._find_lost_since(root) is not None for root in names.values()) if roots else None

    def list_needs(self) -> list[Need]:
        """The rollouts that need somebody: each one that is lost, and the newest where it has ended and not well.

        What an earlier one left undone is of the past once another has begun; what differs still is drift.
        """
        found = []
        for name, root in {_name_rollout(root): root for root in self._list_roots()}.items():
            if (lost := self._find_lost_since(root)) is not None:
                found.append(Need("rollout-lost", "", "", 1, lost, lost, stale=True, rollout=name))
        if (failed := self._find_failed()) is not None:
            name = _name_rollout(failed)
            found.append(Need("rollout-failed", "", "", 1, failed.end, None, stale=False, rollout=name))
        return found

    def _find_failed(self) -> SpanRecord | None:
        """The newest rollout, by its end, where nobody works on it any more and it did not end well."""
        newest = self._find_newest()
        if newest is None:
            return None
        same = [one for one in self._list_roots() if _name_rollout(one) == _name_rollout(newest)]
        last = max(same, key=lambda one: one.end or math.inf)
        return last if last.end and (last.error or last.outcome not in _WELL) else None

    def _list_roots(self) -> list[SpanRecord]:
        return [self._traces[trace][span] for trace, span in self._roots]

    def _find_newest(self) -> SpanRecord | None:
        return max(self._list_roots(), key=lambda span: span.start, default=None)

    def _find_lost_since(self, root: SpanRecord) -> float | None:
        """When a rollout was last heard of, where that is too long ago. A monitor that just began waits as long.

        Of the processes that worked on it, or ended it, the one that was heard last decides: one that was killed is
        made up for by another that goes on, or by who cancelled the rollout.
        """
        same = [one for one in self._list_roots() if _name_rollout(one) == _name_rollout(root)]
        last = max(same, key=lambda one: (self._heard[one.trace], one.end == 0, one.start))
        heard = self._heard[last.trace]
        patience = LOST_SECONDS if _HEARTBEAT in last.attributes else SILENT_ROLLOUT_SECONDS
        return heard if not last.end and self._now() > max(heard, self._began) + patience else None

    def build_view(self) -> RolloutView | None:
        """The rollout that began last, or None where there was none."""
        root = self._find_newest()
        if root is None:
            return None
        return self._changes.number(self._build(root, self._find_lost_since(root), self._traces[root.trace]))

    def build_change(self) -> RolloutView | None:
        """What of it changed since it was told last, as `RolloutChanges` says; None where there is no rollout."""
        root = self._find_newest()
        if root is None:
            return None
        return self._changes.take(self._build(root, self._find_lost_since(root), self._traces[root.trace]))

    def build_older_view(self, spans: Sequence[SpanRecord]) -> RolloutView | None:
        """A rollout by the spans of its trace, as the store has them; None where there is none among them."""
        root = max((one for one in spans if one.level == ROLLOUT), key=lambda one: one.start, default=None)
        if root is None:
            return None
        if (root.trace, root.id) in self._roots:
            lost = self._find_lost_since(root)
        else:
            # Too many have begun since, and it has not ended: nothing is to be heard of it any more.
            lost = None if root.end else max(max(one.start, one.end) for one in spans)
        return self._build(root, lost, {one.id: one for one in spans})

    def _build(self, root: SpanRecord, lost: float | None, known: Mapping[str, SpanRecord]) -> RolloutView:
        spans = sorted(_list_below(root, known), key=lambda span: span.start)
        return {
            "id": root.trace,
            "version": 0,
            "base": None,
            "name": root.name,
            "started": format_time(root.start),
            "ended": format_time(root.end) if root.end else None,
            "lost": format_time(lost) if lost is not None else None,
            "waits": _list_waits(root, spans) if lost is None else [],
            "about": {name: root.attributes[name] for name in ABOUT if root.attributes.get(name)},
            "waves": _waves(root, spans, self._now() if lost is None else lost),
            "spans": [_span(span) for span in spans],
        }


def _name_rollout(root: SpanRecord) -> str:
    """What all processes that have to do with a rollout call it; an `apply` is called by its plan."""
    return root.attributes.get(_ROLLOUT, root.name)


def _list_waits(root: SpanRecord, spans: Sequence[SpanRecord]) -> list[str]:
    """What a rollout waits for: the steps of its own, beside its schools, that have not ended."""
    if root.end:
        return []
    return [span.name.removeprefix(_WAIT) for span in spans if span.parent == root.id and _is_wait(span)]


def _is_wait(span: SpanRecord) -> bool:
    return span.level == STEP and not span.end and span.name.startswith(_WAIT)


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


def _waves(root: SpanRecord, spans: Sequence[SpanRecord], now: float) -> list[WaveView]:
    """The waves as planned; a rollout that did not say has one of the devices that were begun."""
    steps = {span.parent: span for span in spans if span.level == STEP}
    devices = {span.name: _device(span, steps.get(span.id), now) for span in spans if span.level == DEVICE}
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
            {"id": device, "school": school, "outcome": None, "step": None, "seconds": None, "error": None}
            for school, devices in schools.items()
            for device in devices
        ]
        for name, schools in waves.items()
    }


def _device(span: SpanRecord, step: SpanRecord | None, now: float) -> DeviceView:
    return {
        "id": span.name,
        "school": span.attributes.get("school", ""),
        "outcome": (span.outcome or "unknown") if span.end else None,
        "step": step.name if step is not None else None,
        "seconds": round((span.end or now) - span.start, 3),
        "error": span.error or None,
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
        "error": span.error or None,
    }

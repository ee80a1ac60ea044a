"""What is told of a change of a line, a region or a part of a line: the kind of event, and its words."""

from __future__ import annotations

from controller.measure.assessment.assess import LineState
from controller.resilience.line_parts import LinePart, SchoolLine
from controller.resilience.line_states import StateChange
from controller.telemetry.registry import EventKind

_KINDS = {
    LineState.UP: EventKind.LINE_UP,
    LineState.SLOW: EventKind.LINE_SLOW,
    LineState.FLAPPING: EventKind.LINE_FLAPPING,
    LineState.DOWN: EventKind.LINE_DOWN,
}


def describe_line_change(changed: StateChange[SchoolLine], slow_ms: float) -> tuple[EventKind, str]:
    """The event of a line.

    >>> up, slow, flaps = LineState.UP, LineState.SLOW, LineState.FLAPPING
    >>> key = ("kw-s01", "primary")
    >>> describe_line_change(StateChange(key, up, slow), 500)[1]
    'the primary line is slow: it answers, and no round trip takes less than 500 ms'
    >>> describe_line_change(StateChange(key, up, flaps, changes=20, seconds=60.0), 500)[1]
    'the primary line is flapping: 20 changes in 60 s; no change of it is told until it is steady'
    >>> describe_line_change(StateChange(key, flaps, up, changes=90, seconds=300.0), 500)[1]
    'the primary line is steady again after 90 changes in 300 s: it answers'
    """
    line = changed.key[1]
    flaps = _count_changes(changed)
    now = {
        LineState.UP: "it answers",
        LineState.SLOW: f"it answers, and no round trip takes less than {slow_ms:g} ms",
        LineState.DOWN: "no region answers over it",
        LineState.FLAPPING: f"{flaps}; no change of it is told until it is steady",
    }[changed.state]
    kind = _KINDS[changed.state]
    if changed.before is LineState.FLAPPING:
        return kind, f"the {line} line is steady again after {flaps}: {now}"
    if changed.state is LineState.UP:
        return kind, f"the {line} line answers {'in time ' if changed.before is LineState.SLOW else ''}again"
    return kind, f"the {line} line is {changed.state}: {now}"


def describe_region_change(changed: StateChange[str]) -> tuple[EventKind, str]:
    """The event of a region that no school hears.

    >>> describe_region_change(StateChange("tokyo", LineState.UP, LineState.DOWN))[1]
    'tokyo answers over no line of any school'
    """
    if changed.state is LineState.UP:
        return EventKind.REGION_UP, f"{changed.key} answers again"
    if changed.state is LineState.FLAPPING:
        return EventKind.REGION_DOWN, f"{changed.key} comes and goes ({_count_changes(changed)})"
    return EventKind.REGION_DOWN, f"{changed.key} answers over no line of any school"


def describe_part_change(changed: StateChange[LinePart]) -> tuple[EventKind, str]:
    """The event of a family, a region or a path of a line that answers otherwise.

    >>> dead = LinePart("kw-s01", "primary", None, Family.V6)
    >>> describe_part_change(StateChange(dead, LineState.UP, LineState.DOWN))[1]
    'IPv6 does not answer over the primary line, which answers otherwise'
    """
    part = changed.key
    if changed.state is LineState.UP:
        return EventKind.PATH_UP, f"{part} answers over the {part.line} line again"
    if changed.state is LineState.FLAPPING:
        return EventKind.PATH_DOWN, f"{part} comes and goes over the {part.line} line ({_count_changes(changed)})"
    return EventKind.PATH_DOWN, f"{part} does not answer over the {part.line} line, which answers otherwise"


def _count_changes(changed: StateChange[SchoolLine] | StateChange[str] | StateChange[LinePart]) -> str:
    return f"{changed.changes} changes in {changed.seconds:.0f} s"

"""What the monitor is told beside figures: every kind of event, and who may send it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from controller.telemetry.metric_form import CONTROLLER_ONLY, PROBE_ONLY, Writer


class EventKind(StrEnum):
    """What an event of interest is about."""

    LINE_DOWN = "line-down"
    LINE_UP = "line-up"
    FAILOVER = "failover"
    REGION_DOWN = "region-down"
    REGION_UP = "region-up"
    LINE_SLOW = "line-slow"
    LINE_FLAPPING = "line-flapping"
    BROWN_OUT = "brown-out"
    BROWN_OUT_OVER = "brown-out-over"
    LINE_MOVES_SPENT = "line-moves-spent"
    PATH_DOWN = "path-down"
    PATH_UP = "path-up"
    SERVICE_DOWN = "service-down"
    SERVICE_UP = "service-up"
    DRIFT = "drift"
    MEASURED = "measured"
    SPAN_STARTED = "span-started"
    ROLLOUT_ALIVE = "rollout-alive"


_OF_CONTROLLER = frozenset(
    {EventKind.DRIFT, EventKind.LINE_MOVES_SPENT, EventKind.SPAN_STARTED, EventKind.ROLLOUT_ALIVE}
)
EVENT_WRITERS: Mapping[EventKind, frozenset[Writer]] = MappingProxyType(
    {kind: CONTROLLER_ONLY if kind in _OF_CONTROLLER else PROBE_ONLY for kind in EventKind}
)
"""Who may send an event of a kind; spans and rollouts are the controller's."""

"""What stands before an exporter: who puts something in never waits, and what is lost is counted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Lock, Thread
from typing import Generic, TypeVar

from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter, MetricExportResult, MetricsData

Item = TypeVar("Item")

ROOM = 8_192
"""How many spans or records wait at most: about half a minute of a rollout over the whole city."""
BATCH = 512
PAUSE_SECONDS = 0.5


class Outbox(Generic[Item]):
    """Sends what is put into it, in batches, from a thread of its own.

    `send` gives whether a batch arrived; it may take its time. A batch that did not arrive is lost and counted: whoever
    is on the other side may be away for hours, and a rollout shall not fill the memory meanwhile.
    """

    def __init__(self, name: str, send: Callable[[Sequence[Item]], bool], *, room: int = ROOM) -> None:
        self._send = send
        self._room = room
        self._waiting: deque[Item] = deque()
        self._sending = 0
        self._dropped = 0
        self._closing = False
        self._changed = Condition()
        self._thread = Thread(target=self._work, name=f"telemetry-{name}", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many items are lost so far."""
        with self._changed:
            return self._dropped

    def put(self, item: Item) -> None:
        """Hand something over; never waits."""
        with self._changed:
            if self._closing or len(self._waiting) >= self._room:
                self._dropped += 1
                return
            self._waiting.append(item)
            if len(self._waiting) in (1, BATCH):
                self._changed.notify()

    def finish(self) -> None:
        """Take nothing more, and send what waits at once."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def close(self, deadline: float) -> None:
        """Send what waits; what has not arrived at `deadline` (of the monotonic clock) is given up and counted."""
        self.finish()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._dropped += len(self._waiting) + self._sending
            self._waiting.clear()
            self._sending = 0

    def _work(self) -> None:
        while batch := self._next():
            arrived = self._send(batch)
            with self._changed:
                # Zero when `close` has given the batch up already.
                if not arrived:
                    self._dropped += self._sending
                self._sending = 0

    def _next(self) -> list[Item]:
        """The next batch, when there is one; nothing when all is sent and the outbox closes."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            if not self._closing and len(self._waiting) < BATCH:
                self._changed.wait(PAUSE_SECONDS)
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._sending = len(batch)
            return batch


class CountingExporter(MetricExporter):
    """Passes metrics on and counts the data points that did not arrive."""

    def __init__(self, exporter: MetricExporter, temporality: dict[type, AggregationTemporality]) -> None:
        super().__init__(temporality)
        self._exporter = exporter
        self._lock = Lock()
        self._sending = 0
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many data points are lost so far."""
        with self._lock:
            return self._dropped

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object) -> MetricExportResult:
        """Send; the reader calls it from its own thread, one at a time."""
        with self._lock:
            self._sending = _count_points(metrics_data)
        result = self._exporter.export(metrics_data, timeout_millis, **kwargs)
        with self._lock:
            if result is not MetricExportResult.SUCCESS:
                self._dropped += self._sending
            self._sending = 0
        return result

    def give_up(self) -> None:
        """Count what is still under way as lost."""
        with self._lock:
            self._dropped += self._sending
            self._sending = 0

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is held back here."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """No more."""
        self._exporter.shutdown(timeout_millis, **kwargs)


def _count_points(data: MetricsData) -> int:
    return sum(
        len(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )

"""The newest measurement of each kind on each path, in memory: who looks every second asks no file."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Lock

from controller.measure.measurement import LinePath, Measurement, MeasurementKind
from controller.measure.measurement_store import MeasurementStore


class LatestMeasurements:
    """The latest measurements of a store. `refresh` reads what any process added since; `list_all` reads nothing."""

    def __init__(self, store: MeasurementStore) -> None:
        self._store = store
        self._lock = Lock()
        self._last = 0
        self._newest: dict[tuple[LinePath, MeasurementKind], Measurement] = {}
        self._last = store.read_last_number()
        self._take(store.read_latest())

    def refresh(self) -> None:
        """Take in what was kept since the last look.

        Raises:
            TsunaguError: the store cannot be read.
        """
        self._take(self._store.read_since(self._last))

    def list_all(self) -> list[Measurement]:
        """The newest of each kind on each path, in the order they were kept."""
        with self._lock:
            return sorted(self._newest.values(), key=lambda one: one.id)

    def _take(self, found: list[Measurement]) -> None:
        now = datetime.now(UTC)
        with self._lock:
            for one in found:
                self._last = max(self._last, one.id)
                before = self._newest.get((one.path, one.result.kind))
                # What claims to be of a time to come would hide everything until then; so would what was of now before
                # the clock was put back.
                outdone = before is None or before.at > now or (before.at, before.id) < (one.at, one.id)
                if one.at <= now and outdone:
                    self._newest[one.path, one.result.kind] = one

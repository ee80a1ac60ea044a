"""The one thread that writes: it keeps all requests that wait in one transaction, and then says so to each."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from queue import Empty, Full, Queue
from threading import Thread

from controller.storage.steady_clock import SteadyClock
from controller.telemetry.registry import DAY
from monitoring.timeseries.records import KeptBatch, TelemetryBatch
from monitoring.timeseries.retention import LEVELS, KeptSeconds, delete_expired, roll_up
from monitoring.timeseries.time_series_store import TimeSeriesStore

WAITING = 256
"""Requests that may wait for the disk; beyond that a sender is told to come again."""
ROLL_UP_SECONDS = 10.0
CLEAR_SECONDS = 600.0

_Waiting = tuple[TelemetryBatch, "Future[KeptBatch]"]


class StoreBusy(Exception):
    """The disk does not keep up; the sender may try again."""


class StoreWriter:
    """Hands batches to the store from a thread of its own."""

    def __init__(self, store: TimeSeriesStore, kept: KeptSeconds | None = None) -> None:
        self._store = store
        self._kept = kept or KeptSeconds()
        self._queue: Queue[_Waiting | None] = Queue(WAITING)
        self._thread = Thread(target=self._work, name="store", daemon=True)
        self._next_roll_up = self._next_clear = 0.0
        self._clock = SteadyClock(believed_after=DAY)
        self._faults: dict[str, str] = {}
        self._thread.start()

    @property
    def fault(self) -> str | None:
        """Why the store was not tidied up the last time; None: all well. It grows until it is."""
        return next(iter(self._faults.copy().values()), None)

    def submit(self, batch: TelemetryBatch) -> Future[KeptBatch]:
        """Queue a batch; the future gives what was kept, when it is on the disk, or the error that kept it off.

        Raises:
            StoreBusy: too many wait already.
        """
        done: Future[KeptBatch] = Future()
        try:
            self._queue.put_nowait((batch, done))
        except Full:
            raise StoreBusy from None
        return done

    def close(self) -> None:
        """Write what waits, then stop."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while True:
            waiting, last = self._taken()
            if waiting:
                self._write(waiting)
            self._keep_house()
            if last:
                return

    def _taken(self) -> tuple[list[_Waiting], bool]:
        """All that waits; and whether the writer closes."""
        taken: list[_Waiting] = []
        try:
            one = self._queue.get(timeout=ROLL_UP_SECONDS)
            while one is not None:
                taken.append(one)
                one = self._queue.get_nowait()
        except Empty:
            return taken, False
        return taken, True

    def _write(self, waiting: list[_Waiting]) -> None:
        """All in one transaction; where that fails each in its own, so that one batch does not take others with it."""
        try:
            found = self._store.write([batch for batch, _ in waiting])
        except Exception as error:  # noqa: BLE001 whatever it is, this thread goes on and the sender is told
            if len(waiting) == 1:
                waiting[0][1].set_exception(error)
                return
            for one in waiting:
                self._write([one])
        else:
            for (_, done), kept in zip(waiting, found, strict=True):
                done.set_result(kept)

    def _keep_house(self) -> None:
        now, at = time.monotonic(), time.time()
        if now >= self._next_clear:
            self._next_clear, self._next_roll_up = now + CLEAR_SECONDS, now + ROLL_UP_SECONDS
            # A clock that was put ahead would make new things old: nothing is forgotten until it has stayed so.
            is_believed = self._is_clock_believed(at, now)
            levels = len(LEVELS) if is_believed else len(LEVELS) - 1
            self._try("the roll-up", lambda: roll_up(self._store, at, levels))
            if is_believed:
                self._try("the deletion of what is old", lambda: delete_expired(self._store, at, self._kept))
        elif now >= self._next_roll_up:
            self._next_roll_up = now + ROLL_UP_SECONDS
            # Seconds fill quickly; minutes and hours can wait.
            self._try("the roll-up of seconds", lambda: roll_up(self._store, at, levels=1))

    def _is_clock_believed(self, at: float, timer: float) -> bool:
        was_ahead = self._clock.is_ahead
        is_believed = self._clock.is_steady(datetime.fromtimestamp(at, UTC), timer, timedelta(days=1))
        if not is_believed and not was_ahead:
            text = "%s: nothing old is removed for a day: this machine's clock jumped ahead by more than a day"
            logging.getLogger("tsunagu").warning(text, self._store.path)
        return is_believed

    def _try(self, what: str, work: Callable[[], None]) -> None:
        """Do something with the store; what fails is remembered until it succeeds, and logged once."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 this thread goes on, whatever it is
            # E.g. a full disk: what was kept is not touched, and the next turn tries again.
            fault = f"{self._store.path.name}: {what} failed: {error}"
            if self._faults.get(what) != fault:
                logging.getLogger("tsunagu").warning("%s: %s failed: %s", self._store.path, what, error)
            self._faults[what] = fault
        else:
            self._faults.pop(what, None)

"""A writer: one numbered row after the other, as fast as a person's clicks would not be, and what became of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from controller.errors import LabError
from controller.lab.state.processes import wait_until
from controller.lab.trials.region.row_accounting import RowAttempt, count_last_failures
from controller.platforms.transport import namespace

EVERY_SECONDS = 0.02
FIRST_SECONDS = 20.0

SendRow = Callable[[int], bool]
"""Sends one row, and tells if it was acknowledged."""


class RowWriter:
    """Writes for the length of a `with` block; each number is tried once, whatever becomes of it."""

    def __init__(self, send: SendRow, inside: str | None = None) -> None:
        self._send, self._inside = send, inside
        self._attempts: list[RowAttempt] = []
        self._ended = threading.Event()
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="row writer", daemon=True)

    def __enter__(self) -> Self:
        """Begin to write."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def stop(self) -> None:
        """Write no more; what is on its way is waited for."""
        self._ended.set()
        self._thread.join()

    @property
    def attempts(self) -> tuple[RowAttempt, ...]:
        """Every try that has ended.

        Raises:
            LabError: the writer itself has broken down.
        """
        if self._fault is not None:
            message = f"the writer of rows broke down: {self._fault}"
            raise LabError(message)
        return tuple(self._attempts)

    def count_acknowledged(self, since: float = 0.0) -> int:
        """Return how many rows that were sent at or after a moment were acknowledged."""
        return sum(one.acknowledged for one in self.attempts if one.sent >= since)

    def wait_for_rows(self, rows: int, seconds: float, *, since: float = 0.0) -> bool:
        """Wait until so many rows sent at or after a moment are acknowledged; whether they were."""
        return wait_until(lambda: self.count_acknowledged(since) >= rows, seconds)

    def wait_for_failures(self, failures: int, lasting: float, seconds: float) -> bool:
        """Wait until so many tries in a row have failed, for so long; whether they did."""

        def has_failed() -> bool:
            failed, first = count_last_failures(self.attempts)
            return failed >= failures and time.monotonic() - first >= lasting

        return wait_until(has_failed, seconds)

    def _run(self) -> None:
        try:
            if self._inside is None:
                self._write()
            else:
                with namespace.enter_namespace(self._inside):
                    self._write()
        except Exception as error:  # noqa: BLE001 told by `attempts` in the thread that asks
            self._fault = error

    def _write(self) -> None:
        number = 0
        while not self._ended.is_set():
            number += 1
            sent = time.monotonic()
            acknowledged = self._send(number)
            self._attempts.append(RowAttempt(number, sent, time.monotonic(), acknowledged))
            self._ended.wait(EVERY_SECONDS)

"""What is too old in the store of measurements is removed once a day, beside the watch and for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from controller.errors import FileLocked, TsunaguError
from controller.measure.measurement_retention import KeptDays, Pruned, find_newest_time, prune_measurements
from controller.storage.audit.audit_trail import AuditTrail
from controller.storage.audit.audit_verification import verify_trail
from controller.storage.audit.head_copy import HeadCopy
from controller.storage.file_lock import hold_file_lock
from controller.storage.steady_clock import SteadyClock

EVERY_SECONDS = 86_400.0
AGAIN_SECONDS = 3_600.0
"""When the time was over, or nothing could be removed, the next try is so much later."""
MOST_SECONDS = 30.0
_FURTHEST = timedelta(days=1)
"""A clock that is further beyond what was measured last may have been put ahead: it would make new things old."""


def make_pruning_clock() -> SteadyClock:
    """Return what believes a clock that was put ahead after a day."""
    return SteadyClock(believed_after=EVERY_SECONDS)


@dataclass(frozen=True)
class DailyPruning:
    """Removes what is too old in a store whose measurements an audit trail vouches for.

    `find_kept_days` gives how long what is kept, as the operators' file says today; `say` is told what was removed, and
    why nothing could be.
    """

    trail: AuditTrail
    head: HeadCopy | None
    file: Path
    find_kept_days: Callable[[], KeptDays]
    say: Callable[[str], None]
    clock: SteadyClock = field(default_factory=make_pruning_clock)

    def run_daily(self, stop: Event) -> None:
        """Remove what is too old at once, and then once a day, until `stop` is set. Whatever fails ends nothing."""
        while not stop.is_set():
            try:
                found = self.prune_store(stop)
            except (OSError, TsunaguError) as error:
                self._tell(f"what is too old is not removed: {error}")
                wait = AGAIN_SECONDS
            else:
                wait = AGAIN_SECONDS if found.left else EVERY_SECONDS
            stop.wait(wait)

    def prune_store(self, stop: Event) -> Pruned:
        """Remove what is too old, for about `MOST_SECONDS` at most, or until `stop` is set.

        While another process does that, nothing is done; neither while the clock is a day or more beyond what was
        measured last, until it has stayed so for a day: that is told once.

        Raises:
            TsunaguError: the trail or the store is not what was written, or cannot be written (a full disk); whatever
                was not removed is still there.
        """
        try:
            with hold_file_lock(self.file.with_name(f"{self.file.name}.prune.lock")):
                return self._prune(stop)
        except FileLocked:
            return Pruned()

    def _prune(self, stop: Event) -> Pruned:
        if not self.file.exists():
            return Pruned()
        now = datetime.now(UTC)
        if not self._is_clock_believed(now):
            return Pruned(left=True)
        report = verify_trail(self.trail, self.head)
        if report.fault is not None:
            message = f"the audit trail is broken: {report.fault}"
            raise TsunaguError(message)
        name = self.trail.name_file(self.file)
        deadline = time.monotonic() + MOST_SECONDS

        def is_over() -> bool:
            return stop.is_set() or time.monotonic() >= deadline

        found = prune_measurements(self.trail, report.entries, name, now, self.find_kept_days(), is_over)
        for line in found.describe_removed():
            self._tell(f"removed {name}: {line}")
        return found

    def _is_clock_believed(self, now: datetime) -> bool:
        timer = time.monotonic()
        newest, was_ahead = find_newest_time(self.file), self.clock.is_ahead
        if newest is not None:
            self.clock.start_from(newest, timer)
        is_believed = self.clock.is_steady(now, timer, _FURTHEST)
        if not is_believed and not was_ahead:
            self._tell(
                f"nothing is removed for a day: the clock says {now:%Y-%m-%d %H:%M} UTC, more than a day beyond what "
                f"was measured last in {self.file}; was this machine off, or its clock put ahead (ask timedatectl)?"
            )
        return is_believed

    def _tell(self, line: str) -> None:
        """Say a line; a terminal that was closed hears nothing, and stops nothing."""
        with suppress(OSError):
            self.say(line)

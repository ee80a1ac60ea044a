"""What a writer saw of an outage: how long it was, what its parts were, and which acknowledged rows were lost.

Moments are seconds of one clock (`time.monotonic`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RowAttempt:
    """One try to write a row. `acknowledged`: whoever wrote it was told that it is kept."""

    number: int
    sent: float
    ended: float
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class RowOutage:
    """From the first try that failed (when it was sent) to the first later one that was acknowledged."""

    first_failure: float
    first_success: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.first_success - self.first_failure


@dataclass(frozen=True, slots=True)
class RecoveryMoments:
    """What happened in an outage, in order: somebody was sure, decided, a promotion was asked for, and was done."""

    detected: float
    decided: float
    asked: float
    promoted: float


def find_outage(attempts: Iterable[RowAttempt], since: float) -> RowOutage | None:
    """Return the outage that begins at or after a moment; None where nothing failed, or nothing succeeded afterwards.

    >>> tries = [RowAttempt(1, 0.0, 0.1, True), RowAttempt(2, 1.0, 3.0, False), RowAttempt(3, 3.0, 3.2, True)]
    >>> find_outage(tries, 0.5).seconds
    2.2
    """
    failure: float | None = None
    for attempt in sorted(attempts, key=lambda one: one.sent):
        if attempt.acknowledged and failure is not None:
            return RowOutage(failure, attempt.ended)
        if not attempt.acknowledged and failure is None and attempt.ended >= since:
            failure = attempt.sent
    return None


def count_last_failures(attempts: Sequence[RowAttempt]) -> tuple[int, float]:
    """Return how many tries have failed since the last one that did not, and when the first of those was sent.

    >>> count_last_failures([RowAttempt(1, 0.0, 0.1, True), RowAttempt(2, 1.0, 3.0, False)])
    (1, 1.0)
    """
    failed = 0
    for attempt in reversed(attempts):
        if attempt.acknowledged:
            break
        failed += 1
    return failed, attempts[len(attempts) - failed].sent if failed else 0.0


def split_recovery(outage: RowOutage, moments: RecoveryMoments) -> tuple[tuple[str, float], ...]:
    """Return the parts of an outage, which add up to it.

    A service may write as soon as the database takes rows, a moment before the promotion's own command has returned: a
    part ends no later than the outage.

    >>> parts = split_recovery(RowOutage(10.0, 30.0), RecoveryMoments(13.0, 14.0, 24.0, 26.0))
    >>> [(name, seconds) for name, seconds in parts]
    [('detection', 3.0), ('decision', 1.0), ('pulumi-up', 10.0), ('promotion', 2.0), ('first-success', 4.0)]
    """
    found, before = [], outage.first_failure
    ends = (
        ("detection", moments.detected),
        ("decision", moments.decided),
        ("pulumi-up", moments.asked),
        ("promotion", moments.promoted),
        ("first-success", outage.first_success),
    )
    for name, moment in ends:
        end = min(max(moment, before), outage.first_success)
        found.append((name, end - before))
        before = end
    return tuple(found)


def find_lost_rows(attempts: Iterable[RowAttempt], present: Iterable[int]) -> tuple[RowAttempt, ...]:
    """Return the rows that were acknowledged and are not there, by number. What nobody acknowledged is not lost.

    >>> tries = [RowAttempt(1, 0.0, 0.1, True), RowAttempt(2, 1.0, 1.1, True), RowAttempt(3, 2.0, 4.0, False)]
    >>> [one.number for one in find_lost_rows(tries, {1})]
    [2]
    """
    there = set(present)
    lost = (one for one in attempts if one.acknowledged and one.number not in there)
    return tuple(sorted(lost, key=lambda one: one.number))


def find_unacknowledged_rows(attempts: Iterable[RowAttempt], present: Iterable[int]) -> tuple[int, ...]:
    """Return the rows that are there although their writer was told of a failure: who tries again writes them twice."""
    there = set(present)
    return tuple(sorted(one.number for one in attempts if not one.acknowledged and one.number in there))


def measure_rpo(lost: Sequence[RowAttempt], cut: float) -> float:
    """Return how old, at the cut, the oldest acknowledged row was that is lost; 0 where none is.

    >>> measure_rpo([RowAttempt(7, 1.0, 1.25, True)], 1.5)
    0.25
    """
    return max(0.0, cut - min(one.ended for one in lost)) if lost else 0.0

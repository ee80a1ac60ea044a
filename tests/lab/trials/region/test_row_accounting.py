"""The arithmetic of a drill: outages, the parts of an RTO, lost rows; and the writer that makes the figures."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import LabError
from controller.lab.trials.region.row_accounting import (
    RecoveryMoments,
    RowAttempt,
    RowOutage,
    count_last_failures,
    find_lost_rows,
    find_outage,
    find_unacknowledged_rows,
    measure_rpo,
    split_recovery,
)
from controller.lab.trials.region.row_writer import RowWriter


def attempts(ends: str) -> list[RowAttempt]:
    """One try a second, each of half a second: + acknowledged, - not."""
    return [RowAttempt(n, n, n + 0.5, acknowledged=end == "+") for n, end in enumerate(ends, start=1)]


def test_an_outage_is_from_the_first_failure_to_the_next_success() -> None:
    tries = attempts("++--++")
    outage = find_outage(tries, since=2.5)
    assert outage == RowOutage(first_failure=3.0, first_success=5.5)
    assert outage.seconds == 2.5


def test_a_failure_before_the_cut_is_none_of_it_and_one_on_its_way_is() -> None:
    assert find_outage(attempts("-++"), since=2.0) is None
    # Sent before the cut, and never answered: the outage began when it was sent.
    on_its_way = [
        RowAttempt(1, 0.0, 0.1, acknowledged=True),
        RowAttempt(2, 0.9, 3.0, acknowledged=False),
        RowAttempt(3, 3.0, 3.1, acknowledged=True),
    ]
    assert find_outage(on_its_way, since=1.0) == RowOutage(0.9, 3.1)


def test_an_outage_that_does_not_end_is_no_figure() -> None:
    assert find_outage(attempts("+--"), since=0.0) is None


def test_failures_in_a_row_are_counted_from_the_last_success() -> None:
    assert count_last_failures(attempts("-+--")) == (2, 3.0)
    assert count_last_failures(attempts("-+")) == (0, 0.0)
    assert count_last_failures([]) == (0, 0.0)


moments = st.floats(min_value=0, max_value=1000)


@given(moments, st.lists(moments, min_size=4, max_size=4), moments)
def test_the_parts_of_an_rto_add_up_to_it_and_none_is_negative(first: float, found: list[float], last: float) -> None:
    outage = RowOutage(min(first, last), max(first, last))
    parts = split_recovery(outage, RecoveryMoments(*found))
    assert [name for name, _ in parts] == ["detection", "decision", "pulumi-up", "promotion", "first-success"]
    assert all(seconds >= 0 for _, seconds in parts)
    assert sum(seconds for _, seconds in parts) == pytest.approx(outage.seconds)


def test_rows_are_lost_by_their_numbers_and_only_where_somebody_was_told_that_they_are_kept() -> None:
    tries = attempts("++-+-")
    lost = find_lost_rows(tries, present=[1, 5])
    assert [one.number for one in lost] == [2, 4]
    assert find_unacknowledged_rows(tries, present=[1, 5]) == (5,)
    assert find_lost_rows(tries, present=[1, 2, 4]) == ()


@given(st.text("+-", max_size=30), st.sets(st.integers(min_value=1, max_value=30)))
def test_every_acknowledged_row_is_there_or_lost(ends: str, present: set[int]) -> None:
    tries = attempts(ends)
    lost = {one.number for one in find_lost_rows(tries, present)}
    assert lost | (present & {one.number for one in tries if one.acknowledged}) == {
        one.number for one in tries if one.acknowledged
    }
    assert not lost & present


def test_the_rpo_is_the_age_of_the_oldest_lost_row() -> None:
    lost = find_lost_rows(attempts("+++"), present=[1])
    assert measure_rpo(lost, cut=4.0) == 1.5
    assert measure_rpo((), cut=4.0) == 0.0


def test_a_writer_tries_each_number_once_and_keeps_what_became_of_it() -> None:
    fails = threading.Event()
    sent: list[int] = []

    def send(number: int) -> bool:
        sent.append(number)
        return not fails.is_set()

    with RowWriter(send) as writer:
        assert writer.wait_for_rows(3, 10)
        fails.set()
        assert writer.wait_for_failures(3, 0.05, 10)
        fails.clear()
        assert writer.wait_for_rows(2, 10, since=time.monotonic())
    numbers = [one.number for one in writer.attempts]
    assert numbers == sent == list(range(1, len(sent) + 1))
    outage = find_outage(writer.attempts, 0.0)
    assert outage is not None
    assert outage.seconds > 0.05


def test_a_writer_that_breaks_down_says_so() -> None:
    def send(_: int) -> bool:
        message = "no such key"
        raise ValueError(message)

    with RowWriter(send) as writer, pytest.raises(LabError, match="the writer of rows broke down: no such key"):
        writer.wait_for_rows(1, 10)

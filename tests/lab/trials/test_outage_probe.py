from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.lab.trials.outage_probe import EVERY_SECONDS, measure_outages

RUNS = st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=12)


def tries(runs: list[tuple[int, bool]]) -> list[tuple[float, bool]]:
    answers = [answered for length, answered in runs for _ in range(length)]
    return [(number * EVERY_SECONDS, answered) for number, answered in enumerate(answers)]


@given(RUNS)
def test_all_gaps_together_are_as_long_as_what_was_lost(runs: list[tuple[int, bool]]) -> None:
    made = tries(runs)
    lost = sum(not answered for _, answered in made)
    assert sum(measure_outages(made)) == pytest.approx(lost * EVERY_SECONDS)


@given(RUNS)
def test_there_is_a_gap_for_each_run_of_lost_tries(runs: list[tuple[int, bool]]) -> None:
    made = tries(runs)
    begins = (not made[0][1]) + sum(before and not after for (_, before), (_, after) in pairwise(made))
    assert len(measure_outages(made)) == begins


def test_answers_that_come_out_of_order_make_no_gap() -> None:
    made = tries([(3, True), (5, False), (4, True)])
    assert measure_outages([*made[6:], *made[:6]]) == measure_outages(made) == [pytest.approx(5 * EVERY_SECONDS)]


def test_a_gap_is_counted_to_the_next_answer_however_late_it_was_sent() -> None:
    assert measure_outages([(0.0, True), (0.02, False), (0.9, True)]) == [pytest.approx(0.88)]

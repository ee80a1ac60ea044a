"""A share is rounded down: nothing but all is shown as all, and nothing but none as none."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.measure.assessment.format_share import format_share
from tests.soak import examples


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "-"),
        (1, 0, "-"),
        (0, 1, "0.0%"),
        (1, 1, "100.0%"),
        (1, 1000, "0.1%"),
        (1, 1001, "<0.1%"),
        (999, 1000, "99.9%"),
        (9_999, 10_000, "99.9%"),
        (175, 176, "99.4%"),
        (2, 3, "66.6%"),
    ],
)
def test_a_share_is_shown_with_one_decimal(part: int, whole: int, shown: str) -> None:
    assert format_share(part, whole) == shown


@given(st.integers(1, 100_000).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
@settings(max_examples=examples(200), deadline=None)
def test_what_is_shown_is_never_more_than_it_is_and_misses_less_than_a_tenth(given: tuple[int, int]) -> None:
    part, whole = given
    shown = format_share(part, whole)
    true = Fraction(100 * part, whole)
    if shown == "<0.1%":
        assert 0 < true < Fraction(1, 10)
        return
    figure = Fraction(Decimal(shown.removesuffix("%")))
    assert figure <= true < figure + Fraction(1, 10)
    assert (figure == 0) == (part == 0)
    assert (figure == 100) == (part == whole)

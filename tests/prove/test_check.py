"""Checks: when one holds, and those of many schools put together."""

from __future__ import annotations

from controller.prove.check import Check, join_checks


def test_a_check_holds_where_it_was_judged_and_nothing_was_found() -> None:
    assert Check("paths", 3).holds
    assert not Check("paths", 3, ("a difference",)).holds
    assert not Check("paths", 0, not_judged="no export").holds
    assert not Check("paths", 1, ("a difference",), not_judged="no export").holds


def test_checks_of_one_name_are_put_together_in_the_order_of_their_first() -> None:
    joined = join_checks(
        [
            Check("paths", 3, ("first",), ("seen", "twice")),
            Check("isolation", 1),
            Check("paths", 4, ("second", "third"), ("twice",), ""),
            Check("isolation", 2, not_judged="why"),
            Check("isolation", 0, not_judged="and why not"),
        ]
    )
    assert joined == [
        Check("paths", 7, ("first", "second", "third"), ("seen", "twice")),
        Check("isolation", 3, not_judged="why; and why not"),
    ]
    assert join_checks([]) == []

"""How the guideline stands: as it was last told, of which policy; old is old, and a half is nothing."""

from __future__ import annotations

from controller.telemetry.registry import DAY, GUIDELINE_CLAUSES, GUIDELINE_POLICY_HASH
from controller.telemetry.units import find_range_fault, shorten_digest
from monitoring.city_state.known_values import KnownValues
from monitoring.city_state.task_ends import build_guideline_view
from monitoring.timeseries.records import GaugeValue
from tests.monitoring.city_state.made_clock import MadeClock, tell

OURS, OTHER = "00fd9d0512e6" + "a" * 52, "ffffffffffff" + "b" * 52


def tell_clauses(clock: MadeClock, digest: str, **states: int) -> list[GaugeValue]:
    clauses = [tell(clock, GUIDELINE_CLAUSES, count, state=state.replace("_", "-")) for state, count in states.items()]
    return [*clauses, tell(clock, GUIDELINE_POLICY_HASH, shorten_digest(digest))]


def test_what_was_told_is_shown_with_its_policy_and_grows_old() -> None:
    clock = MadeClock()
    known = KnownValues(clock=clock)
    assert build_guideline_view(known, OURS) is None
    known.take(tell_clauses(clock, OURS, holds=9, differs=1), clock())
    assert build_guideline_view(known, OURS) is None, "a part says nothing of the whole"
    known.take(tell_clauses(clock, OURS, holds=9, differs=1, not_judged=5), clock())
    found = build_guideline_view(known, OURS)
    assert found is not None
    assert (found["holds"], found["differs"], found["not_judged"]) == (9, 1, 5)
    assert (found["policy"], found["is_own_policy"], found["stale"]) == ("00fd9d0512e6", True, False)
    other = build_guideline_view(known, OTHER)
    assert other is not None
    assert not other["is_own_policy"]
    clock.pass_time(7 * DAY + 1)
    old = build_guideline_view(known, OURS)
    assert old is not None
    assert old["stale"]
    assert old["heard_at"] == found["heard_at"]


def test_the_highest_and_the_lowest_digest_are_numbers_that_are_taken() -> None:
    assert [find_range_fault(GUIDELINE_POLICY_HASH, shorten_digest(one)) for one in (OTHER, "0" * 64)] == [None, None]
    assert find_range_fault(GUIDELINE_POLICY_HASH, 2.0**48) is not None

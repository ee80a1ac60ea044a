"""CEL as the proxy evaluates it: typed, closed, and without an answer to what is unknown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controller.prove.engine.cel import CelRefused, IamCondition, LevelEvaluator

MONDAY_MORNING_IN_JAPAN = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    [
        "origin.adress == 'x'",
        "device.is_admin_approved_device == 'yes'",
        "request.time.getHours(",
        "origin.ip",
        "levels.other",
        "request.auth.access_levels.size() > 0",
    ],
)
def test_what_google_does_not_know_does_not_compile(expression: str) -> None:
    with pytest.raises(CelRefused, match="access level one is refused"):
        LevelEvaluator({"one": expression})


@pytest.mark.parametrize("expression", ["origin.region_code == 'JP'", "levels.one", "1 + 1"])
def test_a_condition_knows_levels_and_the_time_only(expression: str) -> None:
    with pytest.raises(CelRefused):
        IamCondition(expression)


def test_unknown_is_not_granted_either_way() -> None:
    evaluator = LevelEvaluator({"japan": "origin.region_code == 'JP'", "abroad": "origin.region_code != 'JP'"})
    assert evaluator.find_granted({}) == frozenset()
    assert evaluator.find_granted({"origin.region_code": "JP"}) == {"japan"}


def test_an_address_that_is_none_is_an_error_and_not_granted() -> None:
    evaluator = LevelEvaluator({"here": 'inIpRange(origin.ip, ["192.0.2.0/24"])', "not": "!inIpRange(origin.ip, [])"})
    assert evaluator.find_granted({"origin.ip": "unknown"}) == frozenset()
    assert evaluator.find_granted({"origin.ip": "192.0.2.9"}) == {"here", "not"}


def test_levels_may_ask_levels_in_any_order_but_not_in_a_circle() -> None:
    evaluator = LevelEvaluator({"a": "levels.b && levels.c", "b": "true", "c": "levels.b"})
    assert evaluator.find_granted({}) == {"a", "b", "c"}
    with pytest.raises(CelRefused, match="in a circle: a, b"):
        LevelEvaluator({"a": "levels.b", "b": "levels.a"})


def test_a_name_that_begins_like_another_is_another() -> None:
    assert LevelEvaluator({"home": "levels.home_two", "home_two": "true"}).find_granted({}) == {"home", "home_two"}


@pytest.mark.parametrize(
    ("expressions", "anew"),
    [
        ({"a": "request.time.getHours() < 12"}, {"a"}),
        ({"a": "levels.b", "b": "request.time.getHours() < 12"}, {"a", "b"}),
        ({"a": "levels.b", "b": "levels.c", "c": "request.time.getHours() < 12"}, {"a", "b", "c"}),
        ({"a": "levels.b && request.time.getHours() < 24", "b": "request.time.getHours() < 12"}, {"a", "b"}),
        ({"a": "levels.b", "b": "device.is_admin_approved_device"}, set()),
        ({"a": "levels.day_two", "day": "request.time.getHours() < 12", "day_two": "true"}, {"day"}),
    ],
)
def test_only_what_depends_on_the_time_is_asked_anew_at_another_time(
    expressions: dict[str, str], anew: set[str]
) -> None:
    evaluator = LevelEvaluator(expressions)
    morning, evening = (datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (8, 20))
    known = {"device.is_admin_approved_device": True}
    all_of_them = frozenset(expressions)
    assert evaluator.find_granted({**known, "request.time": morning}) == all_of_them
    assert evaluator.find_granted({**known, "request.time": evening}, all_of_them) == all_of_them - anew
    # What was not granted before stays so, unless it depends on the time.
    assert evaluator.find_granted({**known, "request.time": morning}, frozenset()) == anew


def test_hours_and_days_are_those_of_the_zone() -> None:
    monday = IamCondition('request.time.getDayOfWeek("Asia/Tokyo") == 1 && request.time.getHours("Asia/Tokyo") == 8')
    assert monday.holds([], MONDAY_MORNING_IN_JAPAN)
    assert not IamCondition('request.time.getHours("Asia/Nowhere") < 24').holds([], MONDAY_MORNING_IN_JAPAN)


def test_a_condition_holds_for_the_levels_that_were_granted() -> None:
    condition = IamCondition('"a" in request.auth.access_levels')
    assert condition.holds(["a", "b"], MONDAY_MORNING_IN_JAPAN)
    assert not condition.holds(["b"], MONDAY_MORNING_IN_JAPAN)
    assert IamCondition("").holds([], MONDAY_MORNING_IN_JAPAN)

"""A plan records the day that it was made for, and is not applied after an exception in it has expired."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from controller.errors import PlanExpired
from controller.model.access.rules import RuleFile
from controller.model.policy_files import RULES
from controller.plan.plan_expiry import find_first_expiry, refuse_expired_exceptions
from tests.policies import PolicyFolder

LAST = date(2027, 3, 31)


@pytest.mark.parametrize(
    ("made_for", "applied", "refused"),
    [
        (date(2027, 3, 1), LAST, False),
        (LAST, date(2027, 4, 1), True),
        (date(2027, 4, 1), date(2027, 4, 1), False),
    ],
)
def test_an_exception_that_expired_meanwhile(
    tmp_path: Path,
    made_for: date,
    applied: date,
    refused: bool,  # noqa: FBT001 a row of the table
) -> None:
    city = PolicyFolder(tmp_path).load(applied)
    if not refused:
        refuse_expired_exceptions(city, made_for)
        return
    with pytest.raises(
        PlanExpired, match=r"'computer-room-web' \(.*rules.yaml:\d+\) has expired \(last day 2027-03-31\)"
    ):
        refuse_expired_exceptions(city, made_for)


def test_the_first_to_expire_is_told(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    assert find_first_expiry(policies.load(LAST)) == LAST
    assert find_first_expiry(policies.load(date(2027, 4, 1))) != LAST


def test_an_exception_that_expires_after_the_policy_was_loaded(tmp_path: Path) -> None:
    """What a rollout over midnight asks: it is named by its rule, as long as the policy knows it."""
    city = PolicyFolder(tmp_path).load(LAST)
    refuse_expired_exceptions(city, LAST, LAST)
    with pytest.raises(PlanExpired, match=r"'computer-room-web' \(.*rules.yaml:\d+\) has expired"):
        refuse_expired_exceptions(city, LAST, date(2027, 4, 1))


def test_an_exception_of_people_alone_refuses_no_plan(tmp_path: Path) -> None:
    """A plan for devices holds nothing of it: the proxy asks the day itself."""
    city = PolicyFolder(tmp_path).load(LAST)
    terms = next(rule.exception for rule in city.rules if rule.id == "computer-room-web")
    people = next(rule for rule in city.rules if rule.identity)
    rule = people.model_copy(update={"network": None, "exception": terms})
    city = city.replace_file(RULES, RuleFile(rules=(rule,)))
    assert [one.holds_on(date(2027, 4, 1)) for one in city.rules] == [False]
    refuse_expired_exceptions(city, LAST, date(2027, 4, 1))

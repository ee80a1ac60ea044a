"""A plan records the day that it was made for, and is not applied after an exception in it has expired."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from controller.errors import PlanExpired
from controller.model.access.rules import RuleFile
from controller.model.policy_files import RULES
from controller.plan.document import PlanFile
from controller.plan.plan_expiry import find_first_expiry, refuse_expired_plan
from tests.policies import PolicyFolder

LAST = date(2027, 3, 31)


def plan(on: date, until: date | None = None) -> PlanFile:
    return PlanFile(
        city="kawasaki-virtual",
        policy="x",
        on=on,
        until=until,
        estate="real",
        made=datetime(2027, 3, 1, tzinfo=UTC),
        canary="as-e04",
        devices=(),
        unplanned=(),
    )


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
        refuse_expired_plan(city, plan(made_for))
        return
    with pytest.raises(
        PlanExpired, match=r"'computer-room-web' \(.*rules.yaml:\d+\) has expired \(last day 2027-03-31\)"
    ):
        refuse_expired_plan(city, plan(made_for))


def test_an_exception_that_the_policy_has_lost_since_it_expired(tmp_path: Path) -> None:
    """Cleaning up what has expired must not make an old plan good again."""
    policies = PolicyFolder(tmp_path)
    made = policies.load(LAST)
    assert find_first_expiry(made) == LAST
    rules = policies.path / "access/rules.yaml"
    before, _, rest = rules.read_text(encoding="utf-8").partition("  - id: computer-room-web\n")
    rules.write_text(before + rest[rest.index("\n  - ") + 1 :], encoding="utf-8")
    assert find_first_expiry(policies.load(LAST)) != LAST
    refuse_expired_plan(policies.load(LAST), plan(LAST, LAST))
    with pytest.raises(PlanExpired, match=r"an exception in it has expired \(last day 2027-03-31\)"):
        refuse_expired_plan(policies.load(date(2027, 4, 1)), plan(LAST, LAST))


def test_an_exception_that_expires_after_the_policy_was_loaded(tmp_path: Path) -> None:
    """What a rollout over midnight asks: it is named by its rule, as long as the policy knows it."""
    city = PolicyFolder(tmp_path).load(LAST)
    refuse_expired_plan(city, plan(LAST, LAST), LAST)
    with pytest.raises(PlanExpired, match=r"'computer-room-web' \(.*rules.yaml:\d+\) has expired"):
        refuse_expired_plan(city, plan(LAST, LAST), date(2027, 4, 1))


def test_an_exception_of_people_alone_refuses_no_plan(tmp_path: Path) -> None:
    """A plan for devices holds nothing of it: the proxy asks the day itself."""
    city = PolicyFolder(tmp_path).load(LAST)
    terms = next(rule.exception for rule in city.rules if rule.id == "computer-room-web")
    people = next(rule for rule in city.rules if rule.identity)
    rule = people.model_copy(update={"network": None, "exception": terms})
    city = city.replace_file(RULES, RuleFile(rules=(rule,)))
    assert [one.holds_on(date(2027, 4, 1)) for one in city.rules] == [False]
    refuse_expired_plan(city, plan(LAST), date(2027, 4, 1))

"""A plan permits what was in force on the day that it was made for; an exception may expire before it is applied."""

from __future__ import annotations

from datetime import date

from controller.errors import PlanExpired
from controller.model.city import City


def find_first_expiry(city: City) -> date | None:
    """Return the last day of the exception with a network part that expires first; None where none is in force."""
    return min((rule.exception.expires for rule in city.rules if rule.network and rule.exception), default=None)


def refuse_expired_exceptions(city: City, made_for: date, today: date | None = None) -> None:
    """Refuse to go on if an exception with a network part has expired since the day that a plan was made for.

    `today` is a day since the city was loaded; without it, that day itself. A rollout may last over midnight. What
    expires is asked of the policy, never of the plan.

    Raises:
        PlanExpired: one has; the plan would put back what it permitted.
    """
    today = city.policy_date if today is None else today
    for rule in (*city.expired_rules, *city.rules):
        if rule.network and rule.exception and rule.holds_on(made_for) and not rule.holds_on(today):
            message = (
                f"the plan was made for {made_for}; since then the exception {rule.id!r} ({rule.origin}) has expired "
                f"(last day {rule.exception.expires}). Make the plan anew"
            )
            raise PlanExpired(message)

"""A plan permits what was in force on the day that it was made for; that may be over before it is applied."""

from __future__ import annotations

from datetime import date

from controller.errors import PlanExpired
from controller.model.access.quarantines import ClosedSchool, Quarantine
from controller.model.city import City
from controller.model.policy_files import QUARANTINES


def find_first_expiry(city: City) -> date | None:
    """Return the last day of the exception with a network part that expires first; None where none is in force."""
    return min((rule.exception.expires for rule in city.rules if rule.network and rule.exception), default=None)


def refuse_expired_exceptions(city: City, made_for: date, today: date | None = None) -> None:
    """Refuse to go on if an exception with a network part has expired since the day that a plan was made for.

    `today` is a day since the city was loaded; without it, that day itself. A rollout may last over midnight. What
    expires is asked of the policy, never of the plan.

    Refused, too, if a quarantine has begun or ended since then, or a school was closed.

    Raises:
        PlanExpired: one has; the plan would put back what it permitted.
    """
    today = city.policy_date if today is None else today
    _refuse_other_quarantines(city, made_for, today)
    for rule in (*city.expired_rules, *city.rules):
        if rule.network and rule.exception and rule.holds_on(made_for) and not rule.holds_on(today):
            message = (
                f"the plan was made for {made_for}; since then the exception {rule.id!r} ({rule.origin}) has expired "
                f"(last day {rule.exception.expires}). Make the plan anew"
            )
            raise PlanExpired(message)


def _refuse_other_quarantines(city: City, made_for: date, today: date) -> None:
    """Refuse to go on if other things are cut off than on the day that the plan was made for.

    Raises:
        PlanExpired: the plan would open what is cut off now, or cut off what is open.
    """
    file = city.files.get(QUARANTINES)
    listed: tuple[Quarantine | ClosedSchool, ...] = (*file.quarantines, *file.closed)
    for one in listed:
        if one.holds_on(made_for) != one.holds_on(today):
            what = one.subject if isinstance(one, Quarantine) else f"school {one.school}"
            how = "is cut off now" if one.holds_on(today) else "is no longer in quarantine"
            message = f"the plan was made for {made_for}; since then {what} {how} ({one.origin}). Make the plan anew"
            raise PlanExpired(message)

"""Findings that come with time: exceptions that expire, a calendar that ends, prefix lists that grow old."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.access.data_flows import SystemFlow
from controller.model.access.rules import ExceptionTerms, Rule
from controller.model.city import City
from controller.model.policy_files import CALENDAR, PREFIX_LISTS, QUARANTINES, find_file_start
from controller.prove.lint.finding import Finding, make_warning

SOON_DAYS = 30
LONG_DAYS = 366
SOON_OVER_DAYS = 2
"""A quarantine is short; what it cuts off opens again with the next rollout after its last day."""
OLD_LIST_DAYS = 180


def find_expiries(city: City) -> Iterator[Finding]:
    """All of them, as seen on the day that the city was loaded for.

    >>> sorted({one.kind for one in find_expiries(later)})
    ['calendar', 'expired exception', 'old prefix list']
    """
    yield from _exceptions(city)
    yield from _calendar(city)
    yield from _old_lists(city)
    yield from _quarantines(city)


def _exceptions(city: City) -> Iterator[Finding]:
    expired: tuple[Rule | SystemFlow, ...] = (*city.expired_rules, *city.expired_flows)
    for one in expired:
        exception = _of(one)
        message = (
            f"{_noun(one)} {one.id!r} expired on {exception.expires} and permits nothing any more; "
            f"{exception.owner} decides: delete it, or renew it ({exception.reason})"
        )
        yield make_warning("expired exception", one.origin, message)
    in_force: tuple[Rule | SystemFlow, ...] = (*city.rules, *city.flows)
    for one in in_force:
        if one.exception is None:
            continue
        left = (one.exception.expires - city.policy_date).days
        if left <= SOON_DAYS:
            message = (
                f"{_noun(one)} {one.id!r} ends in {left} days, on {one.exception.expires}; ask {one.exception.owner}"
            )
            yield make_warning("expiring exception", one.origin, message)
        if left > LONG_DAYS:
            message = f"{_noun(one)} {one.id!r} lasts until {one.exception.expires}, more than a year: is it a rule?"
            yield make_warning("long exception", one.origin, message)


def _of(one: Rule | SystemFlow) -> ExceptionTerms:
    assert one.exception is not None  # noqa: S101 only exceptions expire
    return one.exception


def _noun(one: Rule | SystemFlow) -> str:
    return "rule" if isinstance(one, Rule) else "flow"


def _calendar(city: City) -> Iterator[Finding]:
    asked = [rule for rule in city.rules if rule.identity and rule.identity.hours and rule.identity.hours.day_kinds]
    if city.calendar is None or not asked:
        return
    left = (city.calendar.until - city.policy_date).days
    if left <= SOON_DAYS:
        names = ", ".join(repr(rule.id) for rule in asked)
        when = f"ended on {city.calendar.until}" if left < 0 else f"ends in {left} days, on {city.calendar.until}"
        message = f"the school calendar {when}; after that {names} permit nothing: add the next year"
        yield make_warning("calendar", find_file_start(city.directory, CALENDAR), message)


def _old_lists(city: City) -> Iterator[Finding]:
    for one in city.prefix_lists.values():
        age = (city.policy_date - one.retrieved).days
        if age > OLD_LIST_DAYS:
            message = f"prefix list {one.id!r} was read {age} days ago ({one.source}); read it again"
            origin = find_file_start(city.directory, PREFIX_LISTS, one.id)
            yield make_warning("old prefix list", origin, message)


def _quarantines(city: City) -> Iterator[Finding]:
    for one in city.files.get(QUARANTINES).quarantines:
        left = (one.until - city.policy_date).days
        if left < 0:
            message = (
                f"the quarantine of {one.subject} ended on {one.until}: a plan opens it again; delete the entry, or "
                f"ask {one.by} for a later day"
            )
            yield make_warning("expired quarantine", one.origin, message)
        elif one.holds_on(city.policy_date) and left <= SOON_OVER_DAYS:
            message = f"the quarantine of {one.subject} ends in {left} days, on {one.until}; ask {one.by}"
            yield make_warning("expiring quarantine", one.origin, message)

"""The findings of a policy that loads: all that `tsunagu check` says, on the day that the city was loaded for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.compile.identity.iap_bindings import compile_cloud_intent, find_cloud_problems
from controller.errors import PolicyError, Problem
from controller.model.city import City
from controller.prove.identity.synthetic_principals import FACTS
from controller.prove.lint.contradictions import DEAD_RULE, NEVER_MATCHES, find_contradictions, find_unmatchable_rules
from controller.prove.lint.data_flows import check_data_flows
from controller.prove.lint.expired_exceptions import find_expiries
from controller.prove.lint.finding import Finding, make_error
from controller.prove.lint.formats import find_older_formats
from controller.prove.lint.infrastructure_protocols import find_leaving_protocols
from controller.prove.lint.integration import (
    find_lost_last_ways,
    find_missed_cutovers,
    find_turned_seats,
    find_wrong_audiences,
)
from controller.prove.lint.least_privilege import find_broad_permits
from controller.prove.lint.single_people import find_single_people
from controller.prove.lint.stages import find_in_stages
from controller.prove.lint.unused import find_unused
from controller.prove.lint.unused_families import find_unused_families
from controller.prove.lint.wide_addresses import find_wide_addresses


def check_policy(city: City) -> list[Finding]:
    """Everything found, in the order of file and line.

    >>> check_policy(city)
    []
    >>> sorted({one.kind for one in check_policy(later)})
    ['calendar', 'expired exception', 'never matches', 'old prefix list']
    """
    found = [
        *find_in_stages(city, _find_in_rules, idle=(DEAD_RULE, NEVER_MATCHES)),
        *find_unused(city),
        *find_unused_families(city),
        *find_single_people(city),
        *find_expiries(city),
        *check_data_flows(city),
        *find_older_formats(city),
        *find_wide_addresses(city),
        *find_missed_cutovers(city),
        *find_turned_seats(city),
        *find_wrong_audiences(city),
        *find_lost_last_ways(city),
        *find_leaving_protocols(city),
        *_find_what_no_proxy_enforces(city),
    ]
    return sorted(found, key=lambda finding: (finding.origin, finding.message))


def _find_in_rules(city: City) -> Iterator[Finding]:
    vain = list(find_unmatchable_rules(city))
    # What never matches is dead, too, but that is no news.
    said = {finding.origin for finding in vain}
    yield from (one for one in find_contradictions(city) if one.kind != DEAD_RULE or one.origin not in said)
    yield from vain
    yield from find_broad_permits(city)


def _find_what_no_proxy_enforces(city: City) -> Iterator[Finding]:
    """What `prove` and the stacks would refuse; a second factor that is missing is among the broad permits."""
    problems = find_cloud_problems(city) or _find_what_google_takes_not(city)
    for one in problems:
        if one.field != "importance":
            yield make_error("proxy", one.origin, f"{one.field}: {one.message}" if one.field else one.message)


def _find_what_google_takes_not(city: City) -> Sequence[Problem]:
    """More than its published limits of access levels and conditions; the names are those of any stack."""
    try:
        compile_cloud_intent(city, FACTS)
    except PolicyError as refused:
        return refused.problems
    return ()

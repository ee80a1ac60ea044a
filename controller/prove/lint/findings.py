"""What is wrong with a policy that loads: all that `tsunagu check` says, on the day that the city was loaded for."""

from __future__ import annotations

from controller.model.city import City
from controller.prove.lint.contradictions import DEAD, contradictions, never
from controller.prove.lint.data_flows import exchange_findings
from controller.prove.lint.expiry import lapses
from controller.prove.lint.finding import Finding, Severity
from controller.prove.lint.least_privilege import over_broad
from controller.prove.lint.unused import unused

__all__ = ["Finding", "Severity", "policy_findings"]


def policy_findings(city: City) -> list[Finding]:
    """Everything found, in the order of file and line."""
    vain = list(never(city))
    # What never matches is dead, too, but that is no news.
    said = {finding.origin for finding in vain}
    found = [
        *(one for one in contradictions(city) if one.kind != DEAD or one.origin not in said),
        *vain,
        *over_broad(city),
        *unused(city),
        *lapses(city),
        *exchange_findings(city),
    ]
    return sorted(found, key=lambda finding: (finding.origin, finding.message))

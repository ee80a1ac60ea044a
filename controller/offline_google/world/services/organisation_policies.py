"""What the Organization Policy Service refuses of a policy: constraints and forms of rules that it does not know.

Sources (Google Cloud documentation): "Organization policy constraints" (names, and which take a list or are enforced),
the reference of the API, version 2 (`Policy`, `PolicyRule`: a rule says exactly one thing; one that resets says
nothing else), "Restricting resource locations" (values begin with `in:` for a group). Only the constraints that the
stacks use are known here, and of folders and organisations nothing. No policy is enforced here: what it would refuse
is for the guardrails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, make_invalid, make_not_found
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]

POLICY = "gcp:orgpolicy/policy:Policy"
BOOLEAN_CONSTRAINTS = frozenset(
    {
        "compute.disableSerialPortAccess",
        "compute.disableVpcExternalIpv6",
        "compute.skipDefaultNetworkCreation",
        "iam.automaticIamGrantsForDefaultServiceAccounts",
        "iam.disableServiceAccountKeyCreation",
        "iam.disableServiceAccountKeyUpload",
        "sql.restrictAuthorizedNetworks",
        "sql.restrictPublicIp",
        "storage.publicAccessPrevention",
        "storage.uniformBucketLevelAccess",
    }
)
LIST_CONSTRAINTS: Mapping[str, re.Pattern[str]] = {
    "compute.vmExternalIpAccess": re.compile(r"(is:)?projects/[^/]+/zones/[^/]+/instances/[^/]+"),
    "gcp.resourceLocations": re.compile(r"in:[a-z0-9-]+-locations|(is:)?[a-z]+([0-9]|-[a-z0-9-]+)?"),
    "gcp.restrictCmekCryptoKeyProjects": re.compile(r"under:(projects|folders|organizations)/[^/]+|projects/[^/]+"),
    "gcp.restrictNonCmekServices": re.compile(r"(is:)?[a-z0-9]+\.googleapis\.com"),
    "iam.allowedPolicyMemberDomains": re.compile(r"(is:)?(C[0-9a-z]+|principalSet://.+)"),
    "run.allowedIngress": re.compile(r"(is:)?(all|internal|internal-and-cloud-load-balancing)"),
}
ONLY_DENIED = frozenset({"gcp.restrictNonCmekServices"})
"""Constraints that take values only to deny."""
_NAME = re.compile(r"((projects|folders|organizations)/[^/]+)/policies/([A-Za-z0-9.]+)")
_SAYINGS = ("allowAll", "denyAll", "enforce", "values")
_NOT_MODELLED = ("condition", "parameters")


def check_organisation_policy(_store: WorldStore, _identity: str, values: Values) -> None:
    """Refuse a policy that Google would refuse, or of which it is not known here.

    Raises:
        GoogleRefusal: as said.
    """
    named = _NAME.fullmatch(str(values.get("name")))
    if named is None or named[1] != values.get("parent"):
        field, reason = "name", f"'{values.get('name')}'. It is PARENT/policies/CONSTRAINT, and its parent the same"
        raise make_invalid(field, reason)
    constraint = named[3]
    if constraint not in BOOLEAN_CONSTRAINTS and constraint not in LIST_CONSTRAINTS:
        named_so = f"constraints/{constraint}"
        raise make_not_found(named_so, "name")
    spec = values.get("spec")
    if not isinstance(spec, Mapping) or values.get("dryRunSpec"):
        message = "the offline Google models a policy with a spec, and without a dryRunSpec, of orgpolicy.Policy"
        raise GoogleRefusal(501, message, "notImplemented")
    for reason in _find_rule_faults(constraint, spec):
        field = "spec"
        raise make_invalid(field, reason)


def _find_rule_faults(constraint: str, spec: Mapping[str, Any]) -> Iterator[str]:
    rules = spec.get("rules") or []
    if spec.get("reset"):
        if rules or spec.get("inheritFromParent"):
            yield "a policy that resets has no rules and inherits nothing"
        return
    if not rules:
        yield "a policy needs a rule"
    for rule in rules:
        said = [name for name in _SAYINGS if rule.get(name)]
        unknown = [name for name in _NOT_MODELLED if rule.get(name)]
        if unknown:
            message = f"the offline Google does not model {', '.join(unknown)} in rules of orgpolicy.Policy"
            raise GoogleRefusal(501, message, "notImplemented")
        if len(said) != 1:
            yield f"a rule says one of {', '.join(_SAYINGS)}; this one says {', '.join(said) or 'none'}"
        elif (said[0] == "enforce") != (constraint in BOOLEAN_CONSTRAINTS):
            wanted = "enforce" if constraint in BOOLEAN_CONSTRAINTS else "allowAll, denyAll or values"
            yield f"rules of {constraint} say {wanted}, not {said[0]}"
        elif said[0] == "values":
            yield from _find_value_faults(constraint, rule["values"])
        elif str(rule[said[0]]).upper() not in ("TRUE", "FALSE"):
            yield f"{said[0]} is TRUE or FALSE, not '{rule[said[0]]}'"


def _find_value_faults(constraint: str, values: Mapping[str, Any]) -> Iterator[str]:
    allowed, denied = values.get("allowedValues") or [], values.get("deniedValues") or []
    if not allowed and not denied:
        yield "values are empty"
    if allowed and constraint in ONLY_DENIED:
        yield f"{constraint} takes values only to deny"
    for value in (*allowed, *denied):
        if not LIST_CONSTRAINTS[constraint].fullmatch(str(value)):
            yield f"'{value}' is no value of {constraint}"

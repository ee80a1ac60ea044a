"""Organisation policies: what the guardrails stop here, Google refuses of everybody, whoever asks, consoles too.

They stand on the project, or on the folder or organisation that the stack's file names. They hold for what is made from
then on; what is there already stays (Google: "Introduction to the Organization Policy Service"). Names and values of
constraints: "Organization policy constraints", "Restricting resource locations", "CMEK organization policies",
"Restricting identities by domain". Whether Google takes the location of a dual region by its name is not tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_gcp as gcp

from stacks.project_services import ProjectServices
from stacks.settings.naming import TYPE
from stacks.settings.regions import StackRegions

ENFORCED: Final = (
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
)
"""Constraints that are on or off."""
DENIED: Final = ("compute.vmExternalIpAccess",)
"""Constraints on a list of what may: nothing may."""
WITH_OUR_KEYS: Final = ("artifactregistry", "run", "sqladmin", "storage")
"""Services that may keep nothing without a key of ours, as the stack's own do not."""


@dataclass(frozen=True)
class OrganisationPoliciesArgs:
    """What the policies are made from. `parent` is what they stand on; `customer` the Workspace customer."""

    parent: str
    project: str
    customer: str
    regions: StackRegions
    services: ProjectServices


class OrganisationPolicies(pulumi.ComponentResource):
    """One policy for each constraint. Outputs: `policies` (by constraint)."""

    def __init__(self, name: str, args: OrganisationPoliciesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}OrganisationPolicies", name, {}, opts)
        self._parent = args.parent
        self._own = args.services.build_child_options(self, "orgpolicy")
        rule = gcp.orgpolicy.PolicySpecRuleArgs
        rules = {
            **{one: rule(enforce="TRUE") for one in ENFORCED},
            **{one: rule(deny_all="TRUE") for one in DENIED},
            **{one: _build_list_rule(allowed=values) for one, values in _list_allowed(args).items()},
            "gcp.restrictNonCmekServices": _build_list_rule(
                denied=[f"is:{word}.googleapis.com" for word in WITH_OUR_KEYS]
            ),
        }
        self.policies = {constraint: self._add_policy(constraint, one) for constraint, one in rules.items()}
        self.register_outputs({})

    def _add_policy(self, constraint: str, rule: gcp.orgpolicy.PolicySpecRuleArgs) -> gcp.orgpolicy.Policy:
        return gcp.orgpolicy.Policy(
            constraint,
            name=f"{self._parent}/policies/{constraint}",
            parent=self._parent,
            spec=gcp.orgpolicy.PolicySpecArgs(inherit_from_parent=False, rules=[rule]),
            opts=self._own,
        )


def _list_allowed(args: OrganisationPoliciesArgs) -> Mapping[str, list[str]]:
    """Constraints on a list, with all that may be."""
    locations = [f"in:{location}-locations" for location in args.regions.locations]
    shared = [] if args.regions.shared in args.regions.locations else [args.regions.shared]
    return {
        "gcp.resourceLocations": [*locations, *shared],
        "gcp.restrictCmekCryptoKeyProjects": [f"under:projects/{args.project}"],
        "iam.allowedPolicyMemberDomains": [args.customer],
        "run.allowedIngress": ["is:internal-and-cloud-load-balancing"],
    }


def _build_list_rule(
    allowed: Sequence[str] | None = None, denied: Sequence[str] | None = None
) -> gcp.orgpolicy.PolicySpecRuleArgs:
    values = gcp.orgpolicy.PolicySpecRuleValuesArgs(allowed_values=allowed, denied_values=denied)
    return gcp.orgpolicy.PolicySpecRuleArgs(values=values)

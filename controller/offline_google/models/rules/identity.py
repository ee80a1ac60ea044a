"""What IAM, Access Context Manager, Cloud Identity and IAP refuse by themselves: members, roles, conditions, levels.

Sources: "Principal identifiers" (how a member is written), the reference of IAM roles (where a role can be granted),
of `projects.setIamPolicy` (nobody unknown, who is an owner), "Overview of IAM Conditions" (none with basic roles,
none for everybody) and "Quotas and limits" of IAM (12 operators, title and description), "Custom access level
specification" and "Quotas" of Access Context Manager (200 entries of a list), the reference of `groups` of Cloud
Identity (key, labels, parent), the reference of `IapSettings`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from controller.offline_google.models.rules.conditions import (
    MOST_ENTRIES,
    MOST_OPERATORS,
    count_operators,
    explain_claims,
    explain_condition,
    explain_level,
    explain_resource_condition,
    find_longest_list,
)
from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known

PRINCIPALS = "https://cloud.google.com/iam/docs/principal-identifiers"
ROLES = "https://cloud.google.com/iam/docs/roles-permissions"
CONDITIONS = "https://cloud.google.com/iam/docs/conditions-overview"
LIMITS = "https://cloud.google.com/iam/quotas"
LEVELS = "https://cloud.google.com/access-context-manager/docs/custom-access-level-spec"
LEVEL_LIMITS = "https://cloud.google.com/access-context-manager/quotas"
GROUPS = "https://cloud.google.com/identity/docs/reference/rest/v1/groups"
BASIC = frozenset({"roles/owner", "roles/editor", "roles/viewer"})
_EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})
_LEGACY = frozenset({"projectOwners", "projectReaders", "projectWriters"})
_ADDRESS = r"[^@\s:/]+@[^@\s:/]+"
_MEMBERS: Mapping[str, str] = {
    "user": _ADDRESS,
    "group": _ADDRESS,
    "serviceAccount": rf"{_ADDRESS}|[a-z0-9.:-]+\.svc\.id\.goog\[[^\]\s]+\]",
    "domain": r"[A-Za-z0-9.-]+",
    "principal": r"//[a-z]+\.googleapis\.com/\S+",
    "principalSet": r"//[a-z]+\.googleapis\.com/\S+",
    "projectOwner": r"[a-z0-9:.-]+",
    "projectEditor": r"[a-z0-9:.-]+",
    "projectViewer": r"[a-z0-9:.-]+",
}
_ABOVE_PROJECTS = frozenset(
    {
        "roles/resourcemanager.organizationAdmin",
        "roles/resourcemanager.organizationViewer",
        "roles/orgpolicy.policyAdmin",
        "roles/accesscontextmanager.policyAdmin",
        "roles/accesscontextmanager.policyEditor",
        "roles/accesscontextmanager.policyReader",
        "roles/compute.xpnAdmin",
        "roles/compute.orgSecurityPolicyAdmin",
        "roles/iam.organizationRoleViewer",
    }
)
"""Roles whose lowest resource is a folder or an organisation."""
_OWNERS = ("user:", "group:", "serviceAccount:")
_LONGEST_TITLE, _LONGEST_DESCRIPTION = 100, 256
_CONSUMER_DOMAINS = frozenset({"gmail.com", "googlemail.com"})
_DISCUSSION = "cloudidentity.googleapis.com/groups.discussion_forum"
_GROUP_LABELS = frozenset({_DISCUSSION, "cloudidentity.googleapis.com/groups.security"})
_IAP_NAME = re.compile(
    r"(organizations/\d+|folders/\d+|projects/[a-z0-9-]+(/iap_web(/(compute(-[a-z0-9-]+)?(/services/\S+)?|appengine-\S+|"
    r"cloud_run-\S+))?)?)"
)


def _check_members(values: Values) -> Complaints:
    listed = find_known(values, "members")
    single = [("member", find_known(values, "member"))]
    for field, member in [*single, *((f"members[{at}]", one) for at, one in enumerate(listed or ()))]:
        if not isinstance(member, str) or member in _EVERYBODY | _LEGACY:
            continue
        kind, _, rest = member.partition(":")
        if kind not in _MEMBERS or not re.fullmatch(_MEMBERS[kind], rest):
            yield field, f"{member!r} is no member: user:, group: and serviceAccount: have an address, domain: a domain"
    texts = [one for one in listed or () if isinstance(one, str)]
    if len(set(texts)) < len(texts):
        yield "members", "a member stands in it twice"


def _make_role_rule(prefixes: tuple[str, ...], what: str) -> Rule:
    """A rule that a predefined role belongs to the service whose resource it is granted on."""

    def check(values: Values) -> Complaints:
        role = find_known(values, "role")
        if isinstance(role, str) and role.startswith("roles/") and not role.startswith(prefixes):
            yield "role", f"the role {role} cannot be granted on {what}, or it is not known here that it can"

    return Rule(ROLES, check)


def _check_project_role(values: Values) -> Complaints:
    role = find_known(values, "role")
    if role in _ABOVE_PROJECTS:
        yield "role", f"the role {role} cannot be granted on a project, only above"
    member = find_known(values, "member")
    if member in _EVERYBODY:
        yield "member", f"a project takes no role for {member}"
    elif role == "roles/owner" and isinstance(member, str) and not member.startswith(_OWNERS):
        yield "member", f"{member!r} cannot be an owner: a person, a group or a service account can"


def _check_binding_condition(values: Values, explain: Callable[[str], str]) -> Complaints:
    condition = find_known(values, "condition")
    if not isinstance(condition, Mapping):
        return
    members = {find_known(values, "member"), *(find_known(values, "members") or ())}
    if members & _EVERYBODY:
        yield "condition", "a role for everybody (allUsers, allAuthenticatedUsers) has no condition"
    if find_known(values, "role") in BASIC:
        yield "condition", f"the basic role {values['role']} has no condition"
    for name, most in (("title", _LONGEST_TITLE), ("description", _LONGEST_DESCRIPTION)):
        text = find_known(condition, name)
        if isinstance(text, str) and len(text) > most:
            yield f"condition.{name}", f"it has {len(text)} letters; {most} is the most"
    if condition.get("title") == "":
        yield "condition.title", "it is empty"
    yield from _check_expression("condition.expression", find_known(condition, "expression"), explain)


def _check_expression(field: str, text: object, explain: Callable[[str], str]) -> Complaints:
    if not isinstance(text, str):
        return
    wrong = explain(text)
    if wrong:
        yield field, wrong
        return
    operators = count_operators(text)
    if explain is not explain_level and operators > MOST_OPERATORS:
        yield field, f"it has {operators} logical operators; {MOST_OPERATORS} is the most"
    longest = find_longest_list(text)
    if explain is explain_level and longest > MOST_ENTRIES:
        yield field, f"a list in it has {longest} entries; {MOST_ENTRIES} is the most"


def _check_claims(values: Values) -> Complaints:
    condition, mapping = find_known(values, "attributeCondition"), find_known(values, "attributeMapping")
    if isinstance(condition, str) and condition:
        wrong = explain_claims(condition, truth=True)
        if wrong:
            yield "attributeCondition", wrong
    for name, expression in mapping.items() if isinstance(mapping, Mapping) else ():
        wrong = explain_claims(expression, truth=False) if isinstance(expression, str) else ""
        if wrong:
            yield "attributeMapping", f"{name}: {wrong}"


def _check_level(values: Values) -> Complaints:
    yield from _check_expression("custom.expr.expression", find_known(values, "custom.expr.expression"), explain_level)
    if "custom" not in values and "basic" not in values:
        yield "custom", "an access level has conditions: basic or custom"
    if find_known(values, "title") == "":
        yield "title", "it is empty"


def _check_group(values: Values) -> Complaints:
    address, parent = find_known(values, "groupKey.id"), find_known(values, "parent")
    if isinstance(address, str):
        domain = address.rpartition("@")[2].lower()
        if not re.fullmatch(_ADDRESS, address):
            yield "groupKey.id", f"{address!r} is no address"
        elif domain in _CONSUMER_DOMAINS:
            yield "groupKey.id", f"{address!r}: a group is made in a domain of the organisation, not in {domain}"
    if isinstance(parent, str) and not re.fullmatch(r"customers/C[0-9a-z]+|identitysources/\S+", parent):
        yield "parent", f"{parent!r} is no customer: customers/C..."
    labels = find_known(values, "labels")
    if isinstance(labels, Mapping):
        if _DISCUSSION not in labels:
            yield "labels", f"a Google group has the label {_DISCUSSION}"
        for name, value in labels.items():
            if name not in _GROUP_LABELS or value != "":
                yield "labels", f"{name}: {value!r} is no label of a group, whose value is empty"


def _check_settings_name(values: Values) -> Complaints:
    name, age = find_known(values, "name"), find_known(values, "accessSettings.reauthSettings.maxAge")
    if isinstance(name, str) and not _IAP_NAME.fullmatch(name):
        yield "name", f"{name!r} is nothing that the proxy protects: projects/NUMBER/iap_web/compute/services/ID, ..."
    if age is not None and not re.fullmatch(r"[1-9]\d{0,9}s", str(age)):
        yield "accessSettings.reauthSettings.maxAge", f"{age!r} is no time in seconds, such as 3600s"


MEMBER_FORM = Rule(PRINCIPALS, _check_members)
ROLE_OF_A_KEY = _make_role_rule(("roles/cloudkms.",), "a key")
ROLE_OF_A_BUCKET = _make_role_rule(("roles/storage.",), "a bucket")
ROLE_OF_A_RUN_SERVICE = _make_role_rule(("roles/run.",), "a service or job of Cloud Run")
ROLE_OF_AN_ACCOUNT = _make_role_rule(("roles/iam.",), "a service account")
ROLE_OF_AN_ACCESS_POLICY = _make_role_rule(("roles/accesscontextmanager.",), "an access policy")
ROLE_OF_A_SECRET = _make_role_rule(("roles/secretmanager.",), "a secret")
ROLE_OF_THE_PROXY = _make_role_rule(("roles/iap.",), "what the proxy protects")
ROLE_OF_A_PROJECT = Rule(ROLES, _check_project_role)
BINDING_CONDITION = Rule(f"{CONDITIONS} and {LIMITS}", partial(_check_binding_condition, explain=explain_condition))
RESOURCE_CONDITION = Rule(
    f"{CONDITIONS} and {LIMITS}", partial(_check_binding_condition, explain=explain_resource_condition)
)
IDENTITY_CLAIMS = Rule("https://cloud.google.com/iam/docs/workload-identity-federation", _check_claims)
LEVEL = Rule(f"{LEVELS} and {LEVEL_LIMITS}", _check_level)
GROUP = Rule(GROUPS, _check_group)
PROXY_SETTINGS = Rule("https://cloud.google.com/iap/docs/reference/rest/v1/IapSettings", _check_settings_name)

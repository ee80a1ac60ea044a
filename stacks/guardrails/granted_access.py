"""Who is granted what: groups and service accounts, by narrow roles, on one resource (guideline 6.2(1), 6.1(7)).

Forms of members and of policies: Google, "IAM principal identifiers" and "Policy" (REST). Basic roles and the roles to
act as somebody else: "IAM basic and predefined roles reference", "Roles for service account authentication".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.inputs.bounded_json import JsonRefused, parse_json
from stacks.guardrails.deployer_roles import is_deployers_grant
from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations, get_value, list_leaves, say

EVERYBODY = ("allusers", "allauthenticatedusers", "principalset://goog/public:all")
PUBLIC_MAIL = ("gmail.com", "googlegroups.com", "googlemail.com")
"""Domains in which anybody can make a group."""
PROXY_ROLE = "roles/iap.httpsResourceAccessor"
INVOKER = "roles/run.invoker"
BASIC = frozenset(
    ["roles/owner", "roles/editor", "roles/viewer", "roles/admin", "roles/writer", "roles/reader", "roles/browser"]
)
"""Roles that hold for everything in a project."""
_ACTING_AS_OTHERS = frozenset(
    [
        "roles/iam.serviceAccountKeyAdmin",
        "roles/iam.serviceAccountOpenIdTokenCreator",
        "roles/iam.serviceAccountUser",
        "roles/iam.serviceAccountTokenCreator",
        "roles/iam.workloadIdentityUser",
    ]
)
_CHANGING_GRANTS = frozenset(
    [
        "roles/accesscontextmanager.policyAdmin",
        "roles/iam.organizationRoleAdmin",
        "roles/iam.roleAdmin",
        "roles/iam.securityAdmin",
        "roles/iam.serviceAccountAdmin",
        "roles/iap.admin",
        "roles/iap.settingsAdmin",
        "roles/iam.workloadIdentityPoolAdmin",
        "roles/iam.workforcePoolAdmin",
        "roles/orgpolicy.policyAdmin",
        "roles/resourcemanager.folderAdmin",
        "roles/resourcemanager.folderIamAdmin",
        "roles/run.admin",
        "roles/resourcemanager.organizationAdmin",
        "roles/resourcemanager.projectIamAdmin",
        "roles/resourcemanager.projectMover",
        "roles/storage.admin",
    ]
)
"""Roles by which somebody could give himself the rest, or open what is closed."""
_CHANGING_ALL = re.compile(r"roles/[\w.]*(admin|owner|editor|developer)", re.IGNORECASE)
"""Predefined roles whose names say that they change what they are given on: on a project, all of its kind."""
_ALL_DATA = frozenset(
    [
        "roles/bigquery.admin",
        "roles/bigquery.dataEditor",
        "roles/bigquery.dataOwner",
        "roles/bigquery.dataViewer",
        "roles/cloudkms.admin",
        "roles/cloudkms.cryptoKeyDecrypter",
        "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        "roles/cloudsql.admin",
        "roles/iap.tunnelResourceAccessor",
        "roles/logging.privateLogViewer",
        INVOKER,
        "roles/secretmanager.admin",
        "roles/secretmanager.secretAccessor",
        "roles/storage.objectAdmin",
        "roles/storage.objectUser",
        "roles/storage.objectViewer",
        PROXY_ROLE,
    ]
)
"""Roles that open data or applications: on one of them they are right, on a project they open all."""
COPIES_ROLE = "roles/cloudsql.admin"
_ONLY_COPIES = re.compile(
    r'resource\.type == "sqladmin\.googleapis\.com/Instance" && '
    r'resource\.name\.startsWith\("projects/(?P<project>[a-z][a-z0-9-]{4,28}[a-z0-9])/instances/'
    r'restore-test-[a-z0-9-]{1,40}-"\)'
)
"""The condition of a job that makes and deletes instances whose names begin so: nothing that lives has such a name."""
WIDE = ("folder.", "organizations.", "projects.")
"""Grants of these types hold for everything below."""
_OPENING = re.compile(
    r".*\.setIamPolicy|iap\..*\.accessViaIAP|iam\.serviceAccounts\.(actAs|getAccessToken|getOpenIdToken|"
    r"implicitDelegation|signBlob|signJwt)|iam\.serviceAccountKeys\.create|orgpolicy\.policy\.set|"
    r"iam\.roles\.(create|update)|.*\*.*"
)
"""Permissions by which the holder of a role of one's own could open the rest."""

_GOOGLE_ACCOUNTS = "//goog/"
"""Begins the names of persons, groups and customers in deny policies ("IAM principal identifiers")."""
_POLICY_KEYS = frozenset(["auditConfigs", "bindings", "etag", "version"])
_BINDING_KEYS = frozenset(["condition", "members", "role"])


@dataclass(frozen=True)
class GrantedRole:
    """A role, who has it, and under which condition; what is not known yet is left out."""

    role: str
    members: tuple[str, ...]
    condition: Any = None


def list_grants(resource: CheckedResource) -> Iterator[GrantedRole]:
    """Yield what a resource grants: by a member, by a binding, or by a whole policy in JSON.

    Raises:
        JsonRefused: its policy is none.
    """
    if not re.search(r"I[aA][mM](Member|Binding|Policy)$", resource.kind):
        return
    policy = resource.get_input("policyData")
    if isinstance(policy, str):
        yield from map(_build_grant, _read_bindings(policy))
    elif policy is None:
        yield _build_grant(resource.inputs)


def _read_bindings(policy: str) -> list[Mapping[str, Any]]:
    """The bindings of a policy. The provider takes their keys in any case, so only the proper spelling is read.

    Raises:
        JsonRefused: it has another form than Google's reference says.
    """
    read = parse_json(policy)
    bindings = read.get("bindings", []) if isinstance(read, Mapping) and _POLICY_KEYS.issuperset(read) else None
    if not isinstance(bindings, list) or not all(map(_is_binding, bindings)):
        message = "needs {bindings: [{role, members: [...]}]}, with no key beside those of a policy"
        raise JsonRefused(1, message)
    return bindings


def _is_binding(one: object) -> bool:
    return isinstance(one, Mapping) and _BINDING_KEYS.issuperset(one) and isinstance(one.get("role"), str)


def _build_grant(given: Mapping[str, Any]) -> GrantedRole:
    listed = given.get("members")
    members = [*(listed if isinstance(listed, list) else [listed]), given.get("member")]
    role, condition = given.get("role"), given.get("condition")
    return GrantedRole(
        role if isinstance(role, str) else "", tuple(one for one in members if isinstance(one, str)), condition
    )


def find_member_fault(member: str, directory: str) -> str:
    """Return the message that says why a member may be granted nothing; empty where it may.

    >>> find_member_fault("allUsers", ""), find_member_fault("group:teachers@city.example", "city.example")
    ('bound-to-all', '')
    """
    kind, _, rest = member.strip().partition(":")
    fault = ""
    match kind.lower():
        case _ if member.strip().lower() in EVERYBODY:
            fault = "bound-to-all"
        case "user":
            fault = "bound-to-person"
        case "domain" | "specialgroup" | "projectowner" | "projecteditor" | "projectviewer":
            fault = "bound-to-many"
        case "group":
            fault = "bound-to-foreign-group" if _is_foreign(rest.rpartition("@")[2], directory) else ""
        case "principal":
            fault = "bound-to-person" if "/workforcePools/" in rest or rest.startswith(_GOOGLE_ACCOUNTS) else ""
        case "principalset":
            many = rest.endswith("/*") or "cloudresourcemanager" in rest or rest.startswith(_GOOGLE_ACCOUNTS)
            fault = "bound-to-many" if many else ""
        case "serviceaccount":
            pass
        case _:
            fault = "bound-to-nobody"
    return fault


def _is_foreign(group_domain: str, directory: str) -> bool:
    domain, known = group_domain.lower(), directory.lower()
    return domain in PUBLIC_MAIL or bool(known and domain != known and not domain.endswith(f".{known}"))


def forbid_unnamed_members(resource: CheckedResource) -> Violations:
    """Find grants to everybody, to many at once, and to a single person, wherever they stand."""
    try:
        members = {member for grant in list_grants(resource) for member in grant.members}
    except JsonRefused as error:
        yield say("policy-unread", why=str(error))
        return
    for member in sorted(members):
        fault = find_member_fault(member, resource.directory)
        if fault:
            yield say(fault, member=member, person=member.partition(":")[2])
    for path, value in list_leaves(resource.inputs):
        last = path.rpartition(".")[2]
        word = value.strip().lower() if isinstance(value, str) else ""
        if word in EVERYBODY and last not in ("member", "members"):
            yield say("bound-to-all", member=f"{value} ({path})", person="")
        if last in ("iamMember", "identities") and isinstance(value, str) and word not in EVERYBODY:
            fault = find_member_fault(value, resource.directory)
            if fault:
                yield say(fault, member=value, person=value.partition(":")[2])
    yield from _check_dataset_access(resource)


def _check_dataset_access(resource: CheckedResource) -> Violations:
    """BigQuery has an older form of grants beside that of all other services."""
    given: Sequence[Any] = ()
    if resource.kind == "bigquery.Dataset":
        accesses = resource.get_input("accesses")
        given = accesses if isinstance(accesses, list) else ()
    elif resource.kind == "bigquery.DatasetAccess":
        given = [resource.inputs]
    for one in given:
        person, domain, group = (get_value(one, name) for name in ("userByEmail", "domain", "groupByEmail"))
        special = get_value(one, "specialGroup")
        if isinstance(person, str) and not person.endswith("gserviceaccount.com"):
            yield say("bound-to-person", member=person, person=person)
        if isinstance(domain, str):
            yield say("bound-to-many", member=f"domain:{domain}", person="")
        if isinstance(group, str) and _is_foreign(group.rpartition("@")[2], resource.directory):
            yield say("bound-to-foreign-group", member=group, person="")
        if isinstance(special, str) and special.lower() not in ("projectowners", *EVERYBODY):
            yield say("bound-to-many", member=special, person="")


def forbid_wide_roles(resource: CheckedResource) -> Violations:
    """Find roles that open more than one thing, and ways to act as somebody else."""
    if resource.kind.endswith("IAMCustomRole"):
        permissions = resource.get_input("permissions")
        for one in permissions if isinstance(permissions, list) else ():
            if isinstance(one, str) and _OPENING.fullmatch(one):
                yield say("permission-opens", permission=one)
    wide = resource.kind.startswith(WIDE)
    if wide and resource.kind.endswith("IAMPolicy"):
        yield say("policy-replaces-all")
    try:
        grants = [*list_grants(resource)]
    except JsonRefused:
        # Said by the rule on members.
        return
    for grant in grants:
        known = is_deployers_grant(resource.stack, grant.role, grant.members, grant.condition)
        if not known and not _holds_for_copies(resource, grant):
            yield from _check_role(grant, wide=wide)


def _check_role(grant: GrantedRole, *, wide: bool) -> Violations:
    role = grant.role
    if role in BASIC or re.fullmatch(r"roles/storage\.legacy(Bucket|Object)\w+", role):
        yield say("role-basic", role=role)
    elif wide and role in _ACTING_AS_OTHERS:
        yield say("role-acts-as-all", role=role)
    elif wide and role == PROXY_ROLE:
        yield say("role-opens-proxy", role=role)
    elif wide and (role in _CHANGING_GRANTS | _ALL_DATA or _CHANGING_ALL.fullmatch(role)):
        yield say("role-too-wide", role=role)
    if role == INVOKER and not wide:
        for member in grant.members:
            if not member.startswith("serviceAccount:"):
                yield say("invoked-past-proxy", member=member)


def _holds_for_copies(resource: CheckedResource, grant: GrantedRole) -> bool:
    """Whether a grant holds for a project's copies that are restored and deleted again, and for service accounts alone.

    A condition that is not known yet is looked at again when it is.
    """
    if grant.role != COPIES_ROLE or not resource.kind.startswith("projects."):
        return False
    if not all(member.startswith("serviceAccount:") for member in grant.members):
        return False
    expression, given = get_value(grant.condition, "expression"), resource.get_input("project")
    if expression is UNKNOWN:
        return True
    found = _ONLY_COPIES.fullmatch(expression) if isinstance(expression, str) else None
    project = given if isinstance(given, str) else resource.project
    return found is not None and project in ("", found["project"])


def forbid_keys_of_persons(resource: CheckedResource) -> Violations:
    """Find database users that are single persons."""
    if resource.kind == "sql.User" and resource.get_input("type") in ("CLOUD_IAM_USER", "CLOUD_IAM_WORKFORCE_IDENTITY"):
        name = resource.get_input("name")
        yield say("bound-to-person", member=f"{name}", person=name)


def forbid_unnamed_access(resource: CheckedResource) -> Violations:
    """Find what is granted to whom nobody has named, or more than is needed."""
    yield from forbid_unnamed_members(resource)
    yield from forbid_wide_roles(resource)
    yield from forbid_keys_of_persons(resource)


def is_known(value: object) -> bool:
    """Say if a value is there and known."""
    return value is not None and value is not UNKNOWN


NAMED = Guardrail("named-access", "6.2(1), 6.1(7)", forbid_unnamed_access)

"""Compares exported IAM policies with the grants that a stack has made: whom else the proxy would let in, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from controller.cloud.iam_drift.declared_grants import DeclaredGrants
from controller.cloud.iam_drift.exported_policies import ANCESTORS, ExportedPolicies
from controller.cloud.iam_drift.grants import (
    ACCESS_PERMISSION,
    ACCESSOR,
    EVERYBODY,
    HARMLESS_IAP_ROLES,
    Grant,
    IamResource,
    IamResourceKind,
)

_ROLES_OF_THE_PROXY = "roles/iap."
_GOOGLES_ROLES = "roles/"
"""Google's own roles begin so; those of a city with its project or organisation."""


class GrantFault(StrEnum):
    """What is wrong with a grant, the most dangerous first."""

    EVERYBODY = "everybody"
    UNCONDITIONAL = "unconditional"
    ABOVE = "above"
    OTHER = "other"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class IamDrift:
    """What differs, what could not be judged (with the command that exports it), and how many grants are as declared.

    `unknown_roles` are roles whose permissions nobody has exported; each may open the proxy. `unread` are files of the
    export that are of nothing in this stack.
    """

    faults: tuple[tuple[GrantFault, Grant], ...]
    not_judged: tuple[tuple[IamResource | None, str], ...]
    unknown_roles: tuple[str, ...]
    unread: tuple[str, ...]
    resources: int
    as_declared: int


def find_iam_drift(declared: DeclaredGrants, exported: ExportedPolicies | None) -> IamDrift:
    """Return what an export shows that the stack has not made, and what it has made and is gone.

    The stack grants at backend services alone. Whatever lets people through the proxy from higher up holds for every
    application at once, also under a condition: that is drift. So is a grant at a backend service that the stack does
    not know, if that was exported. Without an export nothing is judged.

    Raises:
        InputRefused: a file of the export cannot be read.
        CloudError: a file is not what Google's CLI exports.
    """
    ancestors = exported.read_ancestors(declared.project) if exported else None
    roles = exported.read_roles() if exported else {}
    seen: set[Grant] = set()
    judged: set[IamResource] = set()
    not_judged: list[tuple[IamResource | None, str]] = []
    if ancestors is None:
        command = f"gcloud projects get-ancestors {declared.project} --format=json > {ANCESTORS}"
        not_judged.append((None, command))
    resources = {*(ancestors or ()), *_list_own_resources(declared)}
    if exported:
        resources |= {IamResource(IamResourceKind.BACKEND, name) for name in exported.list_backends()}
    for resource in sorted(resources):
        grants = exported.read_grants(resource) if exported else None
        if grants is None:
            not_judged.append((resource, resource.write_export_command(declared.project)))
            continue
        judged.add(resource)
        seen |= grants
    opening = {name for name, permissions in roles.items() if ACCESS_PERMISSION in permissions} | {ACCESSOR}
    unknown = {one.role for one in seen if _is_unknown(one.role)} - set(roles)
    unread = exported.list_unread({one.file_name for one in resources}) if exported else ()
    wanted = {one for one in declared.grants if one.resource in judged}
    faults = sorted({*_find_added(seen - wanted, opening), *((GrantFault.MISSING, one) for one in wanted - seen)},
                    key=lambda fault: (list(GrantFault).index(fault[0]), fault[1]))  # fmt: skip
    roles_left, as_declared = tuple(sorted(unknown)), len(wanted & seen)
    return IamDrift(tuple(faults), tuple(not_judged), roles_left, unread, len(judged), as_declared)


def _is_unknown(role: str) -> bool:
    """Tell if a role may open the proxy for all that is known here: the city's own, and new ones of the proxy."""
    if role.startswith(_ROLES_OF_THE_PROXY):
        return role != ACCESSOR and role not in HARMLESS_IAP_ROLES
    return not role.startswith(_GOOGLES_ROLES)


def _list_own_resources(declared: DeclaredGrants) -> Iterator[IamResource]:
    for kind in (IamResourceKind.PROJECT, IamResourceKind.WEB, IamResourceKind.BACKENDS):
        yield IamResource(kind, declared.project)
    for backend in declared.backends:
        yield IamResource(IamResourceKind.BACKEND, backend)


def _find_added(added: Iterable[Grant], opening: set[str]) -> Iterator[tuple[GrantFault, Grant]]:
    for grant in added:
        if grant.member in EVERYBODY:
            yield GrantFault.EVERYBODY, grant
        elif grant.role in opening:
            if not grant.condition:
                yield GrantFault.UNCONDITIONAL, grant
            else:
                yield (GrantFault.OTHER if grant.resource.kind is IamResourceKind.BACKEND else GrantFault.ABOVE), grant

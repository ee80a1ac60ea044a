"""The grants at the proxy that a stack has made, from the engine's record of it (`pulumi stack export`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.cloud.iam_drift.grants import Grant, IamResource, IamResourceKind, fold_member
from controller.errors import CloudError

_BINDING = "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding"
_BACKEND = "gcp:compute/backendService:BackendService"
_PROVIDER = "pulumi:providers:gcp"


@dataclass(frozen=True, slots=True)
class DeclaredGrants:
    """A stack's project, its backend services by the names that Google knows, and its grants at the proxy."""

    project: str
    backends: tuple[str, ...]
    grants: frozenset[Grant]


def parse_declared_grants(stack: str, record: object) -> DeclaredGrants:
    """Return the grants that a stack has made.

    Args:
        stack: its name, for refusals.
        record: the document that `pulumi stack export` prints.

    Raises:
        CloudError: nothing is deployed, or the record is not of a form that is read here.
    """
    resources = _list_recorded(stack, record)
    projects = {str(found) for found in (one.get("project") for one in _find(resources, _PROVIDER)) if found}
    if len(projects) != 1:
        message = f"stack {stack!r} has {len(projects)} projects in its record, one is needed; deploy it first"
        raise CloudError(message)
    backends = tuple(sorted(_read_text(stack, one, "name") for one in _find(resources, _BACKEND)))
    grants = frozenset(grant for one in _find(resources, _BINDING) for grant in _list_grants(stack, one))
    return DeclaredGrants(projects.pop(), backends, grants)


def _list_recorded(stack: str, record: object) -> list[Mapping[str, Any]]:
    deployment = record.get("deployment") if isinstance(record, Mapping) else None
    resources = deployment.get("resources") if isinstance(deployment, Mapping) else None
    if not isinstance(resources, list) or not all(isinstance(one, Mapping) for one in resources):
        message = f"stack {stack!r} has no resources in its record; deploy it first: tsunagu cloud up --stack {stack}"
        raise CloudError(message)
    return resources


def _find(resources: list[Mapping[str, Any]], type_: str) -> Iterator[Mapping[str, Any]]:
    """Yield the outputs of all resources of a type, without what the engine is about to delete."""
    for one in resources:
        outputs = one.get("outputs")
        if one.get("type") == type_ and not one.get("delete"):
            yield outputs if isinstance(outputs, Mapping) else {}


def _read_text(stack: str, outputs: Mapping[str, Any], key: str) -> str:
    found = outputs.get(key)
    if not isinstance(found, str) or not found:
        message = f"the record of stack {stack!r} has a resource without its {key!r}; refresh it first"
        raise CloudError(message)
    return found


def _list_grants(stack: str, outputs: Mapping[str, Any]) -> Iterator[Grant]:
    backend = _read_text(stack, outputs, "webBackendService").rpartition("/")[2]
    condition = outputs.get("condition")
    expression = _read_text(stack, condition, "expression") if isinstance(condition, Mapping) else ""
    members = outputs.get("members")
    for member in members if isinstance(members, list) else []:
        resource = IamResource(IamResourceKind.BACKEND, backend)
        yield Grant(resource, _read_text(stack, outputs, "role"), fold_member(str(member)), expression)

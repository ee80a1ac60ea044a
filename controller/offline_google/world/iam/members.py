"""Who a binding may name: groups and service accounts that exist, and Google's own service agents."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.iam.service_agents import agent_exists
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.world_store import WorldStore

_DEFAULT = re.compile(r"^(?P<number>\d+)(-compute@developer|@cloudservices)\.gserviceaccount\.com$")
"""The accounts that every project has from its beginning."""
_ANYONE = frozenset({"allUsers", "allAuthenticatedUsers", "projectOwners", "projectReaders", "projectWriters"})
_ELSEWHERE = frozenset(
    {"user", "domain", "principal", "principalSet", "projectOwner", "projectEditor", "projectViewer"}
)
"""Kinds whose directory is not in this world: their form is all that is looked at."""
_LEVEL = re.compile(r"accessPolicies/[^/'\"\s]+/accessLevels/[A-Za-z0-9_]+")


def check_members(store: WorldStore, projects: frozenset[str], values: Mapping[str, Value]) -> None:
    """Every member of a binding exists, and every access level that its condition names.

    Raises:
        Refused: one does not.
    """
    for member in _members(values):
        kind, _, address = member.partition(":")
        if member in _ANYONE or (kind in _ELSEWHERE and address):
            continue
        if kind == "group":
            known = store.called(address.lower(), ["gcp:cloudidentity/group:Group"]) is not None
        elif kind == "serviceAccount":
            known = _account_exists(store, projects, address)
        else:
            message = f"Invalid member '{member}': a kind such as group: or serviceAccount: is missing"
            raise GoogleRefusal(400, message, "badRequest")
        if not known:
            what = "Group" if kind == "group" else "Service account"
            message = f"{what} {address} does not exist."
            raise GoogleRefusal(400, message, "badRequest")
    expression = (values.get("condition") or {}).get("expression") or ""
    for level in _LEVEL.findall(expression):
        if store.called(level, ["gcp:accesscontextmanager/accessLevel:AccessLevel"]) is None:
            message = f"The condition names the access level {level}, which does not exist"
            raise GoogleRefusal(400, message, "badRequest")


def _members(values: Mapping[str, Value]) -> Iterator[str]:
    single = values.get("member")
    if isinstance(single, str):
        yield single
    several = values.get("members")
    if isinstance(several, list):
        yield from (member for member in several if isinstance(member, str))


def _account_exists(store: WorldStore, projects: frozenset[str], email: str) -> bool:
    if store.called(email, ["gcp:serviceaccount/account:Account"]) is not None:
        return True
    found = _DEFAULT.match(email)
    if found is not None:
        return found["number"] in {find_project_number(project) for project in projects}
    return agent_exists(store, email)

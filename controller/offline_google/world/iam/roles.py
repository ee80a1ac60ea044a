"""The roles that a binding may give: Google's predefined ones in `roles.txt`, and custom ones that exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal

CUSTOM_ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"
_CUSTOM = re.compile(r"^(projects|organizations)/[^/]+/roles/[A-Za-z0-9_.]{3,64}$")
_PERMISSION = re.compile(r"^[a-z0-9]+(\.[a-zA-Z0-9]+){2,3}$")


@cache
def list_predefined_roles() -> frozenset[str]:
    """Every predefined role that is known here."""
    text = resources.files(__package__).joinpath("roles.txt").read_text(encoding="utf-8")
    return frozenset(line.strip() for line in text.splitlines() if line.startswith("roles/"))


def check_role(role: Value, exists: Callable[[str], bool]) -> None:
    """A role is a predefined one, or a custom one that exists.

    Raises:
        Refused: neither.
    """
    if not isinstance(role, str) or role in list_predefined_roles():
        return
    if _CUSTOM.match(role) and exists(role):
        return
    message = f"Role {role} is not supported for this resource, or does not exist"
    raise GoogleRefusal(400, message, "badRequest")


def check_permissions(inputs: Mapping[str, Value]) -> None:
    """The permissions of a custom role are of services that the predefined roles know.

    Raises:
        Refused: a permission's service is unknown, or it is not of the form service.resource.verb.
    """
    services = {role.removeprefix("roles/").partition(".")[0] for role in list_predefined_roles()}
    for permission in inputs.get("permissions") or ():
        if isinstance(permission, str) and not (
            _PERMISSION.match(permission) and permission.partition(".")[0] in services
        ):
            message = f"Permission {permission} is not valid"
            raise GoogleRefusal(400, message, "badRequest")

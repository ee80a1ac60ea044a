"""What Cloud SQL refuses of a user's roles in the database, and which of them are not known here.

Sources: the provider's document of `google_sql_user` (`database_roles`: predefined ones, or custom ones that exist in
the database before; MySQL 8 and PostgreSQL), "About PostgreSQL users and roles" (`cloudsqlsuperuser`). What a database
holds is not known here, so neither are roles made inside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.schema.instance_roles import INSTANCE
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, make_invalid
from controller.offline_google.world.world_store import WorldStore

USER = "gcp:sql/user:User"
_PREDEFINED = frozenset({"cloudsqlsuperuser"})


def check_user(store: WorldStore, _identity: str, values: Mapping[str, Value]) -> None:
    """Refuse roles that no instance of this kind has.

    Raises:
        GoogleRefusal: a role is not predefined, or the instance is of SQL Server.
    """
    roles = values.get("databaseRoles")
    if not isinstance(roles, list) or not roles:
        return
    unknown = [str(role) for role in roles if role not in _PREDEFINED]
    if unknown:
        message = f"the offline Google does not model the database role {unknown[0]!r} of sql.User"
        raise GoogleRefusal(501, message, "notImplemented")
    instance = store.called(f"{values.get('project')}|{values.get('instance')}", [INSTANCE])
    version = "" if instance is None else str(instance.outputs.get("databaseVersion"))
    if version.startswith("SQLSERVER"):
        field = "databaseRoles"
        raise make_invalid(field, f"{version} has no such roles")

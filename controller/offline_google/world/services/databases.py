"""What Cloud SQL refuses of a user or a database because of the instance that it belongs to.

Sources: "IAM authentication" of Cloud SQL (the flag that IAM users need), "Create and manage databases" (names that
every instance has).
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.schema.instance_roles import INSTANCE
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]
_FLAG = "cloudsql.iam_authentication"
_SYSTEM_DATABASES = frozenset({"postgres", "template0", "template1", "cloudsqladmin"})


def check_user_of_iam(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse an IAM user of an instance that does not let IAM users in.

    Raises:
        GoogleRefusal: the flag is off.
    """
    del identity
    if not str(values.get("type") or "").startswith("CLOUD_IAM_"):
        return
    name = values.get("instance")
    found = next((one for one in store.all(INSTANCE) if one.name == name), None)
    flags = ((found.outputs.get("settings") if found else None) or {}).get("databaseFlags") or ()
    if found is not None and not any(flag.get("name") == _FLAG and flag.get("value") == "on" for flag in flags):
        message = f"The instance '{name}' takes no IAM users: its flag {_FLAG} is not on"
        raise GoogleRefusal(400, message, "invalid")


def check_database_name(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a database whose name every instance has already.

    Raises:
        GoogleRefusal: it is one of those.
    """
    del store, identity
    if values.get("name") in _SYSTEM_DATABASES:
        message = f"The database '{values.get('name')}' is the instance's own"
        raise GoogleRefusal(400, message, "invalid")

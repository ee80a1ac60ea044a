"""What Access Context Manager and IAM refuse because of what is there: levels that are asked, titles, how many.

Sources: the reference of `accessLevels` (a title is unique within its policy), "Quotas" of Access Context Manager
(500 levels of an organisation), "Quotas and limits" of IAM (20 bindings of one role and member that differ in their
condition).
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.models.rules.conditions import list_other_levels
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, refuse_value
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]
LEVEL = "gcp:accesscontextmanager/accessLevel:AccessLevel"
BINDING = "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding"
MOST_LEVELS = 500
MOST_BINDINGS = 20


def check_level_neighbours(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a level that asks one that is not there, has the title of another, or is one too many.

    Raises:
        GoogleRefusal: one of them.
    """
    policy = values.get("parent")
    others = [one for one in store.all(LEVEL) if one.id != identity and one.outputs.get("parent") == policy]
    if len(others) >= MOST_LEVELS:
        raise GoogleRefusal(429, f"{policy} has {MOST_LEVELS} access levels, which is the most", "quotaExceeded")
    for other in others:
        if other.outputs.get("title") == values.get("title"):
            refuse_value("title", f"'{values.get('title')}'. The access level {other.id} has it already")
    names = {one.id.rpartition("/")[2] for one in others}
    expression = ((values.get("custom") or {}).get("expr") or {}).get("expression") or ""
    for asked in list_other_levels(str(expression)):
        if asked not in names:
            refuse_value("custom.expr", f"it asks the access level '{asked}', which does not exist in {policy}")


def check_binding_count(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse more bindings of one role and member that differ in their condition than IAM keeps.

    Raises:
        GoogleRefusal: it is one too many.
    """
    mine = set(values.get("members") or ())
    same = [
        one
        for one in store.all(BINDING)
        if one.id != identity
        and one.outputs.get("role") == values.get("role")
        and one.outputs.get("webBackendService") == values.get("webBackendService")
    ]
    for member in sorted(mine):
        if sum(member in (one.outputs.get("members") or ()) for one in same) >= MOST_BINDINGS:
            message = f"{member} has {MOST_BINDINGS} conditional bindings of {values.get('role')}, which is the most"
            raise GoogleRefusal(400, message, "invalid")

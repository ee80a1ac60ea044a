"""What a change of a Cloud SQL instance asks of its role: the provider's own questions, before it calls Google.

Read in its source, `services/sql/resource_sql_database_instance.go` (functions `isReplicaPromoteRequested`,
`isSwitchoverRequested`, `isSwitchoverFromOldPrimarySide`, `validatePromoteConfigurations`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from controller.offline_google.schema.pulumi_values import Value

Values = Mapping[str, Value]
INSTANCE: Final = "gcp:sql/databaseInstance:DatabaseInstance"
PRIMARY: Final = "CLOUD_SQL_INSTANCE"
REPLICA: Final = "READ_REPLICA_INSTANCE"
CASCADABLE: Final = "cascadableReplica"
_NOT_MODELLED: Final = ("backupdrBackup", "clone", "nodeCount", "pointInTimeRestoreContext", "restoreBackupContext")
"""What an instance is filled from, and the size of a read pool: here it would come up empty, or as one machine."""


def find_role(values: Values) -> str:
    """Return the kind of an instance; where nothing is said, one with a master is a replica.

    >>> find_role({"masterInstanceName": "affairs"})
    'READ_REPLICA_INSTANCE'
    """
    return str(values.get("instanceType") or (REPLICA if values.get("masterInstanceName") else PRIMARY))


def explain_unmodelled(values: Values) -> str:
    """Return what of an instance the offline Google does not model; empty where it models all that is asked.

    >>> explain_unmodelled({"clone": {"sourceInstanceName": "affairs"}})
    'the offline Google does not model clone of an instance'
    """
    asked = [name for name in _NOT_MODELLED if values.get(name)]
    kind, configuration = values.get("instanceType"), values.get("replicaConfiguration")
    if isinstance(kind, str) and kind not in {"", PRIMARY, REPLICA}:
        asked.append(f"instanceType {kind}")
    if isinstance(configuration, Mapping):
        # Who follows a server outside Google, and MySQL's old failover replica.
        asked += [
            f"replicaConfiguration.{name}" for name, value in configuration.items() if value and name != CASCADABLE
        ]
    return f"the offline Google does not model {', '.join(asked)} of an instance" if asked else ""


def asks_promotion(old: Values, new: Values) -> bool:
    """Whether a replica is to be written to from now on: a promotion, or a switchover."""
    return find_role(old) == REPLICA and new.get("instanceType") == PRIMARY


def asks_switchover(old: Values, new: Values) -> bool:
    """Whether the promotion is a switchover: the old master is named among the new primary's replicas."""
    return asks_promotion(old, new) and old.get("masterInstanceName") in (new.get("replicaNames") or ())


def follows_switchover(old: Values, new: Values) -> bool:
    """Whether the old primary of a switchover now says that it is a replica; its changed master replaces nothing then.

    The provider wants a `replicaConfiguration` beside it, of SQL Server with `cascadableReplica`.
    """
    configuration, master = new.get("replicaConfiguration"), new.get("masterInstanceName")
    if not isinstance(configuration, Mapping) or not configuration:
        return False
    becomes_replica = find_role(old) == PRIMARY and new.get("instanceType") == REPLICA
    was_its_replica = master in (old.get("replicaNames") or ()) and master not in (new.get("replicaNames") or ())
    is_sql_server = str(new.get("databaseVersion") or old.get("databaseVersion")).startswith("SQLSERVER")
    return becomes_replica and was_its_replica and (not is_sql_server or configuration.get(CASCADABLE) is True)


def explain_promotion(old: Values, new: Values) -> str:
    """Why the provider refuses this promotion in its plan; empty where it does not."""
    if not asks_promotion(old, new):
        return ""
    left = [name for name in ("masterInstanceName", "replicaConfiguration") if new.get(name)]
    if not left:
        return ""
    return f"Replica promote configuration check failed. Please remove {' and '.join(left)} and try again"

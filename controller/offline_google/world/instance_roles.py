"""What Google refuses of Cloud SQL instances that follow one another, and what an operation on one does to the other.

Sources, by page or issue:
(guide) the provider's guide "Performing a SQL Instance Switchover", part PostgreSQL;
(provider) the provider's page `google_sql_database_instance`, fields `master_instance_name`, `replication_cluster`;
(disaster) Google's page "Use advanced disaster recovery (DR)" of Cloud SQL for PostgreSQL;
(promote) the API's page `instances.promoteReplica`;
(stale) terraform-provider-google#15762 and #25246: an update from a state that an operation elsewhere made old: 412;
(recovery) Google's page "Configure point-in-time recovery (PITR)": automated backups are switched on before it;
(replica) magic-modules#6836: a replica has no backups of its own;
(master) k8s-config-connector#12759: no update changes the instance that is followed, and the provider replaces instead.

Not modelled, so refused: a replica of a replica, a replica that is designated in any other way than by its primary,
another `databaseVersion` of one of a pair, and what `schema.instance_roles.explain_unmodelled` names.
Not modelled at all: how long an operation takes, what of the data is lost, flags of the instance, quota.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from controller.offline_google.schema.input_checks import DEFAULTS
from controller.offline_google.schema.instance_roles import (
    CASCADABLE,
    INSTANCE,
    REPLICA,
    asks_promotion,
    asks_switchover,
    find_role,
)
from controller.offline_google.schema.plan_rules import find_value
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.world_store import ResourceLink, StoredResource, WorldStore

Values = Mapping[str, Value]
_MASTER = "masterInstanceName"
_CLUSTER = "replicationCluster"
_DESIGNATED = "failoverDrReplicaName"
_BACKUPS = ("enabled", "pointInTimeRecoveryEnabled")
_RECOVERY = "settings.backupConfiguration.pointInTimeRecoveryEnabled"


def check_instance(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse an instance that cannot be as it is wanted beside the others.

    Raises:
        GoogleRefusal: its role, its master, or the replica that it designates does not fit.
    """
    wrong = [*_explain_replica(store, values)] if find_role(values) == REPLICA else [*_explain_primary(store, values)]
    instance = store.get(INSTANCE, identity)
    followers = () if instance is None else instance.outputs.get("replicaNames") or ()
    strangers = [name for name in values.get("replicaNames") or () if name not in followers]
    if strangers:
        wrong.append(
            f"names {' and '.join(map(repr, strangers))} in replicaNames, which does not follow it: Google says who "
            "follows, and a switchover names its old primary only (guide)"
        )
    configuration = values.get("replicaConfiguration") or {}
    if configuration.get(CASCADABLE) and not str(values.get("databaseVersion")).startswith("SQLSERVER"):
        wrong.append("replicaConfiguration.cascadableReplica is for SQL Server only")
    if wrong:
        raise _refuse(identity, "; ".join(wrong))


def change_roles(store: WorldStore, found: StoredResource, values: Values, known: Values | None) -> dict[str, Value]:
    """Do to both instances what an update asks of one's role; return the update's values after it.

    `known` is what the engine takes the instance to be. Inside a transaction.

    Raises:
        GoogleRefusal: it is another one by now, or what is asked needs what is not there.
    """
    old = found.outputs
    if known is not None and find_role(known) != find_role(old):
        message = (
            f"Condition does not match: '{found.id}' is a {find_role(old)} by now, and this update was made from a "
            "state in which it was not; refresh the state first"
        )
        raise GoogleRefusal(412, message, "staleData")
    in_a_pair = old.get(_MASTER) or old.get("replicaNames") or asks_promotion(old, values)
    if in_a_pair and values.get("databaseVersion") != old.get("databaseVersion"):
        message = f"the offline Google does not model another databaseVersion of '{found.id}', which is one of a pair"
        raise GoogleRefusal(501, message, "notImplemented")
    if asks_switchover(old, values):
        return _switch_over(store, found, values)
    if asks_promotion(old, values):
        return _promote(store, found, values)
    if find_role(values) != find_role(old):
        raise _refuse(found.id, "a primary becomes a replica by a switchover to one of its replicas only (guide)")
    if (values.get(_MASTER) or "") != (old.get(_MASTER) or ""):
        raise _refuse(
            found.id, "masterInstanceName cannot be changed: a replica follows the instance it was made from (master)"
        )
    return {**values}


def find_switched_primary(store: WorldStore, token: str, identity: str, wanted: Values) -> StoredResource | None:
    """Return the instance that a switchover needs alive beside the one it is asked of; None for any other update."""
    found = store.get(token, identity) if token == INSTANCE else None
    return _find_master(store, found.outputs) if found and asks_switchover(found.outputs, wanted) else None


def report_cluster(store: WorldStore, identity: str, values: Values) -> dict[str, Value]:
    """Return what Google says of an instance's followers, and tell its master of it. Inside a transaction."""
    instance = store.get(INSTANCE, identity)
    name, project = str(values.get("name")), str(values.get("project"))
    master = _find_master(store, values)
    if master is not None:
        followers = [*dict.fromkeys([*(master.outputs.get("replicaNames") or ()), name])]
        change_by_google(store, master, {"replicaNames": followers})
    followers = [] if instance is None else [*(instance.outputs.get("replicaNames") or ())]
    designated = str((values.get(_CLUSTER) or {}).get(_DESIGNATED) or "")
    for follower in _find_followers(store, project, followers):
        is_designated = designated.partition(":")[2] == follower.name
        change_by_google(store, follower, {_CLUSTER: {"drReplica": is_designated, _DESIGNATED: ""}})
    if find_role(values) == REPLICA:
        is_designated = master is not None and _designates(master.outputs, project, name)
        return {"replicaNames": [], _CLUSTER: {"drReplica": is_designated, _DESIGNATED: ""}}
    return {"replicaNames": followers, _CLUSTER: {"drReplica": False, _DESIGNATED: designated}}


def forget_instance(store: WorldStore, values: Values) -> None:
    """A replica goes: its master has one fewer. Inside a transaction."""
    master = _find_master(store, values)
    if master is not None:
        _lose_follower(store, master, str(values.get("name")))


def _explain_replica(store: WorldStore, values: Values) -> Iterator[str]:
    """A replica's backups are its primary's, and it is maintained before that one, at no time of its own (replica)."""
    settings = values.get("settings") or {}
    backups = settings.get("backupConfiguration") or {}
    given = [f"settings.backupConfiguration.{name}" for name in _BACKUPS if backups.get(name) is True]
    given += ["settings.maintenanceWindow"] if settings.get("maintenanceWindow") else []
    if given:
        yield f"is a read replica, which takes no {' and no '.join(given)}"
    if (values.get(_CLUSTER) or {}).get(_DESIGNATED):
        yield "is a read replica, and designates none itself: only a primary has failoverDrReplicaName (provider)"
    if not values.get(_MASTER):
        yield "is a read replica, and names no masterInstanceName"
    master = _find_master(store, values)
    if master is None:
        return  # a link to what is not there is refused as one
    if find_role(master.outputs) == REPLICA:
        yield f"its master '{master.name}' is a replica itself; the offline Google does not know cascading replicas"
    elif find_value(master.outputs, "settings.backupConfiguration.enabled") is not True:
        yield f"its master '{master.name}' has no backups, and a replica is made from one (provider)"
    if master.outputs.get("databaseVersion") != values.get("databaseVersion"):
        yield f"its master '{master.name}' has another databaseVersion (guide)"
    named = _designates(master.outputs, str(values.get("project")), str(values.get("name")))
    if named and settings.get("edition") != "ENTERPRISE_PLUS":
        yield f"is the designated replica of '{master.name}', and not of edition ENTERPRISE_PLUS (disaster)"


def _explain_primary(store: WorldStore, values: Values) -> Iterator[str]:
    if values.get(_MASTER):
        yield "has a masterInstanceName, and is no READ_REPLICA_INSTANCE"
    if find_value(values, _RECOVERY) is True and find_value(values, "settings.backupConfiguration.enabled") is not True:
        yield "point-in-time recovery is on and backups are off: it needs them (recovery)"
    designated = str((values.get(_CLUSTER) or {}).get(_DESIGNATED) or "")
    if not designated:
        return
    name, project = str(values.get("name")), str(values.get("project"))
    replica = store.called(designated.replace(":", "|") if ":" in designated else f"{project}|{designated}", [INSTANCE])
    if replica is None:
        yield f"the replica '{designated}' does not exist; it is designated after both have been made (provider)"
        return
    if replica.outputs.get(_MASTER) != name:
        yield f"'{designated}' is no replica of it, and only a direct one can be designated (disaster)"
    if replica.outputs.get("region") == values.get("region"):
        yield f"'{designated}' stands in the same region; a designated replica stands in another one (disaster)"
    for whose, one in (("it", values), (f"'{designated}'", replica.outputs)):
        if find_value(one, "settings.edition") != "ENTERPRISE_PLUS":
            yield f"{whose} is not of edition ENTERPRISE_PLUS (disaster)"
    if find_value(values, _RECOVERY) is not True:
        yield "point-in-time recovery is off, and a designated replica needs it on at the primary (disaster)"


def _switch_over(store: WorldStore, found: StoredResource, values: Values) -> dict[str, Value]:
    """The two change places; Google takes the old primary's backups and recovery away by itself (guide, step 4)."""
    master = _find_master(store, found.outputs)
    project = str(found.outputs.get("project"))
    if master is None or not _designates(master.outputs, project, found.name):
        raise _refuse(
            found.id,
            "it is not the designated replica of its primary: replicationCluster.failoverDrReplicaName of the primary "
            "names it first (guide, step 2)",
        )
    if (values.get(_CLUSTER) or {}).get(_DESIGNATED) and not _designates(values, project, master.name):
        raise _refuse(
            found.id, f"designates another one than its old primary: write '{project}:{master.name}' (guide, step 3)"
        )
    others = [one for one in master.outputs.get("replicaNames") or () if one != found.name]
    settings = {**master.outputs.get("settings", {})}
    settings.pop("maintenanceWindow", None)
    settings["backupConfiguration"] = {**settings.get("backupConfiguration", {}), **dict.fromkeys(_BACKUPS, False)}
    demoted = {
        "instanceType": REPLICA,
        _MASTER: found.name,
        "replicaNames": [],
        _CLUSTER: {"drReplica": True, _DESIGNATED: ""},
        "settings": settings,
    }
    change_by_google(store, master, demoted)
    store.drop_link(found.token, found.id, _MASTER)
    store.add_link(master.token, master.id, ResourceLink(_MASTER, found.token, found.id, "holds"))
    for follower in _find_followers(store, project, others):
        change_by_google(store, follower, {_MASTER: found.name})
        store.drop_link(follower.token, follower.id, _MASTER)
        store.add_link(follower.token, follower.id, ResourceLink(_MASTER, found.token, found.id, "holds"))
    change_by_google(store, found, {"replicaNames": [master.name, *others]})
    cluster = {**(values.get(_CLUSTER) or {}), _DESIGNATED: f"{project}:{master.name}"}
    return {**_without_master(values), _CLUSTER: cluster}


def _promote(store: WorldStore, found: StoredResource, values: Values) -> dict[str, Value]:
    """The replica stands alone; its old primary stays a primary, which nobody tells (promote, without `failover`)."""
    master = _find_master(store, found.outputs)
    if master is not None:
        _lose_follower(store, master, found.name)
    store.drop_link(found.token, found.id, _MASTER)
    return _without_master(values)


def _without_master(values: Values) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name != _MASTER}


def _lose_follower(store: WorldStore, master: StoredResource, name: str) -> None:
    project = str(master.outputs.get("project"))
    changes: dict[str, Value] = {
        "replicaNames": [one for one in master.outputs.get("replicaNames") or () if one != name]
    }
    if _designates(master.outputs, project, name):
        changes[_CLUSTER] = {"drReplica": False, _DESIGNATED: ""}
    change_by_google(store, master, changes)


def _designates(values: Values, project: str, name: str) -> bool:
    return (values.get(_CLUSTER) or {}).get(_DESIGNATED) in {name, f"{project}:{name}"} and bool(name)


def _find_master(store: WorldStore, values: Values) -> StoredResource | None:
    master = values.get(_MASTER)
    return store.called(f"{values.get('project')}|{master}", [INSTANCE]) if master else None


def _find_followers(store: WorldStore, project: str, names: list[str]) -> Iterator[StoredResource]:
    for name in names:
        follower = store.called(f"{project}|{name}", [INSTANCE])
        if follower is not None:
            yield follower


def change_by_google(store: WorldStore, resource: StoredResource, changes: Values) -> None:
    """What Google changes by itself. A later read shows it, and of a program's inputs those that it had given."""
    now = store.get(resource.token, resource.id) or resource
    inputs = {name: changes.get(name, value) for name, value in now.inputs.items()}
    if "settings" in changes and isinstance(now.inputs.get("settings"), Mapping):
        given = now.inputs["settings"]
        inputs["settings"] = {name: changes["settings"][name] for name in given if name in changes["settings"]}
        if DEFAULTS in given:
            # What the provider filled in stays marked so: a program that ignores changes has not said it either.
            inputs["settings"][DEFAULTS] = given[DEFAULTS]
    if isinstance(inputs.get(_CLUSTER), Mapping):
        inputs[_CLUSTER] = {_DESIGNATED: inputs[_CLUSTER].get(_DESIGNATED) or ""}
    store.overwrite(replace(now, inputs=inputs, outputs={**now.outputs, **changes}))


def _refuse(identity: str, reason: str) -> GoogleRefusal:
    return GoogleRefusal(400, f"Invalid request: '{identity}' {reason}", "invalid")

"""Instances that follow one another in the offline Google: what it refuses, and what one operation does to both."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.provider.operations import create_resource, diff_resource
from controller.offline_google.provider.provider import OfflineProvider
from controller.offline_google.schema.pulumi_values import UNKNOWN, write_properties
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.injected_faults import FaultRule, format_rules
from controller.offline_google.world.world_store import StoredResource
from tests.offline_google.worlds import DATABASE, OSAKA, PROJECT, TOKYO, database

PLUS = {"tier": "db-perf-optimized-N-2", "edition": "ENTERPRISE_PLUS"}
ON = {"enabled": True, "pointInTimeRecoveryEnabled": True}
OFF = {"enabled": False, "pointInTimeRecoveryEnabled": False}
PRIMARY = {"instanceType": "CLOUD_SQL_INSTANCE", "settings": {**PLUS, "backupConfiguration": ON}}
REPLICA = {"instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": "tokyo", "settings": PLUS}
NAMES_OSAKA = {"replicationCluster": {"failoverDrReplicaName": f"{PROJECT}:osaka"}}
NAMES_TOKYO = {"replicationCluster": {"failoverDrReplicaName": f"{PROJECT}:tokyo"}}
SWITCHOVER = {**PRIMARY, **NAMES_TOKYO, "replicaNames": ["tokyo"]}


def instance(name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    return database(name=name, region=TOKYO if name.startswith("tokyo") else OSAKA, **more)


def identify(name: str) -> str:
    return f"projects/{PROJECT}/instances/{name}"


def find(google: OfflineGoogle, name: str) -> dict[str, Any]:
    found = google.read(DATABASE, identify(name))
    assert found is not None
    return dict(found.outputs)


def change(google: OfflineGoogle, name: str, **more: Any) -> StoredResource:  # noqa: ANN401 JSON
    """An update by an engine whose state is fresh."""
    return google.update(DATABASE, identify(name), instance(name, **more), find(google, name))


@pytest.fixture
def pair(google: OfflineGoogle) -> OfflineGoogle:
    """Tokyo is written to, Osaka follows."""
    google.create(DATABASE, instance("tokyo", **PRIMARY))
    google.create(DATABASE, instance("osaka", **REPLICA))
    return google


@pytest.fixture
def designated(pair: OfflineGoogle) -> OfflineGoogle:
    change(pair, "tokyo", **PRIMARY, **NAMES_OSAKA)
    return pair


def test_a_primary_tells_who_follows_it(designated: OfflineGoogle) -> None:
    assert find(designated, "tokyo")["replicaNames"] == ["osaka"]
    assert find(designated, "osaka")["replicationCluster"]["drReplica"] is True


def test_a_switchover_turns_both_round_and_takes_the_old_ones_backups(designated: OfflineGoogle) -> None:
    change(designated, "osaka", **SWITCHOVER)
    osaka, tokyo = find(designated, "osaka"), find(designated, "tokyo")
    assert (osaka["instanceType"], osaka["replicaNames"]) == ("CLOUD_SQL_INSTANCE", ["tokyo"])
    assert "masterInstanceName" not in osaka
    assert (tokyo["instanceType"], tokyo["masterInstanceName"]) == ("READ_REPLICA_INSTANCE", "osaka")
    assert tokyo["settings"]["backupConfiguration"] == OFF
    assert (tokyo["replicaNames"], tokyo["replicationCluster"]["drReplica"]) == ([], True)
    # The new primary cannot go while the old one follows it, and there is a way back.
    with pytest.raises(GoogleRefusal, match="already being used by"):
        designated.delete(DATABASE, identify("osaka"))
    change(designated, "tokyo", **{**PRIMARY, **NAMES_OSAKA, "replicaNames": ["osaka"]})
    assert find(designated, "osaka")["masterInstanceName"] == "tokyo"


def test_a_promotion_leaves_two_primaries(designated: OfflineGoogle) -> None:
    change(designated, "osaka", **PRIMARY)
    osaka, tokyo = find(designated, "osaka"), find(designated, "tokyo")
    assert osaka["instanceType"] == tokyo["instanceType"] == "CLOUD_SQL_INSTANCE"
    assert osaka["replicaNames"] == tokyo["replicaNames"] == []
    assert tokyo["replicationCluster"]["failoverDrReplicaName"] == ""
    assert tokyo["settings"]["backupConfiguration"] == ON
    with pytest.raises(GoogleRefusal, match="a primary becomes a replica by a switchover"):
        change(designated, "tokyo", **{**REPLICA, "masterInstanceName": "osaka"})
    assert designated.create(DATABASE, instance("tokyo-2", **{**REPLICA, "masterInstanceName": "osaka"})).id


CREATIONS: list[tuple[dict[str, Any], str]] = [
    ({**REPLICA, "settings": {**PLUS, "backupConfiguration": ON}}, "takes no settings.backupConfiguration.enabled and"),
    ({**REPLICA, "settings": {**PLUS, "maintenanceWindow": {"day": 6}}}, "takes no settings.maintenanceWindow"),
    ({**REPLICA, **NAMES_TOKYO}, "is a read replica, and designates none itself"),
    ({**REPLICA, "replicaConfiguration": {"cascadableReplica": True}}, "cascadableReplica is for SQL Server only"),
    ({**REPLICA, "databaseVersion": "POSTGRES_16"}, "'tokyo' has another databaseVersion"),
    ({**REPLICA, "masterInstanceName": "osaka"}, "'osaka' is a replica itself"),
    ({**REPLICA, "masterInstanceName": "tokyo-bare"}, "'tokyo-bare' has no backups"),
    ({**REPLICA, "masterInstanceName": "nobody"}, "'nobody' was not found"),
    ({"instanceType": "READ_REPLICA_INSTANCE", "settings": PLUS}, "names no masterInstanceName"),
    ({**PRIMARY, "masterInstanceName": "tokyo"}, "has a masterInstanceName, and is no READ_REPLICA_INSTANCE"),
    ({**PRIMARY, "replicationCluster": {"failoverDrReplicaName": "later"}}, "the replica 'later' does not exist"),
    ({**PRIMARY, **NAMES_OSAKA}, "'school-lab:osaka' is no replica of it"),
    ({**PRIMARY, "replicaNames": ["nobody"]}, "names 'nobody' in replicaNames, which does not follow it"),
    ({**PRIMARY, "replicaNames": ["osaka"]}, "names 'osaka' in replicaNames, which does not follow it"),
    ({**REPLICA, "replicaNames": ["tokyo"]}, "names 'tokyo' in replicaNames"),
    (
        {**PRIMARY, "settings": {**PLUS, "backupConfiguration": {**OFF, "pointInTimeRecoveryEnabled": True}}},
        "point-in-time recovery is on and backups are off",
    ),
    ({**PRIMARY, "instanceType": "ON_PREMISES_INSTANCE"}, "does not model instanceType ON_PREMISES_INSTANCE"),
    ({**REPLICA, "instanceType": "READ_POOL_INSTANCE"}, "does not model instanceType READ_POOL_INSTANCE"),
    ({**PRIMARY, "nodeCount": 3}, "Error 501: the offline Google does not model nodeCount of"),
    ({**PRIMARY, "clone": {"sourceInstanceName": "tokyo"}}, "does not model clone of"),
    ({**PRIMARY, "restoreBackupContext": {"backupRunId": 1}}, "does not model restoreBackupContext of"),
    ({**PRIMARY, "pointInTimeRestoreContext": {"datasource": "x"}}, "does not model pointInTimeRestoreContext of"),
    ({**REPLICA, "replicaConfiguration": {"username": "x"}}, r"does not model replicaConfiguration\.username of"),
    ({**REPLICA, "replicaConfiguration": {"failoverTarget": True}}, r"replicaConfiguration\.failoverTarget of"),
]


@pytest.mark.parametrize(("wanted", "reason"), CREATIONS)
def test_an_instance_that_cannot_be_is_not_made(pair: OfflineGoogle, wanted: dict[str, Any], reason: str) -> None:
    pair.create(DATABASE, instance("tokyo-bare"))
    with pytest.raises(GoogleRefusal, match=reason):
        pair.create(DATABASE, instance("third", **wanted))
    assert find(pair, "tokyo")["replicaNames"] == ["osaka"]


def test_a_replica_may_say_that_it_has_no_backups(pair: OfflineGoogle) -> None:
    said = {**REPLICA, "settings": {**PLUS, "backupConfiguration": OFF}}
    assert pair.create(DATABASE, instance("third", **said)).id
    assert find(pair, "tokyo")["replicaNames"] == ["osaka", "third"]


UPDATES: list[tuple[str, dict[str, Any], str]] = [
    ("osaka", SWITCHOVER, "it is not the designated replica of its primary"),
    ("osaka", {**REPLICA, "settings": {**PLUS, "backupConfiguration": ON}}, "is a read replica, which takes no"),
    ("osaka", {**REPLICA, "masterInstanceName": "tokyo-2"}, "masterInstanceName cannot be changed"),
    ("osaka", {**REPLICA, **NAMES_TOKYO}, "designates none itself"),
    ("tokyo", {**REPLICA, "masterInstanceName": "osaka"}, "a primary becomes a replica by a switchover"),
    (
        "tokyo",
        {**PRIMARY, **NAMES_OSAKA, "settings": {**PLUS, "backupConfiguration": OFF}},
        "point-in-time recovery is off",
    ),
    (
        "tokyo",
        {**PRIMARY, **NAMES_OSAKA, "settings": {"tier": "db-custom-2-7680", "backupConfiguration": ON}},
        "it is not of edition ENTERPRISE_PLUS",
    ),
]


@pytest.mark.parametrize(("name", "wanted", "reason"), UPDATES)
def test_what_google_refuses_changes_nothing(
    pair: OfflineGoogle, name: str, wanted: dict[str, Any], reason: str
) -> None:
    before = [find(pair, "tokyo"), find(pair, "osaka")]
    with pytest.raises(GoogleRefusal, match=reason):
        change(pair, name, **wanted)
    assert [find(pair, "tokyo"), find(pair, "osaka")] == before


DESIGNATED_UPDATES: list[tuple[str, dict[str, Any], str]] = [
    ("tokyo", {**PRIMARY, **NAMES_OSAKA, "replicaNames": ["nobody"]}, "names 'nobody' in replicaNames"),
    ("tokyo", {**PRIMARY, **NAMES_OSAKA, "databaseVersion": "POSTGRES_18"}, "Error 501: .* another databaseVersion"),
    ("osaka", {**PRIMARY, "databaseVersion": "POSTGRES_18"}, "Error 501: .* another databaseVersion"),
    ("osaka", {**PRIMARY, "replicaNames": ["third"]}, "names 'third' in replicaNames"),
    ("osaka", {**SWITCHOVER, "replicaNames": ["tokyo", "nobody"]}, "names 'nobody' in replicaNames"),
    ("osaka", {**SWITCHOVER, **NAMES_OSAKA}, "designates another one than its old primary: write 'school-lab:tokyo'"),
    (
        "osaka",
        {**REPLICA, "settings": {"tier": "db-custom-2-7680"}},
        "is the designated replica of 'tokyo', and not of",
    ),
    ("osaka", {**REPLICA, "instanceType": "READ_POOL_INSTANCE"}, "does not model instanceType READ_POOL_INSTANCE"),
]


@pytest.mark.parametrize(("name", "wanted", "reason"), DESIGNATED_UPDATES)
def test_a_designated_pair_is_changed_as_a_pair_only(
    designated: OfflineGoogle, name: str, wanted: dict[str, Any], reason: str
) -> None:
    before = [find(designated, "tokyo"), find(designated, "osaka")]
    with pytest.raises(GoogleRefusal, match=reason):
        change(designated, name, **wanted)
    assert [find(designated, "tokyo"), find(designated, "osaka")] == before


def test_what_is_not_modelled_is_refused_in_the_preview(google: OfflineGoogle) -> None:
    wanted = write_properties(instance("copy", clone={"sourceInstanceName": UNKNOWN}))
    with pytest.raises(GoogleRefusal, match="does not model clone"):
        create_resource(google, provider_pb2.CreateRequest(type=DATABASE, properties=wanted, preview=True))
    later = write_properties(instance("later", **{**PRIMARY, "instanceType": UNKNOWN}))
    assert create_resource(google, provider_pb2.CreateRequest(type=DATABASE, properties=later, preview=True)).properties


def test_a_replica_in_the_same_region_is_not_designated(pair: OfflineGoogle) -> None:
    pair.create(DATABASE, instance("tokyo-near", **REPLICA))
    near = {"replicationCluster": {"failoverDrReplicaName": f"{PROJECT}:tokyo-near"}}
    with pytest.raises(GoogleRefusal, match="stands in the same region"):
        change(pair, "tokyo", **PRIMARY, **near)


def test_a_state_from_before_the_switchover_is_too_old(designated: OfflineGoogle) -> None:
    """The engine still takes Tokyo for a primary, so it asks for no change of its role."""
    old = find(designated, "tokyo")
    change(designated, "osaka", **SWITCHOVER)
    with pytest.raises(GoogleRefusal, match="Error 412: Condition does not match") as refused:
        designated.update(DATABASE, identify("tokyo"), instance("tokyo", **PRIMARY, **NAMES_OSAKA), old)
    assert refused.value.reason == "staleData"


def test_the_last_replica_gone_the_primary_may_go(pair: OfflineGoogle) -> None:
    pair.delete(DATABASE, identify("osaka"))
    assert find(pair, "tokyo")["replicaNames"] == []
    pair.delete(DATABASE, identify("tokyo"))
    assert pair.store.all(DATABASE) == []


@pytest.mark.parametrize("left", [{"masterInstanceName": "tokyo"}, {"replicaConfiguration": {"username": "x"}}])
def test_the_plan_of_a_promotion_with_a_master_left_in_it_is_refused(pair: OfflineGoogle, left: dict[str, Any]) -> None:
    olds, news = write_properties(find(pair, "osaka")), write_properties(instance("osaka", **PRIMARY, **left))
    request = provider_pb2.DiffRequest(id="osaka", type=DATABASE, olds=olds, old_inputs=olds, news=news)
    with pytest.raises(GoogleRefusal, match=f"Please remove {next(iter(left))} and try again"):
        diff_resource(pair, request)


class Heard(Exception):
    """What the engine is told."""


@pytest.mark.parametrize(("wanted", "refused"), [(SWITCHOVER, True), (PRIMARY, False)], ids=["switchover", "promotion"])
def test_a_switchover_needs_the_old_primary_and_a_promotion_does_not(
    designated: OfflineGoogle, tmp_path: Path, wanted: dict[str, Any], *, refused: bool
) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(format_rules([FaultRule("tokyo", "unavailable", region=TOKYO)]), encoding="utf-8")
    provider = OfflineProvider(designated.store, faults)
    provider.google = designated
    context = Mock(spec=grpc.ServicerContext)
    context.abort.side_effect = Heard
    before = find(designated, "osaka")
    call = provider_pb2.UpdateRequest(
        id=identify("osaka"),
        type=DATABASE,
        name="osaka",
        olds=write_properties(before),
        news=write_properties(instance("osaka", **wanted)),
    )
    if not refused:
        provider.Update(call, context)
        assert find(designated, "osaka")["instanceType"] == "CLOUD_SQL_INSTANCE"
        assert designated.store.faults() == {}
        return
    with pytest.raises(Heard):
        provider.Update(call, context)
    assert "Error 503" in context.abort.call_args.args[1]
    assert find(designated, "osaka") == before
    assert designated.store.faults() == {"tokyo": 1}

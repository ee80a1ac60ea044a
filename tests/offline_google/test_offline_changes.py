"""Every rule of Diff: nothing, an update, or a replacement, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.provider.input_changes import ChangeKind, ResourceDifference, compare_inputs
from controller.offline_google.provider.operations import diff_resource
from controller.offline_google.schema.conditional_replacement import RULES
from controller.offline_google.schema.facts import find_resource_type, list_known_types
from controller.offline_google.schema.input_checks import DEFAULTS
from controller.offline_google.schema.pulumi_values import UNKNOWN, write_properties
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from tests.offline_google.worlds import (
    BUCKET,
    DATABASE,
    FIREWALL,
    KEY,
    NETWORK,
    PROJECT_MEMBER,
    SUBNETWORK,
    database,
)

BINDING = "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding"
FORWARDING = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
REGIONAL = "gcp:compute/forwardingRule:ForwardingRule"
SECRET = "gcp:secretmanager/secret:Secret"  # noqa: S105 a resource type
RECORD = "gcp:dns/recordSet:RecordSet"
LINK = "https://www.googleapis.com/compute/v1/projects/p/global/networks/main"
USER = "gcp:sql/user:User"


def changed(
    token: str, old: dict[str, Any], new: dict[str, Any], state: dict[str, Any] | None = None
) -> ResourceDifference:
    return compare_inputs(find_resource_type(token), {**old, **(state or {})}, old, new)


SAME: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (SUBNETWORK, {"network": LINK}, {"network": "main"}, {}),
    (SUBNETWORK, {"network": LINK}, {"network": "projects/p/global/networks/main"}, {}),
    (FORWARDING, {"target": "https://www.googleapis.com/compute/v1/projects/p/a/b"}, {"target": "projects/p/a/b"}, {}),
    (FORWARDING, {"portRange": "443-443"}, {"portRange": "443"}, {}),
    (PROJECT_MEMBER, {"member": "user:Anna@x"}, {"member": "user:anna@x"}, {}),
    (BINDING, {"members": ["group:A@x", "group:b@x"]}, {"members": ["group:b@x", "group:a@x"]}, {}),
    (RECORD, {"rrdatas": ["a  b"]}, {"rrdatas": ["a b"]}, {}),
    (NETWORK, {"name": "main"}, {"name": "main"}, {"mtu": 1460, "selfLink": "x"}),
    (NETWORK, {"name": "main", "mtu": 1460}, {"name": "main"}, {}),
    (FIREWALL, {"description": ""}, {}, {}),
    (
        FIREWALL,
        {"allows": [{"protocol": "TCP", "ports": ["22"]}]},
        {"allows": [{"protocol": "tcp", "ports": ["22"]}]},
        {},
    ),
    (KEY, {"labels": {"a": "b"}}, {"labels": {"a": "b"}}, {"effectiveLabels": {"a": "b", "c": "d"}}),
    (USER, {"passwordWo": "a", "passwordWoVersion": 1}, {"passwordWo": "b", "passwordWoVersion": 1}, {}),
    (NETWORK, {"name": "n", DEFAULTS: ["name"]}, {"name": "n", DEFAULTS: []}, {}),
]


@pytest.mark.parametrize(("token", "old", "new", "state"), SAME)
def test_equal_things_are_no_change(
    token: str, old: dict[str, Any], new: dict[str, Any], state: dict[str, Any]
) -> None:
    assert changed(token, old, new, state).changes == ()


CHANGED: list[tuple[str, dict[str, Any], dict[str, Any], str, ChangeKind, bool]] = [
    (FIREWALL, {"priority": 1}, {"priority": 2}, "priority", ChangeKind.UPDATE, False),
    (FIREWALL, {}, {"description": "x"}, "description", ChangeKind.ADD, False),
    (FIREWALL, {"description": "x"}, {}, "description", ChangeKind.DELETE, False),
    (SUBNETWORK, {"network": "a"}, {"network": "b"}, "network", ChangeKind.UPDATE, True),
    (SUBNETWORK, {"network": "a"}, {"network": UNKNOWN}, "network", ChangeKind.UPDATE, True),
    (DATABASE, database(), database(region="asia-northeast2"), "region", ChangeKind.UPDATE, True),
    (DATABASE, database(), database(databaseVersion="POSTGRES_18"), "databaseVersion", ChangeKind.UPDATE, False),
    (DATABASE, database(), database(settings={"tier": "x"}), "settings.tier", ChangeKind.UPDATE, False),
    (
        DATABASE,
        database(settings={"tier": "x", "collation": "a"}),
        database(settings={"tier": "x", "collation": "b"}),
        "settings.collation",
        ChangeKind.UPDATE,
        True,
    ),
    (BINDING, {"members": ["group:a@x"]}, {"members": ["group:a@x", "group:b@x"]}, "members", ChangeKind.UPDATE, False),
    (BINDING, {"role": "a"}, {"role": "b"}, "role", ChangeKind.UPDATE, True),
    (
        BINDING,
        {"condition": {"title": "t", "expression": "a"}},
        {"condition": {"title": "t", "expression": "b"}},
        "condition.expression",
        ChangeKind.UPDATE,
        True,
    ),
    (PROJECT_MEMBER, {}, {"condition": {"title": "t", "expression": "a"}}, "condition", ChangeKind.ADD, True),
]


@pytest.mark.parametrize(("token", "old", "new", "path", "kind", "replaces"), CHANGED)
def test_a_change_says_where_and_whether_it_replaces(  # noqa: PLR0913 a row of the table
    token: str, old: dict[str, Any], new: dict[str, Any], path: str, kind: ChangeKind, *, replaces: bool
) -> None:
    found = changed(token, old, new).changes
    assert [(change.path, change.kind, change.replaces) for change in found] == [(path, kind, replaces)]


REPLICA = {"name": "r", "instanceType": "READ_REPLICA_INSTANCE", "masterInstanceName": "a"}
CONDITIONAL: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    (SUBNETWORK, {"ipCidrRange": "10.0.0.0/24"}, {"ipCidrRange": "10.0.0.0/20"}, False),
    (SUBNETWORK, {"ipCidrRange": "10.0.0.0/20"}, {"ipCidrRange": "10.0.0.0/24"}, True),
    (
        DATABASE,
        {"settings": {"diskSize": 20, "diskAutoresize": False}},
        {"settings": {"diskSize": 10, "diskAutoresize": False}},
        True,
    ),
    (DATABASE, {"settings": {"diskSize": 10}}, {"settings": {"diskSize": 20}}, False),
    (DATABASE, REPLICA, REPLICA | {"masterInstanceName": "b"}, True),
    (
        DATABASE,
        {"name": "a", "replicaNames": ["r"], "instanceType": "CLOUD_SQL_INSTANCE"},
        {
            "name": "a",
            "replicaNames": [],
            "instanceType": "READ_REPLICA_INSTANCE",
            "masterInstanceName": "r",
            "replicaConfiguration": {"cascadableReplica": True},
        },
        False,
    ),
    (
        DATABASE,
        {"settings": {"ipConfiguration": {"privateNetwork": "n"}}},
        {"settings": {"ipConfiguration": {}}},
        True,
    ),
    (DATABASE, {"settings": {"autoUpgradeEnabled": True}}, {"settings": {"autoUpgradeEnabled": False}}, True),
    (
        REGIONAL,
        {"allowGlobalAccess": False, "loadBalancingScheme": "INTERNAL_MANAGED"},
        {"allowGlobalAccess": True, "loadBalancingScheme": "INTERNAL_MANAGED"},
        True,
    ),
    (
        REGIONAL,
        {"allowGlobalAccess": False, "loadBalancingScheme": "INTERNAL"},
        {"allowGlobalAccess": True, "loadBalancingScheme": "INTERNAL"},
        False,
    ),
    (REGIONAL, {"target": "p/serviceAttachments/a"}, {"target": "p/serviceAttachments/b"}, True),
    (SECRET, {"replication": {"auto": {"a": 1}}}, {"replication": {}}, True),
    (BUCKET, {"retentionPolicy": {"isLocked": True}}, {"retentionPolicy": {"isLocked": False}}, True),
]


@pytest.mark.parametrize(("token", "old", "new", "replaces"), CONDITIONAL)
def test_a_change_that_replaces_only_under_a_condition(
    token: str, old: dict[str, Any], new: dict[str, Any], *, replaces: bool
) -> None:
    found = changed(token, old, new)
    assert found.changes
    assert found.replaces is replaces


def test_every_condition_of_the_facts_has_its_rule() -> None:
    named = {
        (token, path)
        for token in list_known_types()
        for path in find_resource_type(token).facts.get("conditionalReplace", ())
    }
    assert named == RULES.keys()


def test_a_name_of_its_own_is_deleted_first_and_an_automatic_one_last() -> None:
    assert changed(NETWORK, {"name": "a"}, {"name": "b", DEFAULTS: []}).delete_first
    automatic = {DEFAULTS: ["name"], "name": "main-1"}
    assert not changed(SUBNETWORK, automatic | {"network": "a"}, automatic | {"network": "b"}).delete_first
    assert changed(PROJECT_MEMBER, {"role": "a"}, {"role": "b"}).delete_first


def request(token: str, old: dict[str, Any], new: dict[str, Any], **more: Any) -> provider_pb2.DiffRequest:  # noqa: ANN401
    wire = write_properties(old)
    return provider_pb2.DiffRequest(id="x", type=token, olds=wire, old_inputs=wire, news=write_properties(new), **more)


def test_replacing_what_is_protected_is_refused_and_named(google: OfflineGoogle) -> None:
    old = database(deletionProtection=True)
    with pytest.raises(GoogleRefusal, match=r"'x' \(sql.DatabaseInstance\): a change of region would replace it"):
        diff_resource(google, request(DATABASE, dict(old), {**old, "region": "asia-northeast2"}))


def test_ignored_changes_are_none(google: OfflineGoogle) -> None:
    answer = diff_resource(google, request(FIREWALL, {"priority": 1}, {"priority": 2}, ignoreChanges=["priority"]))
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE


@pytest.mark.parametrize(
    ("ignored", "left"),
    [(["settings.tier"], ["name", "settings.edition"]), (["settings"], ["name"]), (["*"], [])],
    ids=["inside", "whole", "all"],
)
def test_only_what_is_named_is_ignored(google: OfflineGoogle, ignored: list[str], left: list[str]) -> None:
    old = database(deletionProtection=False, settings={"tier": "a", "edition": "ENTERPRISE"})
    new = {**old, "name": "b", "settings": {"tier": "b", "edition": "ENTERPRISE_PLUS"}}
    answer = diff_resource(google, request(DATABASE, old, new, ignoreChanges=ignored))
    assert sorted(answer.detailedDiff) == left


def test_the_answer_to_the_engine_is_detailed(google: OfflineGoogle) -> None:
    answer = diff_resource(google, request(SUBNETWORK, {"network": "a", "name": "f"}, {"network": "b", "name": "f"}))
    assert list(answer.replaces) == ["network"]
    assert answer.deleteBeforeReplace
    assert answer.detailedDiff["network"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE

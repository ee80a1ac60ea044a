"""The operations on a database's pair: in which order they go, and what the stack declares after each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pytest

from controller.model.city import City
from stacks.data.database import PRIMARY, REPLICA, refuse_other_roles
from stacks.settings.configuration import StackConfiguration
from stacks.settings.database_pair import (
    DatabasePair,
    OperationKind,
    PairInstance,
    begin_pair,
    find_operation_problem,
    follow_operations,
)
from stacks.settings.read_configuration import ConfigurationRefused, parse_stack_configuration
from tests.stacks.declared import REMOVED, Declared, changed, changed_values, declare, file
from tests.stacks.test_declared import complaints

DATABASE = "applications/affairs/database"
STEPS: Sequence[dict[str, str]] = (
    {"designate": "osaka"},
    {"switchover": "osaka"},
    {"designate": "tokyo"},
    {"failover": "osaka"},
    {"rebuild": "tokyo"},
)
DESIGNATE, SWITCHOVER, _, FAILOVER, REBUILD = STEPS


def with_operations(*operations: dict[str, str], **more: object) -> StackConfiguration:
    return changed("production", {f"{DATABASE}/operations": list(operations), **more})


@pytest.mark.parametrize(
    ("operations", "primary", "replica", "lost", "set_aside"),
    [
        ([], "tokyo", ("osaka", 1), None, []),
        ([DESIGNATE], "tokyo", ("osaka", 1), None, []),
        ([DESIGNATE, SWITCHOVER], "osaka", ("tokyo", 1), None, []),
        ([DESIGNATE, SWITCHOVER, {"switchover": "tokyo"}], "tokyo", ("osaka", 1), None, []),
        ([FAILOVER], "osaka", None, "tokyo", []),
        ([FAILOVER, REBUILD], "osaka", ("tokyo", 2), None, [1]),
        ([FAILOVER, REBUILD, {"designate": "tokyo"}, {"switchover": "tokyo"}], "tokyo", ("osaka", 1), None, [1]),
        ([FAILOVER, REBUILD, {"failover": "tokyo"}, {"rebuild": "osaka"}], "tokyo", ("osaka", 2), None, [1, 1]),
    ],
)
def test_operations_lead_from_one_pair_to_the_next(
    operations: list[dict[str, str]],
    primary: str,
    replica: tuple[str, int] | None,
    lost: str | None,
    set_aside: list[int],
) -> None:
    settings = with_operations(*operations)
    pair = settings.find_pair(settings.databases["affairs"])
    assert pair.primary.region == primary
    assert (pair.replica and (pair.replica.region, pair.replica.generation)) == replica
    assert settings.lost_regions == (frozenset() if lost is None else {lost})
    assert [one.generation for one in pair.set_aside] == set_aside


@pytest.mark.parametrize(
    ("operations", "number", "words"),
    [
        ([REBUILD], 0, "no region is lost, so there is nothing to rebuild: a rebuild follows a failover"),
        ([DESIGNATE, REBUILD], 1, "no region is lost"),
        ([SWITCHOVER], 0, "deploy `{designate: osaka}` first. If tokyo is lost, write `{failover: osaka}`"),
        (
            [FAILOVER, SWITCHOVER],
            1,
            "tokyo is lost, so there is nothing to turn to: when the region is back, deploy `{reb",
        ),
        ([DESIGNATE, FAILOVER, {"switchover": "tokyo"}], 2, "deploy `{rebuild: tokyo}` first"),
        ([FAILOVER, FAILOVER], 1, "tokyo is lost"),
        ([FAILOVER, {"designate": "tokyo"}], 1, "tokyo is lost"),
        ([FAILOVER, {"rebuild": "osaka"}], 1, "the region that was lost is tokyo: write `{rebuild: tokyo}`"),
        ([FAILOVER, REBUILD, {"switchover": "tokyo"}], 2, "deploy `{designate: tokyo}` first"),
        ([DESIGNATE, DESIGNATE], 1, "osaka is the designated replica already"),
        ([DESIGNATE, {"switchover": "tokyo"}], 1, "tokyo is written to and the replica stands in osaka: write `{swi"),
        ([{"failover": "tokyo"}], 0, "write `{failover: osaka}`"),
        ([{"failover": "seoul"}], 0, "unknown region 'seoul'; 'regions' has: tokyo, osaka"),
        ([{"promote": "osaka"}], 0, "write one of: designate, switchover, failover, rebuild"),
        ([{**DESIGNATE, **SWITCHOVER}], 0, "at most 1 item"),
        ([{}], 0, "at least 1 item"),
        (
            [{"Failover": "osaka"}],
            0,
            "operations.0.Failover: write one of: designate, switchover, failover, rebuild; did you mean failover?",
        ),
        (["failover"], 0, "operations.0: needs keys of its own: {KEY: VALUE}"),
        ([{"failover": "OSAKA"}], 0, "'OSAKA'"),
        ([{"failover": 5}], 0, "operations.0.failover: "),
    ],
)
def test_operations_out_of_order_are_refused_with_their_line(
    operations: list[dict[str, str]], number: int, words: str
) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        with_operations(*operations)
    assert words in str(refused.value)
    assert f": {DATABASE.replace('/', '.')}.operations.{number}" in str(refused.value)
    lines = file("production").read_text(encoding="utf-8").splitlines()
    assert f"Pulumi.production.yaml:{lines.index('      database:') + 1}: " in str(refused.value)


@pytest.mark.parametrize("given", ["failover: osaka", {"failover": "osaka"}, 5])
def test_operations_are_a_list(given: object) -> None:
    with pytest.raises(ConfigurationRefused, match=r"operations: needs a list: \[ONE, ANOTHER\]"):
        changed("production", {f"{DATABASE}/operations": given})


def test_a_refusal_names_the_line_of_the_operation(tmp_path: Path) -> None:
    text = file("production").read_text(encoding="utf-8")
    lines = "operations:\n          - {failover: osaka}\n          - {switchover: tokyo}\n"
    written = tmp_path / "Pulumi.production.yaml"
    written.write_text(text.replace("generation: 1\n", f"generation: 1\n        {lines}"), encoding="utf-8")
    given = changed_values("production", {f"{DATABASE}/operations": [FAILOVER, {"switchover": "tokyo"}]})
    line = written.read_text(encoding="utf-8").splitlines().index("          - {switchover: tokyo}") + 1
    with pytest.raises(ConfigurationRefused, match=rf"Pulumi\.production\.yaml:{line}: .*tokyo is lost"):
        parse_stack_configuration("production", given, written)


def list_all(pair: DatabasePair) -> set[PairInstance]:
    """Every instance that is declared."""
    return {one for one in (pair.primary, pair.replica, pair.lost, *pair.set_aside) if one is not None}


def test_no_operation_leaves_an_instance_out() -> None:
    """All that can be done in five steps: what is out of order is refused, and what was declared stays declared."""
    kinds: tuple[OperationKind, ...] = ("designate", "switchover", "failover", "rebuild")
    first = begin_pair("tokyo", "osaka", 1)
    done: list[list[dict[OperationKind, str]]] = [[]]
    refused = seen = 0
    while done:
        before = done.pop()
        for kind, region in product(kinds, ("tokyo", "osaka")):
            operations = [*before, {kind: region}]
            if find_operation_problem(first, operations) is not None:
                refused += 1
                continue
            seen += 1
            pair, after = follow_operations(first, before), follow_operations(first, operations)
            assert list_all(pair) <= list_all(after), operations
            roles = [after.primary, after.replica, after.lost, *after.set_aside]
            names = [(one.region, one.generation) for one in roles if one is not None]
            assert len(names) == len(set(names)), operations
            assert (after.replica is None) == (after.lost is not None)
            if len(operations) < 5:
                done.append(operations)
    assert refused > seen > 30


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {f"{DATABASE}/edition": "ENTERPRISE", f"{DATABASE}/tier": "db-custom-2-7680", f"{DATABASE}/log-days": 7},
            "edition ENTERPRISE has no designate",
        ),
        (
            {"environment": "lab", "protected": "false", "audit/locked": False},
            "operations need a `generation` and `protected: true`",
        ),
        ({"environment": "lab", f"{DATABASE}/generation": REMOVED}, "operations need a `generation` and"),
    ],
)
def test_operations_need_an_edition_a_name_and_protection(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationRefused, match=words.replace("(", r"\(")):
        with_operations(DESIGNATE, **changes)


def test_a_stack_of_one_region_has_nothing_to_operate_on() -> None:
    tokyo = [{"id": "tokyo", "location": "asia-northeast1", "name": "Tokyo"}]
    one = {"regions": tokyo, "network/osaka": REMOVED, "serving": ["tokyo"]}
    with pytest.raises(ConfigurationRefused, match="the stack has one region, so this database has no replica"):
        with_operations({"failover": "tokyo"}, **one)


def test_a_region_is_lost_to_every_database_and_something_serves() -> None:
    settings = changed("production", {}).databases["affairs"].model_dump(mode="json", by_alias=True, exclude_none=True)
    other = {"applications/file-exchange/database": {**settings, "operations": []}}
    with pytest.raises(
        ConfigurationRefused, match="tokyo is lost to another database, and this one is written to there"
    ):
        with_operations(FAILOVER, **other)
    with pytest.raises(ConfigurationRefused, match="tokyo is lost and nothing else serves: name another region, too"):
        with_operations(FAILOVER, serving=["tokyo"])


def list_instances(city: City, *operations: dict[str, str]) -> dict[str, Declared]:
    recorder, _ = declare(city, with_operations(*operations))
    assert complaints(recorder.declared) == []
    return {one.name: one for one in recorder.of("DatabaseInstance")}


def test_an_instance_keeps_its_name_through_every_operation(city: City) -> None:
    expected = {
        "affairs-tokyo": "tsunagu-production-affairs-tokyo-1",
        "affairs-osaka": "tsunagu-production-affairs-osaka-1",
    }
    for operations in ([DESIGNATE, SWITCHOVER], [FAILOVER]):
        assert {name: one.inputs["name"] for name, one in list_instances(city, *operations).items()} == expected
    rebuilt = list_instances(city, FAILOVER, REBUILD)
    assert {name: one.inputs["name"] for name, one in rebuilt.items()} == {
        **expected,
        "affairs-tokyo.2": "tsunagu-production-affairs-tokyo-2",
    }
    assert rebuilt["affairs-tokyo.2"].inputs["masterInstanceName"] == "tsunagu-production-affairs-osaka-1"


def test_a_switchover_is_declared_as_the_guide_of_the_provider_has_it(city: City) -> None:
    osaka = list_instances(city, DESIGNATE, SWITCHOVER)["affairs-osaka"].inputs
    assert osaka["instanceType"] == "CLOUD_SQL_INSTANCE"
    assert osaka["replicaNames"] == ["tsunagu-production-affairs-tokyo-1"]
    designated = osaka["replicationCluster"]["failoverDrReplicaName"]
    assert designated == "tsunagu-kawasaki-production:tsunagu-production-affairs-tokyo-1"
    backups = osaka["settings"]["backupConfiguration"]
    assert (backups["enabled"], backups["pointInTimeRecoveryEnabled"]) == (True, True)
    assert backups["location"] == "asia-northeast1"
    assert "masterInstanceName" not in osaka
    assert "replicaConfiguration" not in osaka
    # A promotion names no replica, and nobody is left to keep the backups.
    alone = list_instances(city, DESIGNATE, FAILOVER)["affairs-osaka"].inputs
    assert not {"replicaNames", "replicationCluster", "masterInstanceName"} & alone.keys()
    assert alone["settings"]["backupConfiguration"]["location"] == "asia-northeast2"


ROLE = ["instanceType", "masterInstanceName", "replicaNames", "replicationCluster"]
OF_A_PRIMARY = [
    "settings.backupConfiguration",
    "settings.finalBackupConfig",
    "settings.maintenanceWindow",
    "settings.userLabels.operations",
    "settings.userLabels.backups",
]
"""What a primary alone has: Google turns it off at the one that follows after a switchover."""


@pytest.mark.parametrize(
    ("operations", "tokyo", "osaka"),
    [
        ([], ROLE, ROLE),
        ([DESIGNATE], ROLE[:2], ROLE),
        (
            [DESIGNATE, SWITCHOVER],
            [*ROLE, *OF_A_PRIMARY],
            [],
        ),
        ([DESIGNATE, FAILOVER], ["*"], []),
        ([DESIGNATE, FAILOVER, REBUILD], ["*"], ROLE),
    ],
)
def test_only_the_newest_operation_asks_for_a_role(
    city: City, monkeypatch: pytest.MonkeyPatch, operations: list[dict[str, str]], tokyo: list[str], osaka: list[str]
) -> None:
    ignored: dict[str, list[str]] = {}
    made: Any = gcp.sql.DatabaseInstance.__init__

    def note(self: Any, called: str, *args: Any, opts: pulumi.ResourceOptions, **more: Any) -> None:  # noqa: ANN401
        ignored[called] = opts.ignore_changes or []
        made(self, called, *args, opts=opts, **more)

    monkeypatch.setattr(gcp.sql.DatabaseInstance, "__init__", note)
    list_instances(city, *operations)
    assert (ignored["affairs-tokyo"], ignored["affairs-osaka"]) == (tokyo, osaka)
    assert ignored.get("affairs-tokyo.2", ROLE) == ROLE


def test_an_instance_of_another_role_is_not_used() -> None:
    expected = {"osaka": PRIMARY, "tokyo": REPLICA}
    refuse_other_roles("affairs", expected, expected)
    with pytest.raises(
        pulumi.RunError, match="has the instance in osaka as CLOUD_SQL_INSTANCE, and to the engine it is a READ"
    ):
        refuse_other_roles("affairs", expected, {**expected, "osaka": REPLICA})
    with pytest.raises(pulumi.RunError, match=r"database: .* tokyo as READ_REPLICA_INSTANCE, and .* it is a CLOUD"):
        refuse_other_roles("affairs", expected, {**expected, "tokyo": PRIMARY})


def test_a_lost_region_serves_nothing_and_keeps_what_stands_there(city: City) -> None:
    before, _ = declare(city, with_operations(DESIGNATE))
    after, outputs = declare(city, with_operations(DESIGNATE, FAILOVER))
    names = [sorted((one.type, one.name) for one in recorder.declared) for recorder in (before, after)]
    # The alert about the replica goes with it; Cloud Monitoring lies in no region.
    names[0].remove(("gcp:monitoring/alertPolicy:AlertPolicy", "replica-lag-affairs"))
    assert names[0] == names[1], "nothing of the region is deleted, because nothing there answers"
    assert all(len(one.inputs["backends"]) == 1 for one in after.of("BackendService"))
    assert outputs["regions"]["tokyo"] == {"name": "asia-northeast1", "role": "standby", "serving": False}
    assert outputs["regions"]["osaka"] == {"name": "asia-northeast2", "role": "primary", "serving": True}

"""The life of a database's pair on the real engine with the offline Google: a region lost, and the way back.

The stack is production's, with another city's policy: one application, so that each of the engine's runs is short.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.offline_google.environment import FAULTS
from controller.offline_google.schema.instance_roles import INSTANCE
from controller.offline_google.world.injected_faults import FaultRule, format_rules
from controller.offline_google.world.world import OfflineWorld
from tests.stacks.declared import file
from tests.stacks.test_on_the_engine import DO, PACK, Rehearsed

POLICIES = {"TSUNAGU_POLICIES": "examples/minato"}
APPLICATION = "ledger"
SERVICE = "gcp:cloudrunv2/service:Service"
TOKYO = "asia-northeast1"


class Pair:
    """The stack with one database; each operation is one more line in its file, and one deployment."""

    def __init__(self, folder: Path) -> None:
        self.stack = Rehearsed("production", folder / "production")
        self.faults, self.file = folder / "faults.json", folder / "Pulumi.production.yaml"
        self.operations: list[dict[str, str]] = []
        self._run = {**POLICIES, FAULTS: str(self.faults)}

    def write(self, *operations: dict[str, str]) -> tuple[str, str]:
        """Write the stack's file with these operations behind those that are done."""
        written = yaml.safe_load(file("production").read_text(encoding="utf-8"))
        settings = written["config"]["tsunagu:applications"]["affairs"]
        del settings["files"]
        settings["host"] = APPLICATION
        settings["jobs"] = {"report": {"image": settings["hosting"]["image"], "timeout-minutes": 5, "retries": 0}}
        settings["database"]["operations"] = [*self.operations, *operations]
        written["config"]["tsunagu:applications"] = {APPLICATION: settings}
        self.file.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
        return "--config-file", str(self.file)

    def deploy(self, *operations: dict[str, str], pack: tuple[str, ...] = ()) -> str:
        """Deploy with these operations done, too."""
        options = self.write(*operations)
        self.operations += operations
        return self.stack.succeeds("up", *DO, *pack, *options, **self._run)

    def leaves_nothing_to_do(self) -> None:
        self.stack.succeeds("preview", "--expect-no-changes", *self.write(), **self._run)

    def refresh(self) -> None:
        """Let the engine learn of what Google did by itself."""
        self.stack.succeeds("refresh", *DO, *self.write(), **self._run)

    def fails(self, *operations: dict[str, str]) -> str:
        answer = self.stack.pulumi("up", *DO, *self.write(*operations), **self._run)
        assert answer.returncode != 0, answer.stdout
        return answer.stdout

    def is_refused(self, *operations: dict[str, str]) -> str:
        """What a preview says that refuses the file."""
        answer = self.stack.pulumi("preview", *self.write(*operations), **self._run)
        assert answer.returncode != 0, answer.stdout
        assert "Traceback" not in answer.stdout
        return answer.stdout

    def lose(self, region: str) -> None:
        self.faults.write_text(format_rules([FaultRule("lost", "unavailable", region=region)]), encoding="utf-8")

    def count_calls_to_the_lost(self) -> int:
        world = OfflineWorld.open(self.stack.rehearsal.world)
        try:
            return world.faults().get("lost", 0)
        finally:
            world.close()

    def list_resources(self) -> dict[tuple[str, str], Any]:
        """What there is in the world, by type and id."""
        world = OfflineWorld.open(self.stack.rehearsal.world)
        try:
            return {(one.token, one.id): dict(one.outputs) for one in world.resources()}
        finally:
            world.close()

    def describe(self) -> dict[str, tuple[str, list[str], bool]]:
        """Each instance: whether it is written to, who follows it, whether it is backed up."""
        found = {}
        for (token, identity), one in self.list_resources().items():
            if token == INSTANCE:
                backups = one["settings"].get("backupConfiguration", {})
                name = identity.rpartition(f"{APPLICATION}-")[2]
                followers = [other.rpartition(f"{APPLICATION}-")[2] for other in one["replicaNames"]]
                found[name] = (one["instanceType"].partition("_")[0], followers, backups.get("enabled", False))
        return found

    def list_used_databases(self) -> dict[str, str]:
        """The instance that each region's service is told to use, by the service's region."""
        return {
            one["location"]: next(
                env["value"].rpartition(f"{APPLICATION}-")[2]
                for env in one["template"]["containers"][0]["envs"]
                if env["name"] == "DATABASE_INSTANCE"
            )
            for (token, _), one in self.list_resources().items()
            if token == SERVICE
        }


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    monkeypatch.setenv("TSUNAGU_OFFLINE", "1")
    return Pair(tmp_path)


def test_a_region_is_lost_rebuilt_and_written_to_again(pair: Pair) -> None:
    pair.deploy()
    assert pair.describe() == {"tokyo-1": ("CLOUD", ["osaka-1"], True), "osaka-1": ("READ", [], False)}
    assert re.search(r"~ 1 updated", pair.deploy({"designate": "osaka"}))
    before = pair.list_resources()

    pair.lose(TOKYO)
    # A switchover needs both; it fails at its first call, before anything is changed.
    assert "Error 503" in pair.fails({"switchover": "osaka"})
    assert pair.list_resources() == before
    calls = pair.count_calls_to_the_lost()
    assert calls > 0
    # Osaka's instance, service and job, and the backend; seven alerts and both dashboards, which leave Tokyo out, and
    # the alert about the replica, which goes. Nothing of Tokyo's, which answers nobody.
    said = pair.deploy({"failover": "osaka"}, pack=PACK)
    assert re.search(r"~ 13 updated\s+- 1 deleted", said), said
    pair.leaves_nothing_to_do()
    assert pair.count_calls_to_the_lost() == calls
    assert pair.describe()["osaka-1"] == ("CLOUD", [], True)

    pair.faults.unlink()
    pair.refresh()
    pair.leaves_nothing_to_do()
    # Google told the old primary nothing: two are written to, and the services of Tokyo, behind no backend, use theirs.
    assert pair.describe()["tokyo-1"] == ("CLOUD", [], True)
    assert pair.list_used_databases() == {TOKYO: "tokyo-1", "asia-northeast2": "osaka-1"}
    # A failover that is taken back would send everybody to what was left behind.
    taken_back = pair.operations.pop()
    assert "has the instance in osaka as READ_REPLICA_INSTANCE, and to the engine it is a CLOUD" in pair.is_refused()
    pair.operations.append(taken_back)

    pair.deploy({"rebuild": "tokyo"})
    pair.leaves_nothing_to_do()
    assert pair.describe() == {
        "tokyo-1": ("CLOUD", [], True),
        "tokyo-2": ("READ", [], False),
        "osaka-1": ("CLOUD", ["tokyo-2"], True),
    }
    assert set(pair.list_used_databases().values()) == {"osaka-1"}
    pair.refresh()
    pair.leaves_nothing_to_do()

    pair.deploy({"designate": "tokyo"})
    pair.deploy({"switchover": "tokyo"})
    pair.leaves_nothing_to_do()
    assert pair.describe() == {
        "tokyo-1": ("CLOUD", [], True),
        "tokyo-2": ("CLOUD", ["osaka-1"], True),
        "osaka-1": ("READ", [], False),
    }
    assert set(pair.list_used_databases().values()) == {"tokyo-2"}
    pair.refresh()
    pair.leaves_nothing_to_do()
    alerts = {one for one in before if one[0].startswith("gcp:monitoring/")}
    assert before.keys() - alerts <= pair.list_resources().keys(), "nothing but alerts was deleted on the whole way"

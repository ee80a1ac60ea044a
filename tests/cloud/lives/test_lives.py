"""The lab through one failure of each kind, in CI; the whole table and what is generated are `make soak-cloud`."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from controller.offline_google.schema.instance_roles import INSTANCE
from controller.offline_google.world.injected_faults import FaultRule
from stacks.settings.database_pair import OperationKind
from tests.cloud.lives.generated import choose_operation
from tests.cloud.lives.stack_life import DO, StackLife, read_steps
from tests.cloud.lives.states import OF_A_PAIR, STACKS, STATES
from tests.cloud.lives.trials import FAILURES, find_undeployed, list_trials

CONNECTION = "gcp:servicenetworking/connection:Connection"
SERVICE = "gcp:cloudrunv2/service:Service"
ONCE = (
    FaultRule("conflict", "conflict", call="create", resource="services-compute", times=1),
    FaultRule("rate", "rate", call="create", resource="vpc", times=1),
    FaultRule("unavailable", "unavailable", call="create", type=CONNECTION, times=1),
    FaultRule("half", "partial", call="create", type=INSTANCE, times=1),
)
"""Each waits for what the one before it stopped."""
KILL = FaultRule("kill", "hang", call="create", type=SERVICE, resource="affairs-osaka", times=1)


def test_the_lab_is_deployed_through_one_failure_of_each_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUNAGU_OFFLINE", "1")
    life = StackLife("lab", tmp_path / "lab")
    for rule in ONCE:
        failed = life.run("up", *DO, fault=rule)
        assert failed.returncode
        assert f"(injected: {rule.name})" in failed.stdout
    assert life.kill("up", KILL)
    life.repair()
    assert [*find_undeployed(life)] == []
    kept = life.list_kept()

    # Two values that go one way only. The second is no change: the provider drops it, so it must be said.
    services = life.settings["tsunagu:network"]["services"]
    life.settings["tsunagu:network"]["services"] = "10.251.88.0/21"
    refused = life.run("preview")
    assert refused.returncode
    assert f"network.services: databases have their addresses in {services}" in refused.stdout
    life.settings["tsunagu:network"]["services"] = services
    life.settings["tsunagu:applications"]["affairs"]["database"]["disk-gigabytes"] = 20
    assert [*find_undeployed(life)] == []
    life.settings["tsunagu:applications"]["affairs"]["database"]["disk-gigabytes"] = 10
    shown = life.run("preview", "--expect-no-changes")
    assert shown.returncode == 0, shown.stdout
    assert "disk-gigabytes: 10 is asked for, and the disk in osaka has 20" in shown.stdout
    assert life.list_kept() == kept


def test_the_table_has_every_state_of_every_stack_with_every_failure() -> None:
    trials = list_trials()
    assert len(set(trials)) == len(trials)
    assert {one.failure for one in trials} == {*FAILURES}
    for name, state in STATES.items():
        of_a_pair = name in {"switchover", "failover", "rebuild"}
        assert {one.stack for one in trials if one.state == name} == {*(OF_A_PAIR if of_a_pair else STACKS)}
        missing = {*FAILURES} - {one.failure for one in trials if one.state == name}
        assert missing == ({"partial creation"} if state.is_googles or state.only_removes else set())


def test_a_preview_that_replaces_is_read_as_such() -> None:
    urn = "urn:pulumi:lab::tsunagu::tsunagu:cloud:Foundation$gcp:compute/network:Network::vpc"
    steps = [{"op": op, "urn": urn} for op in ("create-replacement", "replace", "delete-replaced")]
    kept = {"op": "same", "urn": urn}
    component = {"op": "create", "urn": "urn:pulumi:lab::tsunagu::tsunagu:cloud:Foundation::foundation"}
    text = f'warning: first\n{{"steps": {[*steps, kept, component]}}}\nlast'.replace("'", '"')
    (found,) = read_steps(text)
    assert (found.call, found.type, found.name) == ("replace", "gcp:compute/network:Network", "vpc")
    assert found.takes_away


def test_the_drawn_operations_are_in_order() -> None:
    for seed in range(50):
        rng = Random(seed)  # noqa: S311 no secrets
        done: list[dict[OperationKind, str]] = []
        for _ in range(6):
            done.append(choose_operation(done, rng))
        kinds = [next(iter(one)) for one in done]
        assert all(kinds[place + 1] == "rebuild" for place, kind in enumerate(kinds[:-1]) if kind == "failover")

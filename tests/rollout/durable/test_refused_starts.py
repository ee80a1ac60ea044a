"""A start that the store refuses, or that is broken off, leaves the way back of the rollout as it was."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.errors import StoreRefused
from controller.operations.applied_policies import find_applied_policy
from controller.plan.playbook_tasks.rollout_process import RolloutEndUnknown
from controller.rollout.durable import carry_out
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.records import RolloutRecord, RolloutState
from controller.rollout.durable.rollout_store import RolloutStore
from controller.rollout.start import StartedRollout, StartRequest, judge_start
from controller.storage.audit.audit_trail import AuditKind
from tests.plan.test_rollout_process import end_as, no_devices, roll
from tests.rollout.durable.city_scene import DurableScene
from tests.rollout.durable.postgres_server import PostgresServer
from tests.rollout.durable.test_rollout_command import run
from tests.rollout.durable.test_rollout_undo import TwoPolicies, policies
from tests.security.audit_samples import refuse_entries

__all__ = ["no_devices", "policies"]

JUDGE = "controller.cli.rollouts.commands.judge_start"


def find_applied(found: TwoPolicies) -> str:
    """The digest of the policy that counts as applied last."""
    operations = found.scene.operations
    assert operations is not None
    applied = find_applied_policy(found.scene.load(), operations)
    return "" if applied is None else applied.policy


def test_a_start_that_the_store_refused_once_is_started_again_and_undone(
    policies: TwoPolicies, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies.roll_out(policies.narrow)
    old, before = policies.list_running(), find_applied(policies)
    add, refusals = RolloutStore.add_rollout, ["the disk is full"]

    def refuse_once(self: RolloutStore, record: RolloutRecord, snapshot: bytes, now: datetime) -> None:
        if refusals:
            raise StoreRefused(refusals.pop())
        add(self, record, snapshot, now)

    monkeypatch.setattr(RolloutStore, "add_rollout", refuse_once)
    policies.plan(policies.wide)
    refused = run(policies.scene, "start", str(policies.scene.plan_path))
    assert refused.code != 0
    assert "the disk is full" in refused.errors
    assert find_applied(policies) == before

    second = policies.roll_out(policies.wide)
    assert policies.list_running() != old
    assert find_applied(policies) != before
    back = policies.undo(second, "-o", str(policies.scene.folder / "back.json"), "--start")
    assert back.code == 0, back.errors
    assert policies.list_running() == old


class Killed(BaseException):
    """What nothing catches: the process ends here."""


def test_a_start_that_was_killed_before_it_was_remembered_is_remembered_by_its_resumption(
    policies: TwoPolicies, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies.roll_out(policies.narrow)
    before = find_applied(policies)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(carry_out, "record_start", die)
        policies.plan(policies.wide)
        with pytest.raises(Killed):
            run(policies.scene, "start", str(policies.scene.plan_path))
    assert find_applied(policies) == before
    with use_rollouts(policies.scene.folder / ".tsunagu") as store:
        second = store.list_rollouts()[0]
        record = store.load_record(second)
    assert run(policies.scene, "resume", second, "--lab").code == 0
    assert find_applied(policies) == record.policy != before == record.policy_before


def test_what_the_audit_trail_does_not_take_is_no_rollout_and_no_worker_finds_one(
    policies: TwoPolicies, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies.roll_out(policies.narrow)
    old, before = policies.list_running(), find_applied(policies)
    policies.plan(policies.wide)
    with monkeypatch.context() as full:
        refuse_entries(full, AuditKind.APPLIED)
        refused = run(policies.scene, "start", str(policies.scene.plan_path))
    assert refused.code == 1
    assert "the audit trail cannot be written: the disk is full" in refused.errors
    assert run(policies.scene, "worker", "--once", "--lab").code == 0
    assert policies.list_running() == old
    assert find_applied(policies) == before


@pytest.mark.parametrize(
    "place", ["controller.rollout.durable.carry_out.record_start", "controller.cli.rollouts.worker.open_work"]
)
def test_a_start_that_went_wrong_once_the_rollout_was_kept_names_it_and_is_none_that_was_refused(
    policies: TwoPolicies, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    policies.plan(policies.narrow)

    def refuse(*_: object) -> None:
        message = "the disk is full"
        raise StoreRefused(message)

    monkeypatch.setattr(place, refuse)
    done = run(policies.scene, "start", str(policies.scene.plan_path), "--json")
    assert done.code == 1
    with use_rollouts(policies.scene.folder / ".tsunagu") as store:
        [kept] = store.list_rollouts()
        assert store.load_status(kept).state is RolloutState.RUNNING
    error = json.loads(done.said)["error"]
    assert (error["code"], error["rollout"]) == ("rollout-kept", kept)
    assert error["message"].endswith("; the disk is full")
    # A playbook that puts the policy back where nothing began is told that something has.
    end_as(monkeypatch, done.said, "sys.exit(1)")
    with pytest.raises(RolloutEndUnknown, match=kept):
        roll("d1")


def test_of_two_starts_at_once_the_refused_one_is_not_what_was_applied_last(
    policies: TwoPolicies, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies.roll_out(policies.narrow)
    before = find_applied(policies)

    def judge_and_let_another_begin(request: StartRequest, now: datetime) -> StartedRollout:
        started = judge_start(request, now)
        monkeypatch.setattr(JUDGE, judge_start)
        with use_rollouts(policies.scene.folder / ".tsunagu") as store:
            record = store.load_record(store.list_rollouts()[0])
            other = record.model_copy(update={"id": "29991231-235959-00000000"})
            store.add_rollout(other, b"", now)
        return started

    monkeypatch.setattr(JUDGE, judge_and_let_another_begin)
    policies.plan(policies.wide)
    refused = run(policies.scene, "start", str(policies.scene.plan_path))
    assert refused.code == 1
    assert "has not ended" in refused.errors
    assert find_applied(policies) == before


def test_on_a_shared_database_the_newest_rollout_of_any_machine_says_which_policy_was_before(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    scene = DurableScene(tmp_path, schools=1, server=postgres.create_database())
    first = scene.record(scene.judge())
    later = first.started + timedelta(hours=1)
    elsewhere: dict[str, Any] = {
        "id": f"{later:%Y%m%d-%H%M%S}-00000000",
        "policy": "c" * 64,
        "started": later,
        "supersedes": first.id,
    }
    with use_rollouts(scene.state, server=scene.server) as store:
        store.add_rollout(first.model_copy(update=elsewhere), b"", later)
        store.change_state_or_refuse(elsewhere["id"], RolloutState.CANCELLED, later, by="hanako")
        scene.scene.lab.clock.sleep(7200)
    scene.scene.now += timedelta(hours=2)
    scene.scene.plan()
    operations = scene.scene.operations
    assert operations is not None
    request = StartRequest(scene.scene.plan_path, scene.scene.policies.path, lambda _: operations, "jiro")
    started = judge_start(request, scene.scene.now)
    assert started.policy_before == first.policy
    assert scene.record(started).policy_before == "c" * 64

"""What a rollout runs from is kept anew only as it was read, and only with the plan that was started."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import PlanRefused, StoreRefused
from controller.plan.document import list_signatures
from controller.rollout.durable.carry_out import use_rollouts
from controller.rollout.durable.rollout_scene import resume_scene
from controller.rollout.durable.snapshot import replace_approvals, unpack_snapshot
from tests.rollout.durable.city_scene import DurableScene

TARO = ".approval.taro.sig"


def test_an_approval_that_was_given_anew_since_it_was_judged_is_not_dropped(tmp_path: Path) -> None:
    """Found by review: taro's old key was revoked, jiro judged that, and taro approved with his new key meanwhile."""
    scene = DurableScene(tmp_path, 1)
    record = scene.record(scene.judge())
    with use_rollouts(scene.state) as store:
        anew, _ = replace_approvals(record.id, store.load_snapshot(record.id), "taro", b"by his new key", {})
    both, dropped = replace_approvals(record.id, anew, "jiro", b"by jiro", {TARO: b"by his revoked key"})
    assert dropped == frozenset()
    with unpack_snapshot(record.id, both) as snapshot:
        kept = sorted(one.read_bytes() for one in list_signatures(snapshot.signed.path) if one.exists())
    assert kept == [b"by his new key", b"by jiro"]


def test_approvals_are_replaced_in_what_was_read_and_no_other_plan_is_resumed(tmp_path: Path) -> None:
    scene = DurableScene(tmp_path, 1)
    record = scene.record(scene.judge())
    with use_rollouts(scene.state) as store:
        block = store.load_snapshot(record.id)
        taro, _ = replace_approvals(record.id, block, "taro", b"by taro", {})
        assert store.replace_snapshot(record.model_copy(update={"approvers": ("taro",)}), block, taro)
        assert store.load_record(record.id).approvers == ("taro",)

        # Who read the old one loses nothing of what was kept meanwhile.
        late, _ = replace_approvals(record.id, block, "jiro", b"by jiro", {})
        assert not store.replace_snapshot(record, block, late)
        assert store.load_snapshot(record.id) == taro
        assert store.load_record(record.id).approvers == ("taro",)
        jiro, dropped = replace_approvals(record.id, taro, "jiro", b"by jiro", {TARO: b"by taro"})
        assert dropped == {TARO}
        with unpack_snapshot(record.id, jiro) as snapshot:
            kept = {one.name: one.read_bytes() for one in list_signatures(snapshot.signed.path) if one.exists()}
        assert kept == {"plan.json.approval.jiro.sig": b"by jiro"}
        with pytest.raises(StoreRefused, match="is damaged"):
            replace_approvals(record.id, block[:-1], "taro", b"by taro", {})

        assert scene.scene.operations is not None
        other = record.model_copy(update={"plan": "0" * 64})
        with pytest.raises(PlanRefused, match=r"the database holds another one .* than was started"):
            resume_scene(other, jiro, scene.scene.operations, scene.surround())

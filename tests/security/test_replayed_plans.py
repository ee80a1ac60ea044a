"""Attacks with what was good once: an old plan or an old policy is not brought back without saying so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from controller.errors import PlanRefused
from controller.model.city import City
from controller.model.policy_bounds import PolicyBounds
from controller.model.virtual_city import VirtualCity
from controller.operations.anchors import AnchorName
from controller.operations.applied_policies import find_applied_policy, find_widened, record_applied_policy
from controller.operations.operations import Operations
from controller.plan.document import PlanFile, name_record
from controller.plan.provenance.policy_copies import load_kept_policy
from controller.plan.provenance.policy_order import explain_earlier_policy, refuse_replayed_plan
from tests.policies import NOON
from tests.security.plan_scene import Scene, make_operations

HOUR = timedelta(hours=1)
EARLIER = (
    r"was applied before, and .* after it .* tsunagu plan --undo [0-9a-f]{12} -o PLAN, then: tsunagu apply PLAN --undo"
)
SINCE = r"plan\.json: the plan was made at .*, and another policy was applied since, at .*\. Make it anew"


def permit(scene: Scene, who: str, *, instead_of: str) -> None:
    """Change who may use an application: a policy of its own."""
    text = f"{{from: [{who}]}}"
    scene.policies.edit("access/rules.yaml", f"{{from: [{instead_of}]}}", text, after="  - id: staff-ai\n")


def test_what_was_revoked_comes_back_neither_by_an_old_plan_nor_by_a_fresh_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    assert scene.operations is not None
    permit(scene, "staff, pupil", instead_of="staff")
    wide = scene.plan()
    old = scene.plan_path.read_bytes(), name_record(scene.plan_path).read_bytes()
    assert all(one.end.good for one in scene.apply())
    scene.now += HOUR
    permit(scene, "staff", instead_of="staff, pupil")
    scene.plan()
    assert all(one.end.good for one in scene.apply())
    narrow = scene.running()
    # The folder is put back, so that the plan's policy and the folder's are the same again.
    scene.now += HOUR
    permit(scene, "staff, pupil", instead_of="staff")
    scene.plan_path.write_bytes(old[0])
    name_record(scene.plan_path).write_bytes(old[1])
    with pytest.raises(PlanRefused, match=EARLIER):
        scene.start()
    assert scene.plan().policy == wide.policy
    with pytest.raises(PlanRefused, match=EARLIER):
        scene.start()
    assert scene.running() == narrow
    kept = load_kept_policy(wide.policy[:12], scene.operations.state, VirtualCity, PolicyBounds(), scene.now.date())
    scene.plan(city=kept, undo=True)
    assert all(one.end.good for one in scene.apply(undo=True))


class Controller:
    """What a controller remembers of the policies that it started; a policy is a letter, a time an hour."""

    def __init__(self, folder: Path, city: str = "a-city") -> None:
        self.operations: Operations = make_operations(folder)
        self.city = city

    def load(self, policy: str) -> City:
        return cast("City", SimpleNamespace(id=self.city, digest=policy * 64))

    def start(self, policy: str, hour: int) -> None:
        (self.operations.state / "policies" / (policy * 64)).mkdir(parents=True, exist_ok=True)
        record_applied_policy(self.load(policy), self.operations, NOON + hour * HOUR, "jiro")

    def judge(self, policy: str, made: int, *, undo: bool = False) -> None:
        plan = SimpleNamespace(policy=policy * 64, made=NOON + made * HOUR, undo=undo)
        refuse_replayed_plan(self.load(policy), cast("PlanFile", plan), self.operations, "plan.json")


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def test_the_first_plan_the_same_plan_and_a_second_one_of_the_same_policy_are_taken(controller: Controller) -> None:
    controller.judge("a", 0)
    controller.start("a", 1)
    controller.judge("a", 0)  # a rollout that was cut off
    controller.start("a", 2)
    controller.judge("a", 0)
    controller.judge("a", 1)
    assert explain_earlier_policy(controller.load("a"), controller.operations) == ""
    controller.judge("b", 2)


def test_a_policy_that_was_replaced_needs_an_undo_however_many_came_after_it(controller: Controller) -> None:
    for hour, policy in enumerate("abcd"):
        controller.start(policy, hour)
    for policy in "abc":
        with pytest.raises(PlanRefused, match=EARLIER):
            controller.judge(policy, 9)
        controller.judge(policy, 9, undo=True)
    controller.start("b", 10)
    controller.judge("b", 11)
    with pytest.raises(PlanRefused, match=EARLIER):
        controller.judge("d", 11)


@pytest.mark.parametrize("undo", [False, True])
def test_a_plan_from_before_another_policy_is_too_old(controller: Controller, *, undo: bool) -> None:
    controller.start("a", 0)
    controller.start("b", 2)
    with pytest.raises(PlanRefused, match=SINCE):
        controller.judge("c", 1, undo=undo)
    controller.start("a", 4)
    controller.start("a", 5)
    with pytest.raises(PlanRefused, match=SINCE):
        controller.judge("a", 1, undo=undo)
    controller.judge("a", 3, undo=undo)


def test_two_cities_in_one_state_folder_replace_nothing_of_each_other(tmp_path: Path) -> None:
    one, other = Controller(tmp_path), Controller(tmp_path, "another-city")
    one.start("a", 0)
    other.start("b", 2)
    one.judge("a", 1)
    other.judge("b", 1)


def test_an_estate_that_kept_no_anchors_has_none_to_compare_with(city: City, tmp_path: Path) -> None:
    operations = make_operations(tmp_path)
    record_applied_policy(city, operations, NOON, "jiro")
    last = find_applied_policy(city, operations)
    assert last is not None
    assert (last.policy, last.at, last.other_at, last.anchors) == (city.digest, NOON, None, None)
    kept = make_operations(tmp_path, anchors="kept")
    assert [one.name for one in find_widened(city, kept)] == [AnchorName.FIRST]
    record_applied_policy(city, kept, NOON, "jiro")
    assert find_widened(city, kept) == ()

"""Attacks on the start of a rollout: another policy, an old plan, an earlier policy, another commit."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from controller.errors import AnchorWidened, PlanExpired, PlanRefused
from controller.model.city import City
from controller.model.policy_bounds import PolicyBounds
from controller.model.virtual_city import VirtualCity
from controller.plan.build import USUAL_HOURS
from controller.plan.plan_expiry import find_first_expiry
from controller.plan.provenance import policy_copies
from controller.plan.provenance.policy_copies import keep_policy, load_kept_policy
from controller.rollout.outcome import End
from controller.telemetry.timeline import Level, Span
from tests.security.plan_scene import Edit, Scene, make_operations


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_plan_of_a_wider_policy_under_the_digest_of_the_reviewed_one_is_refused(scene: Scene, tmp_path: Path) -> None:
    reviewed = scene.load()
    wider = Scene(tmp_path / "wider")
    rules = wider.policies.path / "access/rules.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(
        text + "  - id: pupils-everywhere\n    effect: permit\n    applications: [affairs]\n"
        "    purpose: test\n    network: {from: [pupil]}\n",
        encoding="utf-8",
    )
    made = wider.plan()
    assert made.policy != reviewed.digest
    shutil.copy(wider.plan_path, scene.plan_path)
    with pytest.raises(PlanRefused, match="was made from another policy"):
        scene.start()
    scene.edit(lambda document: document.update(policy=reviewed.digest))
    with pytest.raises(PlanRefused, match=rf"plan.json:\d+: {scene.device.id}: the plan was changed by hand"):
        scene.start()


@pytest.mark.parametrize(
    ("hours", "operators", "good"),
    [(23, 24, True), (25, 24, False), (2, 1, False), (26, 48, False)],
    ids=["in time", "late", "the operators allow less", "the plan allows less"],
)
def test_a_plan_is_begun_in_its_time_only(scene: Scene, hours: int, operators: int, *, good: bool) -> None:
    scene.plan()
    scene.operations = make_operations(scene.folder, plans={"expire-after-hours": operators})
    if good:
        assert scene.start(after=timedelta(hours=hours)).plan.planner == "hanako"
    else:
        with pytest.raises(PlanExpired, match="the plan has expired: it was made at"):
            scene.start(after=timedelta(hours=hours))


@pytest.mark.parametrize(
    "times",
    [
        {"expires": "2099-01-01T00:00:00Z"},
        {"made": "2026-12-09T12:00:00Z", "expires": "2026-12-10T12:00:00Z"},
        {"expires": "2026-11-30T12:00:00Z"},
    ],
    ids=["expires in 73 years", "made in the future", "expired before it was made"],
)
def test_the_times_of_a_plan_are_bounded_by_the_operators_and_the_clock(scene: Scene, times: dict[str, str]) -> None:
    scene.plan()
    scene.edit(lambda document: document.update(times))
    with pytest.raises(PlanRefused, match=r"has expired|says that it was made at"):
        scene.start(after=timedelta(hours=USUAL_HOURS + 1))


def test_a_rollout_that_has_begun_is_not_ended_by_the_expiry_of_its_plan(scene: Scene) -> None:
    scene.plan()
    started = scene.start(after=timedelta(hours=23))
    scene.lab.clock.sleep(timedelta(hours=30).total_seconds())
    assert [one.end for one in scene.carry_out(started)] == [End.APPLIED]


def test_an_exception_that_expired_is_asked_of_the_policy_and_not_of_the_plan(scene: Scene) -> None:
    last = find_first_expiry(scene.load())
    assert last is not None
    scene.now = datetime.combine(last, time(13), UTC)
    scene.plan()
    assert "until" not in scene.plan_path.read_text(encoding="utf-8")
    with pytest.raises(PlanExpired, match="has expired"):
        scene.start(after=timedelta(hours=20))
    # Whatever day the file names: the policy is compiled for the day on which the rollout starts.
    scene.edit(lambda document: document.update(on=str(last + timedelta(days=1))))
    started = scene.start(after=timedelta(hours=20), made_elsewhere=True)
    assert started.city.policy_date == last + timedelta(days=1)


def take_permit_away(scene: Scene) -> None:
    scene.policies.edit("access/rules.yaml", "{from: [staff]}", "{from: [pupil]}", after="  - id: staff-ai\n")


def test_an_old_plan_is_not_replayed_after_its_permit_was_taken_away(scene: Scene) -> None:
    scene.plan()
    genuine = scene.plan_path.read_bytes()
    assert [one.end for one in scene.apply()] == [End.APPLIED]
    take_permit_away(scene)
    scene.plan_path.write_bytes(genuine)
    before = scene.logins
    with pytest.raises(PlanRefused, match=r"was made from another policy .* Make it anew; to go back to an earlier"):
        scene.start(after=timedelta(minutes=5))
    assert scene.logins == before


def test_a_plan_from_another_state_than_the_devices_is_stale_whatever_it_says(scene: Scene) -> None:
    scene.plan()
    device = scene.lab.of(scene.device)
    scene.apply()
    device.configuration.load(device.running.replace("h-pupil,20,", "h-pupil,10,"))
    changed = device.running
    (outcome,) = scene.apply()
    assert outcome.end is End.FAILED
    assert "stale" in outcome.reason
    assert device.running == changed


def test_the_policy_of_a_rollout_is_the_copy_that_it_started_with(scene: Scene) -> None:
    """Its files may change while it runs; each device is still derived and proved from the copy."""
    plan = scene.plan()
    started = scene.start()
    shutil.rmtree(scene.policies.path)
    assert [one.end for one in scene.carry_out(started)] == [End.APPLIED]
    assert scene.operations is not None
    kept = scene.operations.state / "policies" / plan.policy
    assert (kept / "access/rules.yaml").is_file()
    assert kept.parent.stat().st_mode & 0o777 == 0o700


class Meddler:
    """Notes the attributes of the rollout."""

    def __init__(self) -> None:
        self.said: dict[str, object] = {}

    def started(self, span: Span) -> None:
        if span.level is Level.ROLLOUT:
            self.said = dict(span.attributes)

    def ended(self, span: Span) -> None:
        """Only the beginning counts."""


def test_to_go_back_is_a_plan_of_its_own_that_says_so(scene: Scene) -> None:
    before = scene.plan()
    scene.apply()
    old = scene.running()
    take_permit_away(scene)
    scene.plan()
    assert all(one.end is End.APPLIED for one in scene.apply())
    scene.plan(city=load_kept(scene, before.policy[:12]), undo=True)
    with pytest.raises(PlanRefused, match=r"goes back to an earlier policy \(.{12}\); if that is meant, add: --undo"):
        scene.start()
    listener = Meddler()
    assert all(one.end is End.APPLIED for one in scene.apply(listener, undo=True))
    assert scene.running() == old
    assert (listener.said["undo"], listener.said["policy"]) == ("yes", before.policy)
    assert (listener.said["planner"], listener.said["approvers"]) == ("hanako (not signed)", "nobody")
    assert listener.said["applier"] == "jiro"


def load_kept(scene: Scene, digest: str) -> City:
    assert scene.operations is not None
    return load_kept_policy(digest, scene.operations.state, VirtualCity, PolicyBounds(), scene.now.date())


@pytest.mark.parametrize("digest", ["0" * 64, "0" * 12, "", "../../etc", "a" * 7, "A" * 64])
def test_nothing_goes_back_to_a_policy_that_was_never_applied(scene: Scene, digest: str) -> None:
    with pytest.raises(PlanRefused, match=r"is no digest|holds 0 policies"):
        load_kept(scene, digest)


def test_a_plan_is_made_an_undo_by_nobody_but_its_planner(scene: Scene) -> None:
    """Not by who edits the file, not by who applies it: the policy must have been applied from here."""
    scene.plan()
    with pytest.raises(PlanRefused, match="does not go back to an earlier policy"):
        scene.start(undo=True)
    scene.edit(lambda document: document.update(undo=True))
    with pytest.raises(PlanRefused, match="holds 0 policies whose digest begins with"):
        scene.start(undo=True)


def test_a_kept_policy_that_was_changed_is_refused(scene: Scene) -> None:
    plan = scene.plan()
    scene.apply()
    assert scene.operations is not None
    rules = scene.operations.state / "policies" / plan.policy / "access/rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    with pytest.raises(PlanRefused, match="is not what its name says; it was changed"):
        load_kept(scene, plan.policy)
    (scene.operations.state / "policies").chmod(0o777)
    with pytest.raises(PlanRefused, match="must be a folder of yours that nobody else can write to"):
        load_kept(scene, plan.policy)


def test_what_an_undo_widens_needs_the_flag_like_everything_else(scene: Scene) -> None:
    scene.operations = make_operations(scene.folder, anchors="kept")
    scene.plan()
    with pytest.raises(AnchorWidened, match="--accept-wider first"):
        scene.start()


UNSIGNED: dict[str, Edit] = {
    "a device less": lambda d: d["devices"].pop(),
    "no devices": lambda d: d.update(devices=[], canary=""),
    "the canary's school less, and another canary": lambda d: d.update(
        devices=[one for one in d["devices"] if one["school"] != d["canary"]],
        canary=next(one["school"] for one in d["devices"] if one["school"] != d["canary"]),
    ),
    "made later": lambda d: d.update(made="2026-12-01T12:00:01Z"),
    "a longer time": lambda d: d.update(expires="2026-12-09T12:00:00Z"),
    "another day": lambda d: d.update(on="2026-11-30"),
    "another planner": lambda d: d.update(planner="director"),
    "another commit": lambda d: d.update(commit="1" * 40),
    "a reason of its own": lambda d: d["unplanned"].append(
        {"device": "as-e04-rt1", "reason": "all is well", "kind": "failed"}
    ),
}


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A plan of two schools that nobody signs."""
    scene = Scene(tmp_path_factory.mktemp("unsigned"), schools=2)
    scene.plan()
    return scene


@pytest.mark.parametrize("name", UNSIGNED)
def test_what_nothing_derives_is_changed_in_no_plan_that_nobody_signed(unsigned: Scene, name: str) -> None:
    genuine = unsigned.plan_path.read_bytes()
    try:
        unsigned.edit(UNSIGNED[name])
        with pytest.raises(PlanRefused, match=r"nobody signed it, and plan\.json\.made-here does not show that"):
            unsigned.start()
    finally:
        unsigned.plan_path.write_bytes(genuine)


def test_a_plan_of_another_user_is_taken_when_that_is_said(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.plan()
    assert scene.start().answers.planner == "hanako (not signed)"
    monkeypatch.setenv("XDG_STATE_HOME", str(scene.folder / "another user"))
    with pytest.raises(PlanRefused, match="to take it as it stands: --made-elsewhere"):
        scene.start()
    assert scene.start(made_elsewhere=True).answers.planner == "hanako (not signed, made elsewhere)"
    (scene.folder / "another user/tsunagu/plans.key").write_bytes(b"short")
    with pytest.raises(PlanRefused, match=r"whether it was made here cannot be said: .*plans\.key: is damaged"):
        scene.start()


def keep_often(folder: Path) -> None:
    """What two rollouts of one policy do at once."""
    for _ in range(12):
        keep_policy(cast("City", SimpleNamespace(digest="a" * 64)), folder / "policies", folder / "state")


def test_two_rollouts_of_one_policy_keep_it_both(scene: Scene) -> None:
    kept = scene.folder / "state/policies"
    kept.mkdir(parents=True, mode=0o700)
    (kept / ".new-left").mkdir()
    (kept / "notes").mkdir()
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=keep_often, args=(scene.folder,)) for _ in range(2)]
    for one in processes:
        one.start()
    for one in processes:
        one.join()
    assert [one.exitcode for one in processes] == [0, 0]
    # What a killed one left half copied goes; what is no copy at all is nobody's to remove.
    assert sorted(one.name for one in kept.iterdir()) == ["a" * 64, "notes"]
    assert (kept / ("a" * 64) / "access/rules.yaml").is_file()


def test_only_copies_count_among_the_copies(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_copies, "KEPT", 2)
    kept = scene.folder / "state/policies"
    for name in ("1" * 64, "2" * 64, "notes", "abcdef0123"):
        (kept / name).mkdir(parents=True, mode=0o700)
        os.utime(kept / name, (len(name), len(name)))
    kept.chmod(0o700)
    os.utime(kept / ("1" * 64), (99, 99))
    keep_policy(cast("City", SimpleNamespace(digest="a" * 64)), scene.policies.path, scene.folder / "state")
    assert sorted(one.name for one in kept.iterdir()) == ["1" * 64, "a" * 64, "abcdef0123", "notes"]

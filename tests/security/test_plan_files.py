"""Attacks on plan files: what is applied is what the policy leads to, derived and proved when a rollout starts."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.errors import AnchorWidened, PlanExpired, PlanRefused, TsunaguError
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.model.virtual_city import VirtualCity
from controller.plan.build import USUAL_HOURS
from controller.plan.derive import DeriveChange, DerivedChange, derive_change
from controller.plan.document import PlanFile, load_plan, parse_plan
from controller.plan.plan_expiry import find_first_expiry
from controller.plan.provenance.git_commit import find_commit
from controller.plan.provenance.policy_copies import load_kept_policy
from controller.plan.verify import verify_plan
from controller.platforms.base import Observation
from controller.rollout.outcome import End
from controller.telemetry.timeline import Level, Span
from tests.security.plan_scene import Document, Edit, Scene, dump, make_operations

EVIL = "id > $HOME/x"


@dataclass(frozen=True)
class Sealed:
    """A genuine plan, the policy that it came from, and what was derived for it."""

    city: City
    plan: PlanFile
    document: Document
    derive: DeriveChange

    def verify(self, document: Document) -> None:
        """Read a document as `apply` does, and verify it."""
        path = Path("plan.json")
        verify_plan(self.city, parse_plan(dump(document).encode(), path), self.derive, str(path))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    scene = Scene(tmp_path_factory.mktemp("sealed"))
    plan, city = scene.plan(), scene.load()

    @cache
    def derive_once(device: Device, now: DeviceState) -> DerivedChange:
        return derive_change(city, device, now)

    def derive(
        _: City, device: Device, now: DeviceState, seen: Observation | None = None, source: str = ""
    ) -> DerivedChange:
        del seen, source
        return derive_once(device, now)

    return Sealed(city, plan, json.loads(plan.format_text()), derive)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def first(document: Document) -> Document:
    device: Document = document["devices"][0]
    return device


def insert_command(document: Document) -> None:
    first(document)["steps"][0]["commands"].insert(0, {"line": EVIL, "stdin": None})


def insert_step(document: Document) -> None:
    steps = first(document)["steps"]
    steps.insert(0, {"title": "prepare", "commands": [{"line": EVIL, "stdin": None}], "leads_to": steps[0]["leads_to"]})


DEVICE_EDITS: dict[str, Edit] = {
    "a command before the first step": insert_command,
    "a step of its own": insert_step,
    "a command with more behind it": lambda d: first(d)["steps"][0]["commands"][0].update(
        line=first(d)["steps"][0]["commands"][0]["line"] + f"; {EVIL}"
    ),
    "other input of a command": lambda d: first(d)["steps"][0]["commands"][0].update(
        stdin="priority=9,actions=normal\n"
    ),
    "no steps": lambda d: first(d).update(steps=[]),
    "a step that leads elsewhere": lambda d: first(d)["steps"][-1].update(leads_to="0" * 64),
    "another title": lambda d: first(d)["steps"][0].update(title="nothing at all"),
    "another wanted line": lambda d: first(d)["wanted"].__setitem__(3, "permit any any"),
    "a wanted line less": lambda d: first(d)["wanted"].pop(),
    "nothing would change": lambda d: first(d).update(changes=[]),
    "a change less": lambda d: first(d)["changes"].pop(),
    "more filters proved": lambda d: first(d).update(filters_proved=9999),
    "something left to another": lambda d: first(d).update(moved=["all of it is left to the router"]),
    "another state seen": lambda d: first(d).update(seen="0" * 64),
    "another school": lambda d: first(d).update(school="kw-s01"),
}


@pytest.mark.parametrize("name", DEVICE_EDITS)
def test_a_plan_edited_by_hand_is_refused_with_the_device_and_the_line(sealed: Sealed, name: str) -> None:
    document = copy.deepcopy(sealed.document)
    DEVICE_EDITS[name](document)
    device = first(document)["device"]
    with pytest.raises(
        PlanRefused, match=rf"^plan\.json:[0-9]+: {device}: .*changed by hand.*the policy leads to"
    ) as told:
        sealed.verify(document)
    line = int(str(told.value).split(":")[1])
    shown, genuine = dump(document).split("\n"), sealed.plan.format_text().split("\n")
    assert shown[line - 1] != genuine[line - 1], "the line that is named is one that differs"
    assert shown[: line - 1] == genuine[: line - 1], "and the first one"


PLAN_EDITS: dict[str, tuple[Edit, str]] = {
    "something else was seen": (
        lambda d: first(d).update(seen_state=['vlans {"name":"x","number":99}']),
        r"plan\.json:\d+: as-e04-core1: the plan was changed by hand",
    ),
    "a canary that is in no plan": (
        lambda d: d.update(canary="kw-s01"),
        r"plan\.json:\d+: .*'\"canary\": \"kw-s01\",'",
    ),
    "no canary": (lambda d: d.update(canary=""), r"plan\.json:\d+: the plan was changed by hand"),
    "a device twice": (lambda d: d["devices"].append(first(d)), "names the device '.*' twice"),
    "a device that is not there": (lambda d: first(d).update(device="as-e04-core9"), "that .* does not have"),
    "a device of nobody": (lambda d: first(d).update(device="x"), "that .* does not have"),
    "another platform": (lambda d: first(d).update(platform="cisco_ios"), "is for platform 'cisco_ios', the city says"),
    "a state that is none": (
        lambda d: first(d).update(seen_state=["vlans {}"]),
        "the state seen cannot be read: line 1",
    ),
    "a state of no kind": (lambda d: first(d).update(seen_state=["acl 1"]), "the state seen cannot be read: line 1"),
    "another policy": (lambda d: d.update(policy="0" * 64), "was made from another policy"),
    "another city": (lambda d: d.update(city="osaka"), "is of the city 'osaka'"),
    "the other estate": (lambda d: d.update(estate="real"), "is for the real devices"),
    "not supported, it says": (
        lambda d: d["unplanned"].append({"device": "as-e04-rt1", "reason": "x", "kind": "not supported"}),
        "as-e04-rt1: the plan says 'not supported', and its platform 'frr' is supported",
    ),
}


@pytest.mark.parametrize("name", PLAN_EDITS)
def test_a_plan_that_says_something_else_than_the_policy_is_refused(sealed: Sealed, name: str) -> None:
    edit, told = PLAN_EDITS[name]
    document = copy.deepcopy(sealed.document)
    edit(document)
    with pytest.raises(PlanRefused, match=told):
        sealed.verify(document)


def list_places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 JSON
    """The place of every value inside a document that is no list or object itself."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from list_places(inner, (*path, key))
    else:
        yield path


def change_value(value: Any, word: str, number: int) -> Any:  # noqa: ANN401 JSON
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + number
    if value is None:
        return word
    at = number % (len(value) + 1)
    return value[:at] + word + value[at:]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_changed_in_a_device_of_the_plan_is_refused(sealed: Sealed, data: st.DataObject) -> None:
    """Any value at any place: nothing in the file is believed. Whether it would boot so is seen at the device."""
    document = copy.deepcopy(sealed.document)
    places = [place for place in list_places(document["devices"]) if place[-1] != "saved"]
    place = data.draw(st.sampled_from(places))
    holder: Any = document["devices"]
    for key in place[:-1]:
        holder = holder[key]
    word = data.draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
    holder[place[-1]] = change_value(holder[place[-1]], word, data.draw(st.integers(1, 10**6)))
    with pytest.raises(PlanRefused):
        sealed.verify(document)


def test_the_genuine_plan_is_taken(sealed: Sealed) -> None:
    sealed.verify(sealed.document)


def test_a_command_put_into_a_plan_reaches_no_switch(scene: Scene) -> None:
    scene.plan()
    scene.edit(insert_command)
    before = scene.logins
    with pytest.raises(PlanRefused, match=rf"{scene.device.id}: the plan was changed by hand"):
        scene.apply()
    assert scene.logins == before
    assert EVIL not in scene.lab.of(scene.device).running


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
    assert scene.start(after=timedelta(hours=20)).city.policy_date == last + timedelta(days=1)


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
    return load_kept_policy(digest, scene.operations.state, VirtualCity, scene.now.date())


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


def make_repository(scene: Scene) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(scene.folder)]
    for words in (["init", "-q"], ["add", "policies"], ["commit", "-q", "-m", "policies"]):
        subprocess.run([*git, *words], check=True, capture_output=True)


def test_the_commit_of_a_plan_is_the_one_whose_policies_are_there(scene: Scene) -> None:
    make_repository(scene)
    commit = find_commit(scene.policies.path)
    scene.plan(commit=commit)
    assert len(commit) == 40
    assert scene.start().answers.commit == commit
    scene.edit(lambda document: document.update(commit="1" * 40))
    with pytest.raises(PlanRefused, match=r"says that it was made from commit 111111111111, and .* does not hold"):
        scene.start()
    scene.policies.append("access/rules.yaml", "# later\n")
    assert find_commit(scene.policies.path) == f"{commit}+"
    scene.plan(commit=commit)
    with pytest.raises(PlanRefused, match=f"made from commit {commit[:12]}"):
        scene.start()


def test_a_repository_among_the_policies_makes_git_run_nothing(scene: Scene) -> None:
    """The files of a bare repository can be part of a change to the policies; its configuration names programs."""
    ran = scene.folder / "ran"
    bare = scene.policies.path
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True, capture_output=True)
    subprocess.run(["git", "-C", str(bare), "config", "core.bare", "false"], check=True, capture_output=True)
    subprocess.run(["git", "-C", str(bare), "config", "core.worktree", str(bare)], check=True, capture_output=True)
    subprocess.run(
        ["git", "-C", str(bare), "config", "core.fsmonitor", f"touch {ran}"], check=True, capture_output=True
    )
    assert find_commit(bare) == ""
    assert not ran.exists()


@pytest.mark.parametrize("commit", ["--output=x", "HEAD", "main; id", "a" * 39, "$(id)"])
def test_what_is_no_commit_is_no_part_of_a_plan(scene: Scene, commit: str) -> None:
    scene.plan()
    scene.edit(lambda document: document.update(commit=commit))
    with pytest.raises(PlanRefused, match="its field 'commit'"):
        load_plan(scene.plan_path)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(PlanFile.model_fields)), inner)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_a_plan_file_holds_it_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(TsunaguError) as told:
        parse_plan(content, Path("plan.json"))
    assert str(told.value).isprintable()

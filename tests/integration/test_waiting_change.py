"""A change of stage that is written and waits for its day: planned again, taken back, and no fact before."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from controller.cli.integration import plan as command
from controller.errors import PolicyError, TsunaguError
from controller.integration.plan_change import compare_with_both
from controller.integration.pre_checks.check import CheckScene
from controller.integration.pre_checks.device_checks import NoDriftCheck
from controller.integration.schedule.build_schedule import build_schedule
from controller.integration.stage_change import StageSubject
from controller.integration.stage_policy import StagePolicy, StageRequest
from controller.integration.status import list_school_statuses
from controller.integration.way_back import list_moving_devices, prove_way_back
from controller.model.loading.load_city import load_city
from controller.model.loading.policy_text import write_policy_text
from controller.model.sites.stages import Stage
from controller.operations.integration_settings import IntegrationSettings
from controller.plan.document import parse_plan, read_plan
from controller.plan.observe import Observed
from controller.prove.lint.integration import find_missed_cutovers
from controller.rollout.durable.gates.gate import GateVerdict
from controller.rollout.durable.waves.time_windows import explain_closed_window
from tests.integration.conftest import SCHOOL, StagedCity, load_staged, plan_policy
from tests.integration.staged_policies import move_pupil_sockets, observe_as_wanted
from tests.integration.test_integrate_plan import PASSES, place, read_integration, run
from tests.policies import TODAY

__all__ = ["place"]  # the folder that these tests work in
DAY = date(2026, 12, 26)
REQUEST = StageRequest(StageSubject("school", SCHOOL), Stage.COEXIST)


@pytest.fixture
def written(staged: StagedCity, tmp_path: Path) -> Path:
    """Policies in which the change of the school is written."""
    folder = tmp_path / "policies"
    shutil.copytree(staged.folder, folder)
    write_policy_text(plan_policy(load_staged(folder), folder, REQUEST).text)
    return folder


def test_the_same_command_makes_the_plan_again(place: Path) -> None:
    first = run(place, *PASSES, "-o", "plan.json")
    assert "before its cut-over on 2026-12-26: make it again on that day" in first.said
    text = read_integration(place)
    done = run(place, *PASSES, "-o", "again.json", "--json")
    assert done.code == 0, done.errors
    told = json.loads(done.said)
    assert (told["before"], told["after"], told["cutover"]) == ("separated", "coexist", "2026-12-26")
    assert told["expires_before_cutover"] is True
    assert told["way_back"] == {**told["way_back"], "states": 6, "faults": []}
    assert read_integration(place) == text
    plans = [parse_plan(read_plan(place / name), place / name) for name in ("plan.json", "again.json")]
    assert plans[0].devices == plans[1].devices
    assert plans[0].policy == plans[1].policy


def test_on_the_day_the_plan_reaches_its_cut_over(written: Path) -> None:
    city = load_city(written, on=DAY)
    entry = city.integrations.find_entry(city.school_by_id[SCHOOL])
    assert entry is not None
    assert not entry.is_waiting(DAY)
    assert plan_policy(city, written, REQUEST).cutover == DAY


def test_a_written_change_is_taken_back_before_its_day(written: Path) -> None:
    back = plan_policy(
        load_staged(written), written, replace(REQUEST, stage=Stage.SEPARATED, cutover=date(2026, 12, 5))
    )
    assert (back.stage_before, back.stage) == (Stage.COEXIST, Stage.SEPARATED)
    assert back.text.after.splitlines()[-1].startswith("  - {school: as-e04, stage: separated, by: ")
    with pytest.raises(TsunaguError, match="separated to coexist on 2026-12-26 is not carried out so far"):
        plan_policy(load_staged(written), written, replace(REQUEST, stage=Stage.INTEGRATED, cutover=DAY))


def test_taking_back_what_no_device_has_yet_writes_the_policy(
    place: Path, staged: StagedCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The devices hold the stage before, which is drift by the policy as it is written: that is passed by its name."""
    assert run(place, *PASSES, "--write").code == 0
    monkeypatch.setattr(command, "observe_devices", lambda *_: observe_as_wanted(staged.city, SCHOOL))
    words = ("--to", "separated", "--cutover", "2026-12-05", "--pass", "no-drift=written, not carried out", "--write")
    done = run(place, *PASSES, *words)
    assert done.code == 0, done.said + done.errors
    city = load_staged(place / "policies")
    assert city.find_stage(city.school_by_id[SCHOOL]) is Stage.SEPARATED


def test_what_is_carried_out_is_not_gone_back_before_its_day(written: Path) -> None:
    city = load_city(written, on=DAY)
    with pytest.raises(TsunaguError, match="is over on 2026-12-26"):
        plan_policy(city, written, replace(REQUEST, stage=Stage.SEPARATED, cutover=date(2026, 12, 5)))


def test_no_day_to_come_is_presented_as_a_fact(written: Path) -> None:
    city = load_staged(written)
    status = {one.school.id: one for one in list_school_statuses(city, {}, TODAY)}[SCHOOL]
    assert (status.stage, status.since) == (Stage.SEPARATED, None)
    assert (status.following, status.cutover, status.waiting) == (Stage.COEXIST, DAY, True)
    status = {one.school.id: one for one in list_school_statuses(city, {}, DAY)}[SCHOOL]
    assert (status.stage, status.since, status.waiting) == (Stage.COEXIST, DAY, False)
    assert list(find_missed_cutovers(city)) == []
    assert city.calendar is not None
    plan = build_schedule(city, {}, IntegrationSettings(), TODAY, city.calendar)
    assert (Stage.COEXIST, DAY) in {(one.stage, one.day) for one in plan.changes if one.school.id == SCHOOL}


def test_check_tells_a_stage_since_a_day_to_come(written: Path) -> None:
    file = written / "city/integration.yaml"
    file.write_text(file.read_text("utf-8").replace(", came-from: separated", ""), "utf-8")
    (found,) = find_missed_cutovers(load_staged(written))
    assert "school as-e04 is said to be coexist since 2026-12-26, a day to come" in found.message
    file.write_text(file.read_text("utf-8").replace("since: 2026-12-26", "came-from: separated"), "utf-8")
    with pytest.raises(PolicyError, match="came-from: names the stage beside coexist that ended on the day 'since'"):
        load_staged(written)


def test_no_device_is_changed_before_the_day(written: Path) -> None:
    city = load_staged(written)
    school, lasts = city.school_by_id[SCHOOL], timedelta(minutes=10)
    days = (date(2026, 12, 25), DAY)
    at = [datetime(one.year, one.month, one.day, 20, tzinfo=city.timezone) for one in days]
    said = [explain_closed_window(city, school, (), one, lasts) for one in at]
    assert "the cut-over of as-e04 to coexist is on 2026-12-26" in said[0]
    assert said[1] == ""


@pytest.mark.parametrize("backwards", [False, True])
def test_from_a_device_that_stopped_between_two_steps_there_is_a_way(
    staged: StagedCity, written: Path, *, backwards: bool
) -> None:
    """The core of the school stopped after its first step: the change is planned on, and planned back."""
    policy, stopped = plan_where_one_stopped(staged, written, backwards=backwards)
    _, later = compare_with_both(policy, stopped, "")
    found = prove_way_back((policy.before, policy.after), later, lambda _: None)
    assert [str(one) for one in found.faults] == []
    assert found.states


def judge_drift(policy: StagePolicy, observed: list[Observed]) -> tuple[GateVerdict, object]:
    """Judge whether devices drifted, for a change of stage."""
    now, later = compare_with_both(policy, observed, "")
    scene = CheckScene(policy, datetime(2026, 12, 1, 3, tzinfo=UTC), now, later, asked=True)
    result = NoDriftCheck().judge(scene)
    return result.verdict, result.marks.get("names")


@pytest.mark.parametrize("backwards", [False, True])
def test_a_device_between_two_steps_is_told_from_one_that_drifted(
    staged: StagedCity, written: Path, *, backwards: bool
) -> None:
    """What was written before explains the states of its own way, and no other."""
    policy, stopped = plan_where_one_stopped(staged, written, backwards=backwards)
    verdict, names = judge_drift(policy, stopped)
    assert verdict is GateVerdict.NOT_JUDGED
    assert find_stopping_device(staged) in str(names)
    verdict, names = judge_drift(policy, [move_pupil_sockets(one) for one in stopped])
    assert (verdict, names) == (GateVerdict.FAILED, "as-e04-floor2")


def test_a_change_of_long_ago_explains_no_drift_before_the_next(staged: StagedCity, written: Path) -> None:
    file = written / "city/integration.yaml"
    file.write_text(file.read_text("utf-8").replace("since: 2026-12-26", "since: 2025-12-26"), "utf-8")
    policy = plan_policy(load_staged(written), written, replace(REQUEST, stage=Stage.INTEGRATED, cutover=DAY))
    held = observe_as_wanted(policy.before, SCHOOL)
    assert judge_drift(policy, held)[0] is GateVerdict.PASSED
    assert judge_drift(policy, [move_pupil_sockets(one) for one in held]) == (GateVerdict.FAILED, "as-e04-floor2")
    # Devices that were never changed hold the stage before the one that the next is planned from.
    verdict, _ = judge_drift(policy, observe_as_wanted(staged.city, SCHOOL))
    assert verdict is GateVerdict.FAILED


def test_a_plan_is_made_by_the_command_where_a_device_stopped(
    place: Path, staged: StagedCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(place, *PASSES, "-o", "plan.json").code == 0
    stopped = observe_one_stopped(staged)
    monkeypatch.setattr(command, "observe_devices", lambda *_: stopped)
    done = run(place, *PASSES, "--pass", "no-drift=rollout stopped", "-o", "again.json")
    assert done.code == 0, done.said + done.errors
    assert (place / "again.json").exists()


def stop_after_first_step(one: Observed, staged: StagedCity, device: str) -> Observed:
    """Return a device as observed; one of them after the first step of its plan."""
    seen = one.observation
    if one.device.id != device or seen is None:
        return one
    state = next(m for m in list_moving_devices(staged.later) if m.device.id == device).states[0]
    return replace(one, observation=replace(seen, state=state), saved=state)


def find_stopping_device(staged: StagedCity) -> str:
    """Find the device that changes in more than one step."""
    return next(one.device.id for one in list_moving_devices(staged.later) if len(one.states) > 1)


def observe_one_stopped(staged: StagedCity) -> list[Observed]:
    """Return the devices of the school as they were before the change, but one that stopped after its first step."""
    device = find_stopping_device(staged)
    return [stop_after_first_step(one, staged, device) for one in observe_as_wanted(staged.city, SCHOOL)]


def plan_where_one_stopped(staged: StagedCity, written: Path, *, backwards: bool) -> tuple[StagePolicy, list[Observed]]:
    """Plan the written change again, or back, where one device stopped on the way."""
    request = replace(REQUEST, stage=Stage.SEPARATED, cutover=DAY) if backwards else REQUEST
    return plan_policy(load_staged(written), written, request), observe_one_stopped(staged)

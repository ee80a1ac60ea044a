"""The way back is proved from every state between; no state may open a way from pupils to affairs data."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest

from controller.errors import InputRefused, TsunaguError
from controller.integration.interruption import InterruptionCause, read_measured_interruptions
from controller.integration.mixed_states import MixedStates
from controller.integration.pre_checks.stage_claims import prove_stage_claims
from controller.integration.stage_policy import StageRequest, find_stage_subject
from controller.integration.way_back import list_moving_devices, prove_way_back
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.policy_files import SEGMENTS
from controller.model.sites.stages import Stage
from controller.plan.build import consider_device
from controller.plan.observe import Observed
from tests.integration.conftest import SCHOOL, StagedCity, load_staged, plan_policy
from tests.integration.staged_policies import (
    OPEN_TO_LEARNING,
    observe_as_wanted,
    write_integration,
    write_staged_policies,
)


def test_the_way_back_is_proved_from_every_state(staged: StagedCity) -> None:
    named: list[str] = []
    found = prove_way_back((staged.policy.before, staged.policy.after), staged.later, named.append)
    moving = list_moving_devices(staged.later)
    assert found.faults == ()
    assert found.states == sum(len(one.states) for one in moving) > len(moving) > 1
    assert found.between >= found.states
    assert named == [one.device.id for one in moving]
    assert named[0].endswith("core1")


def test_a_device_that_drifted_has_no_way_back_to_what_it_holds(staged: StagedCity) -> None:
    floor = next(one for one in staged.later if one.observed.device.role == "floor")
    seen = floor.observed.observation
    assert seen is not None
    ports = tuple(replace(one, vlans=(98,)) if one.vlans == (20,) else one for one in seen.state.ports)
    drifted = replace(seen, state=replace(seen.state, ports=ports))
    later = [
        replace(one, observed=replace(one.observed, observation=drifted)) if one is floor else one
        for one in staged.later
    ]
    found = prove_way_back((staged.policy.before, staged.policy.after), later, lambda _: None)
    assert [one.device for one in found.faults] == [floor.observed.device.id]
    assert "does not lead to what the device holds today" in str(found.faults[0])


def test_a_number_that_means_two_segments_on_the_way_is_found(staged: StagedCity) -> None:
    """Pupils and the old affairs network exchange their VLANs: half way, one floor's pupils are among the staff."""
    segments = staged.policy.after.files.get(SEGMENTS)
    numbers = {"pupil": 11, "staff-legacy": 20}
    swapped = tuple(one.model_copy(update={"vlan": numbers.get(one.id, one.vlan)}) for one in segments.segments)
    after = staged.policy.after.replace_file(SEGMENTS, segments.model_copy(update={"segments": swapped}))
    before = staged.policy.before
    judge = MixedStates((before, after), SCHOOL)
    old, new = (hold_wanted(city, "as-e04-floor1", "as-e04-floor2") for city in (before, after))
    assert list(judge.find_leaks(old)) == list(judge.find_leaks(new)) == []
    told = list(judge.find_leaks({"as-e04-floor1": new["as-e04-floor1"], "as-e04-floor2": old["as-e04-floor2"]}))
    assert len(told) == 1
    assert told[0].startswith("VLAN 11 joins pupil at as-e04-floor1")
    assert "staff-legacy at as-e04-floor2" in told[0]


def hold_wanted(city: City, *names: str) -> dict[str, DeviceState]:
    """Return what some devices of the school hold when they are as a city wants them."""
    found = {one.device.id: one.observation for one in observe_as_wanted(city, SCHOOL) if one.observation}
    return {name: found[name].state for name in names}


def test_a_core_that_lets_pupils_through_is_found(staged: StagedCity) -> None:
    held = {one.observed.device.id: one.observed.observation.state for one in staged.now if one.observed.observation}
    judge = MixedStates((staged.policy.before, staged.policy.after), SCHOOL)
    assert list(judge.find_leaks(held)) == []
    core = held["as-e04-core1"]
    open_ = replace(core, bindings=tuple(one for one in core.bindings if one.vlan != 20))
    leaks = list(judge.find_leaks({**held, "as-e04-core1": open_}))
    assert any(
        one.startswith("pupil at as-e04-floor1") and "reaches affairs data by as-e04-core1" in one for one in leaks
    )


def test_what_the_lab_measured_is_read_where_there_is_a_record(tmp_path: Path) -> None:
    record = tmp_path / "measured.json"
    assert read_measured_interruptions(record) is None
    record.write_text('{"measured_on": "2026-11-30", "command": "make lab", "seconds": {"sockets": 41.5}}', "utf-8")
    found = read_measured_interruptions(record)
    assert found is not None
    assert found.seconds == {InterruptionCause.SOCKETS: 41.5}
    record.write_text('{"measured_on": "2026-11-30"}', "utf-8")
    with pytest.raises(InputRefused, match="is no record of measured interruptions"):
        read_measured_interruptions(record)


def test_the_record_that_is_shipped_is_of_the_rows_of_the_document() -> None:
    lines = (Path(__file__).parents[2] / "docs/integration.md").read_text("utf-8").splitlines()
    head = next(at for at, line in enumerate(lines) if line.startswith("| day | commit | seed | core | changes |"))
    rows = [line.strip("| ").split(" | ") for line in takewhile(lambda line: line.startswith("|"), lines[head + 2 :])]
    column = lines[head].strip("| ").split(" | ").index("longest interruption, moved ports (s)")
    measured = read_measured_interruptions()
    assert measured is not None
    assert measured.seconds[InterruptionCause.SOCKETS] == max(float(row[column]) for row in rows)
    assert f"Their longest interruption, {measured.seconds[InterruptionCause.SOCKETS]:g} s" in "\n".join(lines)


@pytest.mark.parametrize("name", ["as-e04-core1", "as-e04-floor2", "as-e04-ap1"])
def test_a_device_that_was_not_read_leaves_the_way_back_unproved(staged: StagedCity, name: str) -> None:
    silent = TsunaguError(f"{name}: no answer")
    later = [
        consider_device(staged.policy.after, Observed(one.observed.device, refusal=silent))
        if one.observed.device.id == name
        else one
        for one in staged.later
    ]
    found = prove_way_back((staged.policy.before, staged.policy.after), later, lambda _: None)
    assert [(one.device, one.state) for one in found.faults] == [(name, "what it holds now")]
    assert "was not read, so no state is proved" in found.faults[0].why


def test_no_state_at_all_proves_nothing(staged: StagedCity) -> None:
    found = prove_way_back((staged.policy.before, staged.policy.after), (), lambda _: None)
    assert found.states == 0
    assert ["0 proved is no proof" in one.why for one in found.faults] == [True]
    idle = [replace(one, steps=(), derived=None, left_out="not adopted") for one in staged.later]
    found = prove_way_back((staged.policy.before, staged.policy.after), idle, lambda _: None)
    assert len(found.faults) == len(idle)
    assert "nothing is planned on it (not adopted)" in found.faults[0].why


def test_a_socket_of_pupils_in_a_vlan_of_the_staff_is_found(staged: StagedCity) -> None:
    """The device means another VLAN by it; who sits there reaches what the VLAN reaches that it is in."""
    held = {one.observed.device.id: one.observed.observation.state for one in staged.now if one.observed.observation}
    judge = MixedStates((staged.policy.before, staged.policy.after), SCHOOL)
    floor = held["as-e04-floor1"]
    first = next(one for one in floor.ports if one.vlans == (20,))
    ports = tuple(replace(one, vlans=(11,)) if one is first else one for one in floor.ports)
    leaks = list(judge.find_leaks({**held, "as-e04-floor1": replace(floor, ports=ports)}))
    assert f"VLAN 11 joins pupil at as-e04-floor1 {first.name} and staff-legacy at" in leaks[0]
    assert any(one.startswith(f"pupil at as-e04-floor1 {first.name} reaches affairs data by") for one in leaks)


def test_a_wireless_network_of_pupils_in_a_vlan_of_the_staff_is_found(staged: StagedCity) -> None:
    held = {one.observed.device.id: one.observed.observation.state for one in staged.now if one.observed.observation}
    judge = MixedStates((staged.policy.before, staged.policy.after), SCHOOL)
    point = held["as-e04-ap1"]
    networks = tuple(replace(one, vlan=10) if one.vlan == 20 else one for one in point.networks)
    assert networks != point.networks
    leaks = list(judge.find_leaks({**held, "as-e04-ap1": replace(point, networks=networks)}))
    assert any("VLAN 10 joins pupil at as-e04-ap1" in one for one in leaks), leaks


def test_no_rule_excuses_a_way_from_a_segment_where_others_may_be(tmp_path: Path, city: City) -> None:
    folder = write_staged_policies(tmp_path / "policies")
    write_integration(folder, [one.id for one in city.wards])
    rules = folder / "access/rules.yaml"
    rules.write_text(rules.read_text("utf-8").rstrip() + OPEN_TO_LEARNING, "utf-8")
    found = load_staged(folder)
    policy = plan_policy(found, folder, StageRequest(find_stage_subject(found, SCHOOL), Stage.COEXIST))
    later = {one.device.id: one.observation.state for one in observe_as_wanted(policy.after, SCHOOL) if one.observation}
    leaks = list(MixedStates((policy.before, policy.after), SCHOOL).find_leaks(later))
    assert any(one.startswith("learning-legacy at") and "reaches affairs data by" in one for one in leaks), leaks
    claims = prove_stage_claims((policy.before, policy.after), [SCHOOL])
    said = claims.differences[0]
    assert "coexist: learning-legacy, where 802.1X admits others than the staff, reaches grading (class I)" in said
    before, after = claims.branches
    assert all(one.startswith("separated: ") for one in before)
    assert any(one.startswith("coexist: affairs: strong access control") for one in after)

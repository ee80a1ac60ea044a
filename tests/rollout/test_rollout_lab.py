"""Plans carried out on real switches: the five ends, and what leads to each."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from controller.compile.network.device_state import compile_device
from controller.errors import HostKeyRefused, LabError, LoginRefused, ProofFailed
from controller.lab import lifecycle as virtual_city
from controller.lab.network import ovs_switches
from controller.lab.network.programs import run_program
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Layout
from controller.lab.trials.connection_attempts import attempt_connection
from controller.lab.trials.matrix import try_matrix
from controller.lab.trials.matrix_pairs import list_matrix_pairs
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.model.sites.schools import Secret
from controller.model.virtual_city import choose_virtual_city
from controller.plan.document import DevicePlan, PlannedCommand, PlannedStep
from controller.plan.observe import over_ssh
from controller.platforms.registry import load_platform
from controller.rollout.device_lock import device_lock
from controller.rollout.outcome import End
from controller.telemetry.tracing import open_trace
from tests.rollout.conftest import WITHOUT, Apply, considered, planned, running, without

pytestmark = pytest.mark.lab
TWICE = 1.5
"""Seconds in which TCP tries twice to connect (at 0 and 1 s)."""


def schools_of(lab: Layout) -> tuple[str, ...]:
    return tuple(school.id for school in lab.schools)


def test_a_plan_is_applied_once_and_then_changes_nothing(city: City, fresh_lab: Layout, apply_now: Apply) -> None:
    plan = planned(city, schools_of(fresh_lab))
    assert [outcome.end for outcome in apply_now(city, plan)] == [End.APPLIED, End.APPLIED]
    assert [outcome.end for outcome in apply_now(city, plan)] == [End.UNCHANGED, End.UNCHANGED]
    assert not any(one.differs for one in considered(city, schools_of(fresh_lab)))
    assert try_matrix(choose_virtual_city(city), control=False, progress=lambda _: None).agrees


def test_deleting_one_permit_closes_exactly_that_way(in_force: City, lab: Layout, apply_now: Apply) -> None:
    def open_ways(city: City) -> set[tuple[str, str, str, int]]:
        found = try_matrix(choose_virtual_city(city), control=False, progress=lambda _: None)
        assert found.agrees
        pairs = (one.pair for one in found.results if one.connected)
        return {(pair.school, pair.segment, pair.target.column, pair.target.family) for pair in pairs}

    before = open_ways(in_force)
    less = without(in_force, WITHOUT)
    apply_now(less, planned(less, schools_of(lab)))
    after = open_ways(less)
    assert before - after == {(school, "staff", WITHOUT, family) for school in schools_of(lab) for family in (4, 6)}
    assert after < before


def test_a_stale_device_is_refused_and_the_others_go_on(in_force: City, lab: Layout, apply_now: Apply) -> None:
    less = without(in_force, WITHOUT)
    plan = planned(less, schools_of(lab))
    last = lab.schools[-1]
    files = paths.SwitchFiles(paths.STATE, last.id)
    run_program(("ovs-vsctl", f"--db={files.database}", "set", "Port", "h-pupil", "tag=10"))
    first, second = apply_now(less, plan)
    assert first.end is End.APPLIED
    assert second.end is End.FAILED
    assert "stale" in second.reason
    assert "tsunagu drift" in second.reason
    mended = planned(less, schools_of(lab))
    assert {outcome.end for outcome in apply_now(less, mended)} == {End.APPLIED, End.UNCHANGED}


def test_a_dead_sshd_fails_its_device_only(in_force: City, lab: Layout, apply_now: Apply) -> None:
    less = without(in_force, WITHOUT)
    plan = planned(less, schools_of(lab))
    last = lab.schools[-1]
    login = undo_log.list_current_processes(paths.STATE)[last.id, ovs_switches.LOGIN]
    os.kill(login.pid, signal.SIGTERM)
    try:
        first, second = apply_now(less, plan)
        assert first.end is End.APPLIED
        assert second.end in (End.FAILED, End.UNKNOWN)
        assert second.device in second.reason
    finally:
        virtual_city.restart_switch(last.id)


def test_a_canary_that_fails_stops_the_rest(in_force: City, lab: Layout, apply_now: Apply) -> None:
    less = without(in_force, WITHOUT)
    plan = planned(less, schools_of(lab))
    broken = plan.devices[0].model_copy(update={"seen": "0" * 64})
    first, second = apply_now(less, plan.model_copy(update={"devices": (broken, *plan.devices[1:])}))
    assert first.end is End.FAILED
    assert second.end is End.FAILED
    assert "not attempted" in second.reason


def without_management(city: City, device: Device, plan: DevicePlan) -> DevicePlan:
    """A plan that a broken proof would let through: it cuts the controller's own session."""
    system = load_platform(device.platform)
    wanted = compile_device(without(city, "controller-ssh"), device, system.capabilities).wanted
    steps = tuple(
        PlannedStep(
            title=step.title,
            commands=tuple(PlannedCommand(line=c.line, stdin=c.stdin) for c in step.commands),
            leads_to=step.result.compute_digest(),
        )
        for step in system.plan_steps(running(device), wanted)
    )
    return plan.model_copy(update={"steps": steps, "wanted": system.render(wanted)})


def test_a_change_that_cuts_the_management_session_is_reverted_by_the_switch(
    in_force: City, devices: list[Device], apply_now: Apply
) -> None:
    device = devices[0]
    old = running(device)
    plan = planned(in_force, (device.school.id,))
    cutting = plan.model_copy(update={"devices": (without_management(in_force, device, plan.devices[0]),)})
    (outcome,) = apply_now(in_force, cutting)
    assert outcome.end is End.REVERTED, outcome
    assert running(device) == old


def test_the_proof_refuses_a_policy_that_cuts_the_management_session(in_force: City, devices: list[Device]) -> None:
    with pytest.raises(ProofFailed, match="would cut the controller's own SSH session"):
        planned(without(in_force, "controller-ssh"), (devices[0].school.id,))


def test_a_step_that_the_switch_refuses_ends_reverted(in_force: City, devices: list[Device], apply_now: Apply) -> None:
    less, device = without(in_force, WITHOUT), devices[0]
    old = running(device)
    plan = planned(less, (device.school.id,))
    nonsense = PlannedCommand(line="ovs-ofctl -O OpenFlow14 --bundle add-flows br0 -", stdin="nonsense\n")
    steps = tuple(step.model_copy(update={"commands": (*step.commands, nonsense)}) for step in plan.devices[0].steps)
    broken = plan.devices[0].model_copy(update={"steps": steps})
    (outcome,) = apply_now(less, plan.model_copy(update={"devices": (broken,)}))
    assert outcome.end is End.REVERTED, outcome
    assert "ovs-ofctl" in outcome.reason
    assert running(device) == old


def test_two_changes_of_one_device_exclude_one_another(
    in_force: City, devices: list[Device], apply_now: Apply, tmp_path: Path
) -> None:
    less, device = without(in_force, WITHOUT), devices[0]
    old = running(device)
    plan = planned(less, (device.school.id,))
    with device_lock(tmp_path / "state" / "locks", device.id):
        (outcome,) = apply_now(less, plan)
    assert outcome.end is End.FAILED
    assert str(os.getpid()) in outcome.reason
    assert running(device) == old


def test_a_restart_keeps_the_filters_and_a_damaged_boot_file_closes_the_switch(
    in_force: City, lab: Layout, devices: list[Device]
) -> None:
    school = lab.schools[0].id
    before = running(devices[0])
    virtual_city.restart_switch(school)
    assert running(devices[0]) == before
    assert try_matrix(choose_virtual_city(in_force), (school,), control=False, progress=lambda _: None).agrees

    boot = paths.SwitchFiles(paths.STATE, school).own / "boot"
    whole = boot.read_bytes()
    boot.write_bytes(whole[: len(whole) // 2])
    try:
        with pytest.raises(LabError, match="damaged; nothing loaded"):
            virtual_city.restart_switch(school)
        tried = list(list_matrix_pairs(choose_virtual_city(in_force), lab, (school,)))
        assert any(pair.permitted for pair in tried)
        with ThreadPoolExecutor(48) as pool:
            assert not any(found.connected for found in pool.map(lambda pair: attempt_connection(pair, TWICE), tried))
    finally:
        boot.write_bytes(whole)
        virtual_city.restart_switch(school)
    assert running(devices[0]) == before


def test_a_wrong_password_and_a_wrong_host_key_are_refused(
    in_force: City, devices: list[Device], tmp_path: Path
) -> None:
    del in_force
    device = devices[0]
    password, no_keys = tmp_path / "password", tmp_path / "known_hosts"
    password.write_text("wrong\n", encoding="ascii")
    other = devices[1]
    keys = Path(device.access.known_hosts).read_text(encoding="ascii").replace(str(other.management), "x")
    swapped = tmp_path / "swapped"
    lines = dict(line.split(" ", 1) for line in keys.splitlines())
    swapped.write_text(f"{device.management} {lines['x']}\n", encoding="ascii")

    def refusal(**update: object) -> Exception | None:
        changed = replace(device, access=device.access.model_copy(update=update))
        return over_ssh([changed], lambda _: None)[0].refusal

    wrong_password = refusal(key=None, password=Secret(file=str(password)))
    assert isinstance(wrong_password, LoginRefused)
    assert "wrong" not in str(wrong_password).replace("wrongly", "")
    unknown = refusal(known_hosts=str(no_keys))
    assert isinstance(unknown, HostKeyRefused)
    assert f"tsunagu trust {device.id}" in str(unknown)
    changed_key = refusal(known_hosts=str(swapped))
    assert isinstance(changed_key, HostKeyRefused)
    assert "not the pinned one" in str(changed_key)


def test_the_timeline_is_a_trace_from_the_rollout_down_to_the_command(
    in_force: City, devices: list[Device], apply_now: Apply, tmp_path: Path
) -> None:
    less, path = without(in_force, WITHOUT), tmp_path / "timeline.jsonl"
    with open_trace(path) as listener:
        apply_now(less, planned(less, (devices[0].school.id,)), listener)
    spans = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    ended = {span["context"]["span_id"]: span for span in spans if span["event"] == "end"}
    assert len({span["context"]["trace_id"] for span in ended.values()}) == 1
    command = next(span for span in ended.values() if span["name"].startswith("command "))
    levels = []
    while command is not None:
        levels.append(command["attributes"]["tsunagu.level"])
        command = ended.get(command["parent_id"])
    assert levels == ["command", "step", "device", "school", "rollout"]
    names = [span["name"] for span in sorted(ended.values(), key=lambda span: span["start_time"])]
    steps = [name.removeprefix("step ") for name in names if name.startswith("step ")]
    order = ["lock", "read", "compare", "arm", "push", "read back", "reach", "confirm", "save", "unlock"]
    assert steps == order


def test_the_canary_is_a_school_in_which_something_changes(in_force: City, lab: Layout, apply_now: Apply) -> None:
    less = without(in_force, WITHOUT)
    first, second = schools_of(lab)
    assert planned(less, (first, second)).canary == first
    apply_now(less, planned(less, (first,)))
    assert planned(less, (first, second)).canary == second


def test_an_unexpected_error_in_the_middle_still_has_one_of_the_five_ends(
    in_force: City, devices: list[Device], apply_now: Apply, monkeypatch: pytest.MonkeyPatch
) -> None:
    less, device = without(in_force, WITHOUT), devices[0]
    old = running(device)
    plan = planned(less, (device.school.id,))

    def broken(*_: object) -> None:
        message = "a bug of ours"
        raise ZeroDivisionError(message)

    monkeypatch.setattr("controller.rollout.device_step._Steps._compare_with_wanted", broken)
    (outcome,) = apply_now(less, plan)
    assert outcome.end is End.REVERTED, outcome
    assert "a bug of ours" in outcome.reason
    assert running(device) == old

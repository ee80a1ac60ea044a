"""Objects of others change hands by applied plans, and come back as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.adoption.effective_filters import build_effective_state
from controller.adoption.reading import read_existing_network
from controller.adoption.take_over.deriver import HandOverDeriver
from controller.adoption.take_over.record import drop_released_objects, read_taken_record
from controller.cli.output import Exit
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import OperationsRefused, PlanRefused
from controller.model.network.device_state import DeviceState
from controller.operations.operators_file import load_operations
from controller.plan.document import PlanFile
from controller.plan.select import find_device
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.faults import FaultScript, make_fault
from controller.prove.filters.transition import TransitionStage, find_transition_faults
from controller.rollout.outcome import End
from controller.rollout.waves import apply_plan
from tests.adoption.conftest import CATALYST
from tests.adoption.take_over.conftest import VERIFIED, Desk, list_taken
from tests.cli.running import ROOT, here
from tests.cli.test_json_output import check_document
from tests.platforms.catalyst_device import TypedCatalyst
from tests.policies import PolicyFolder

SCHOOLS = "city/schools/kawasaki.yaml"


def lines_of(text: str) -> list[str]:
    """The lines of each block, so that their order does not count."""
    found, header = [], ""
    for line in (line for line in text.splitlines() if line != "!"):
        header = line if not line.startswith(" ") else header
        found.append(f"{header} |{line}")
    return sorted(found)


def test_what_is_named_is_taken_over_and_nothing_else_of_others(
    desk: Desk, catalyst_names: list[str], taken_plan: PlanFile
) -> None:
    plan = taken_plan
    (planned,) = plan.devices
    assert [one.name for one in list_taken(plan)] == catalyst_names
    assert planned.changes[0] == "> take over vlan 10: name STAFF -> name TSN-staff"
    before = desk.memory.running
    outcome = desk.apply(plan)
    assert (outcome.end, outcome.reason) == (End.APPLIED, "")
    system = load_platform("cisco_ios")
    wanted = compile_device(desk.city, desk.device, system.capabilities).wanted
    assert system.parse(desk.memory.running, "x").state == wanted
    assert desk.memory.startup == desk.memory.running
    # What nobody named is there as it was: another VLAN, a port with a phone, and the old lists themselves.
    kept = [line for line in lines_of(before) if "1/0/10" in line or "vlan 150" in line or "access-list" in line]
    assert len(kept) > 15
    assert set(kept) <= set(lines_of(desk.memory.running))
    record = read_taken_record(desk.state, CATALYST)
    assert [one.taken for one in record.objects] == list(list_taken(plan))
    assert sum(len(one.lists) for one in record.objects) == 4
    (again,) = apply_plan(desk.city, plan, desk.settings, [])
    assert again.end is End.UNCHANGED
    assert read_taken_record(desk.state, CATALYST) == record


def test_every_text_on_the_way_is_the_state_of_the_plan_and_no_worse_than_both_ends(
    desk: Desk, catalyst_names: list[str], catalyst_text: str, taken_plan: PlanFile
) -> None:
    """The commands are entered into the emulator; after each step its text is parsed, and the way is proved anew."""
    (planned,) = taken_plan.devices
    system, switch = load_platform("cisco_ios"), TypedCatalyst(catalyst_text)
    wanted = compile_device(desk.city, desk.device, system.capabilities).wanted

    def effective(text: str) -> TransitionStage:
        network = read_existing_network("cisco_ios", text, CATALYST, "x")
        state = build_effective_state(network, system.parse(text, "x").state, wanted, system.capabilities)
        return TransitionStage("", state)

    stages = []
    for step in planned.steps:
        switch.enter(command.line for command in step.commands)
        assert system.parse(switch.running(), "x").state.compute_digest() == step.leads_to, step.title
        stages.append(effective(switch.running()))
    assert len(stages) == len(catalyst_names) + 5
    assert list(find_transition_faults(effective(catalyst_text).state, stages, system.capabilities)) == []


def refuse_spoilt_records(desk: Desk, plan: PlanFile) -> None:
    """A record that was changed, is damaged, or that somebody else could have written gives nothing back."""
    place = desk.state / "taken-over" / f"{CATALYST}.json"
    assert place.stat().st_mode & 0o077 == 0
    text = place.read_text(encoding="utf-8")
    place.write_text(text.replace("name STAFF", "name EVIL"), encoding="utf-8")
    (planned,) = plan.devices
    assert planned.hand_over is not None
    with pytest.raises(PlanRefused, match="other objects than the record of what was taken over says"):
        HandOverDeriver(desk.state)(desk.city, desk.device, planned.hand_over, DeviceState(), "plan.json")
    place.write_text("{", encoding="utf-8")
    with pytest.raises(OperationsRefused, match="is damaged, or another device's"):
        read_taken_record(desk.state, CATALYST)
    place.write_text(text, encoding="utf-8")
    place.chmod(0o666)
    with pytest.raises(OperationsRefused):
        read_taken_record(desk.state, CATALYST)
    place.chmod(0o600)


def test_what_was_taken_over_is_given_back_as_it_was(
    desk: Desk, catalyst_names: list[str], taken_plan: PlanFile
) -> None:
    before = desk.memory.running
    assert desk.apply(taken_plan).end is End.APPLIED
    plan = desk.release()
    (planned,) = plan.devices
    assert planned.changes[-1] == "< give back vlan 10: name TSN-staff -> name STAFF"
    assert len(planned.changes) == len(catalyst_names)
    refuse_spoilt_records(desk, plan)
    outcome = desk.apply(plan)
    assert (outcome.end, outcome.reason) == (End.APPLIED, "")
    # Whatever was there is there again, but for what the plan changed beside the objects: VLANs of a port, addresses.
    lost = set(lines_of(before)) - set(lines_of(desk.memory.running))
    assert {line.rpartition("|")[2].split()[0] for line in lost} <= {"switchport", "ip", "shutdown"}
    assert not [line for line in lost if "access-group" in line or "access-list" in line]
    state = load_platform("cisco_ios").parse(desk.memory.running, "x").state
    assert (state.vlans, state.ports, state.interfaces[:1]) == ((), (), state.interfaces[:1])
    assert read_taken_record(desk.state, CATALYST).objects == ()
    with pytest.raises(PlanRefused, match="nothing that was taken over from here is ours on it"):
        desk.apply(plan)


def test_what_would_be_given_back_is_said_from_saved_texts(
    desk: Desk, taken_plan: PlanFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    state = load_operations(policies=ROOT / "policies").state
    assert state.is_relative_to(tmp_path)
    desk.state = state
    state.mkdir(mode=0o700, parents=True)
    assert desk.apply(taken_plan).end is End.APPLIED
    (tmp_path / "configs").mkdir()
    (tmp_path / f"configs/{CATALYST}.cfg").write_text(desk.memory.running, encoding="utf-8")
    command = ("adopt", "kw-s01", "--release", "--configs", "configs", "--policies", str(ROOT / "policies"))
    done = here(*command, "--on", "2026-12-01", cwd=tmp_path)
    said = done.said.splitlines()
    count = len(list_taken(taken_plan))
    assert said[0] == f"kw-s01-core1: {count} of {count} objects are given back:"
    assert "  < give back vlan 10: name TSN-staff -> name STAFF" in said
    document = check_document(here(*command, "--on", "2026-12-01", "--json", cwd=tmp_path).said)
    assert (document["school"], len(document["plan"]["devices"])) == ("kw-s01", 1)
    refused = here(*command, "-o", "plan.json", cwd=tmp_path)
    assert refused.code == Exit.USAGE


def test_filters_alone_come_back_to_the_last_letter(desk: Desk, catalyst_names: list[str], tmp_path: Path) -> None:
    """A binding is replaced by one command, and so is its way back; the old list is never touched."""
    policies = PolicyFolder(tmp_path)
    policies.edit(SCHOOLS, "pupils: 180", "pupils: 180\n    adoption: filters", after="id: kw-s01")
    desk.city = policies.load()
    desk.device = find_device(desk.city, CATALYST)
    before = desk.memory.running
    assert desk.apply(desk.take_over([name for name in catalyst_names if "access-group" in name])).end is End.APPLIED
    assert "ip access-group STAFF-IN in" not in desk.memory.running
    assert desk.apply(desk.release()).end is End.APPLIED
    after = lines_of(desk.memory.running)
    assert set(lines_of(before)) <= set(after)
    assert all("TSN-" in line or "Vlan98" in line for line in set(after) - set(lines_of(before)))
    # Lists of ours stay where nothing judged before; those that had a place of others are gone.
    ours = {line for line in after if line.startswith(("ip access-list extended TSN-", "interface")) and "TSN-" in line}
    assert not any("TSN-10-from-4" in line or "TSN-20-from-4" in line or "TSN-40-from-4" in line for line in ours)
    assert any("TSN-10-to-4" in line for line in ours)


CHANGES = [
    (["vlan 10", "name LAB"], "vlan 10"),
    (["interface GigabitEthernet1/0/1", "description moved"], "interface GigabitEthernet1/0/1"),
    (["interface Vlan10", "no ip access-group STAFF-IN in"], "interface Vlan10 ip access-group STAFF-IN in"),
    (["ip access-list extended STAFF-IN", "permit udp any any eq 123"], "list STAFF-IN"),
]


def test_an_object_that_somebody_changed_since_the_plan_is_refused_by_name(
    desk: Desk, taken_plan: PlanFile, catalyst_text: str
) -> None:
    assert desk.apply(taken_plan).end is End.APPLIED
    drop_released_objects(desk.state, CATALYST, list_taken(taken_plan))
    verified = VERIFIED[taken_plan.digest()]
    for commands, told in CHANGES:
        desk.load(catalyst_text, commands)
        before = desk.memory.running
        outcome = desk.roll_out(taken_plan, verified)
        assert outcome.end is End.FAILED
        assert f"changed since the plan was made: {told}. Nothing was changed" in outcome.reason
        assert desk.memory.running == before
        assert not desk.memory.restore_armed
    # The VLANs of a port are no part of its name, and yet the plan was made with them.
    desk.load(catalyst_text, ["interface GigabitEthernet1/0/1", "switchport trunk allowed vlan 10,150"])
    outcome = desk.roll_out(taken_plan, verified)
    assert (outcome.end, "ports or interfaces that are taken over were changed" in outcome.reason) == (End.FAILED, True)
    assert read_taken_record(desk.state, CATALYST).objects == ()


def test_a_second_run_pushes_only_what_is_missing(desk: Desk, taken_plan: PlanFile, catalyst_text: str) -> None:
    """As after a run that was killed: some objects are ours, the others as they were."""
    steps = taken_plan.devices[0].steps
    desk.load(catalyst_text, [command.line for step in steps[:12] for command in step.commands[1:-1]])
    assert desk.apply(taken_plan).end is End.APPLIED
    pushed = [one for one in desk.memory.exchanges if one.verb == "push"]
    assert len(pushed) == sum(len(step.commands) for step in steps[12:])
    taken = {one.taken.name for one in read_taken_record(desk.state, CATALYST).objects}
    assert taken == {one.name for one in list_taken(taken_plan)[11:]}


def test_an_object_of_others_that_came_since_the_plan_stops_it(
    desk: Desk, taken_plan: PlanFile, catalyst_text: str
) -> None:
    desk.load(catalyst_text, ["interface Vlan30", "ip access-group STAFF-IN out"])
    outcome = desk.apply(taken_plan)
    assert outcome.end is End.FAILED
    assert "must stand where 'ip access-group STAFF-IN out' is, which is not ours; depends on it" in outcome.reason


def test_what_was_changed_since_it_was_taken_over_is_not_given_back(desk: Desk, taken_plan: PlanFile) -> None:
    assert desk.apply(taken_plan).end is End.APPLIED
    ours = desk.memory.running
    for commands, told in [
        (["vlan 10", "name LAB"], "vlan 10"),
        (["interface GigabitEthernet1/0/1", "description TSN-port moved"], "interface GigabitEthernet1/0/1"),
        (["ip access-list extended STAFF-IN", "permit udp any any eq 123"], "list STAFF-IN"),
    ]:
        desk.load(ours, commands)
        with pytest.raises(AssertionError, match=f"changed since it was taken over: {told}"):
            desk.release()


@pytest.mark.parametrize(("at", "kind"), [(30, "breaks before"), (90, "refuses")])
def test_a_fault_on_the_way_ends_in_the_old_state_and_the_same_plan_can_be_begun_again(
    desk: Desk, taken_plan: PlanFile, at: int, kind: str
) -> None:
    plan, before = taken_plan, desk.memory.running
    desk.memory.draw_fault = FaultScript({("push", at): make_fault(kind, "push", 0.0)})
    assert desk.apply(plan).end is End.REVERTED
    assert lines_of(desk.memory.running) == lines_of(before)
    # The record stands already: nothing of it is ours, so nothing can be given back.
    assert read_taken_record(desk.state, CATALYST).objects
    with pytest.raises(AssertionError, match="nothing that was taken over from here is ours on it"):
        desk.release()
    desk.memory.draw_fault = FaultScript({})
    assert desk.apply(plan).end is End.APPLIED
    assert len(read_taken_record(desk.state, CATALYST).objects) == len(list_taken(plan))

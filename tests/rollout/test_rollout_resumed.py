"""The controller is killed at any command; the switch in memory goes back by itself, and the same plan ends applied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.model.city import City
from controller.model.policy_files import LAB
from controller.plan.document import PlanFile
from controller.rollout.outcome import End
from controller.rollout.waves import apply_plan
from tests.rollout.campaign import Killed, MortalTransport
from tests.rollout.memory_lab import RESTORE_SECONDS, MemoryLab, planned_city, without_rule

COMMANDS = ["lock", "read", "arm", "armed", "push", "read", "read", "cancel", "armed", "save", "saved", "unlock"]
CONFIRM = COMMANDS.index("cancel") + 1


def kill_at(city: City, lab: MemoryLab, plan: PlanFile, command: int, *, after: bool) -> None:
    """Carry a plan out, and be killed before or after the n-th command, from 1."""
    mortal = MortalTransport(lab.transport, command, after=after)
    with pytest.raises(Killed):
        apply_plan(planned_city(city, plan), plan, replace(lab.settings(), transport=mortal), [])


@pytest.mark.parametrize("command", range(1, len(COMMANDS) + 1))
def test_killed_at_any_command_it_ends_whole_by_itself_and_a_second_apply_ends_applied(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile, command: int
) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    old, wanted = memory_lab.running(memory_lab.switches[0]).compute_digest(), canary_plan.devices[0].states[-1]
    kill_at(city, memory_lab, canary_plan, command, after=True)
    assert [one.verb for one in device.exchanges[-command:]] == COMMANDS[:command]
    memory_lab.clock.sleep(RESTORE_SECONDS + 6)
    assert memory_lab.running(memory_lab.switches[0]).compute_digest() == (old if command < CONFIRM else wanted)
    assert not device.locked_by
    (outcome,) = memory_lab.apply(city, canary_plan)
    assert outcome.end is (End.UNCHANGED if command > COMMANDS.index("save") else End.APPLIED), outcome
    assert memory_lab.running(memory_lab.switches[0]).compute_digest() == wanted
    assert device.startup == device.running


def test_what_a_killed_run_armed_protects_the_next_one(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    old = device.running
    kill_at(city, memory_lab, canary_plan, COMMANDS.index("push") + 1, after=True)
    changed = device.running
    assert changed != old
    # The second run reads the wanted state, and is killed before it confirms that.
    kill_at(city, memory_lab, canary_plan, 3, after=False)
    assert device.running == changed
    assert device.restore_armed
    memory_lab.clock.sleep(2 * RESTORE_SECONDS)
    assert device.running == old
    assert not device.restore_armed


def test_what_a_killed_run_locked_runs_out_by_itself(city: City, memory_lab: MemoryLab, canary_plan: PlanFile) -> None:
    kill_at(city, memory_lab, canary_plan, 2, after=False)
    other = without_rule(city, "parents")
    plan = memory_lab.plan(other, memory_lab.schools[:1])
    (outcome,) = memory_lab.apply(other, plan)
    assert outcome.end is End.FAILED
    assert "lock is held" in outcome.reason
    memory_lab.clock.sleep(RESTORE_SECONDS + 6)
    assert memory_lab.apply(other, plan)[0].end is End.APPLIED


def test_killed_after_it_is_confirmed_the_change_stays_and_is_seen_as_not_saved(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    less = without_rule(city, "staff-ai")
    kill_at(city, memory_lab, canary_plan, CONFIRM, after=True)
    again = memory_lab.plan(less, memory_lab.schools[:1]).devices[0]
    assert again.steps == ()
    assert not again.saved
    assert memory_lab.apply(city, canary_plan)[0].end is End.APPLIED
    assert memory_lab.plan(less, memory_lab.schools[:1]).devices[0].saved


def test_killed_between_two_steps_the_same_plan_finishes_from_the_state_in_between(
    city: City, memory_lab: MemoryLab
) -> None:
    swapped = {"staff": "pupil", "pupil": "staff"}
    estate = city.virtual_estate
    hosts = [host.model_copy(update={"segment": swapped.get(host.segment, host.segment)}) for host in estate.hosts]
    moved = city.replace_file(LAB, estate.model_copy(update={"hosts": tuple(hosts)}))
    plan = memory_lab.plan(moved, memory_lab.schools[:1])
    seen, *between, wanted = plan.devices[0].states
    assert between, "a port that moves takes more than one step"
    kill_at(moved, memory_lab, plan, COMMANDS.index("push") + 1, after=True)
    device = memory_lab.of(memory_lab.switches[0])
    assert memory_lab.running(memory_lab.switches[0]).compute_digest() in between
    assert seen not in between
    before = len(device.exchanges)
    (outcome,) = memory_lab.apply(moved, plan)
    assert outcome.end is End.APPLIED, outcome
    assert memory_lab.running(memory_lab.switches[0]).compute_digest() == wanted
    pushed = [one for one in device.exchanges[before:] if one.verb == "push"]
    assert len(pushed) == sum(len(step.commands) for step in plan.devices[0].steps[1:])

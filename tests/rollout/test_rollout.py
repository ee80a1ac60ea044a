"""Plans of the real policy, carried out on switches in memory: the five ends, and what leads to each."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from controller.compile.network.wanted_device_state import compile_device
from controller.errors import PlanRefused, ProofFailed
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.derive import DerivedChange, derive_change
from controller.plan.document import PlanFile
from controller.plan.verify import verify_plan
from controller.platforms.base import Command, Observation
from controller.platforms.dialect.platform import SwitchPlatform
from controller.platforms.registry import load_platform
from controller.platforms.transport.in_memory_device.faults import Fault, FaultScript, make_fault
from controller.rollout.device_lock import hold_device_lock
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import roll_out
from controller.telemetry.timeline import Level, Span
from controller.telemetry.traces.rollout_trace import open_trace
from tests.rollout.memory_lab import (
    RESTORE_SECONDS,
    RULE,
    MemoryLab,
    change_device_plan,
    derive_towards,
    lead_elsewhere,
    without_rule,
)

STEPS = ["lock", "read", "compare", "arm", "push", "read back", "reach", "confirm", "save", "unlock"]


def spoil(lab: MemoryLab, index: int, *faults: tuple[str, int, Fault]) -> None:
    """Let a switch have faults at its n-th commands of some verbs."""
    script = FaultScript({(verb, number): fault for verb, number, fault in faults})
    lab.of(lab.switches[index]).draw_fault = script


def test_a_plan_is_applied_once_and_then_changes_nothing(city: City, factory_lab: MemoryLab) -> None:
    plan = factory_lab.plan(city)
    assert {outcome.end for outcome in factory_lab.apply(city, plan)} == {End.APPLIED}
    before = {name: len(device.exchanges) for name, device in factory_lab.devices.items()}
    assert {outcome.end for outcome in factory_lab.apply(city, plan)} == {End.UNCHANGED}
    for name, device in factory_lab.devices.items():
        verbs = [one.verb for one in device.exchanges[before[name] :]]
        assert verbs == ["lock", "read", "cancel", "armed", "saved", "unlock"]
    assert not any(one.differs for one in factory_lab.consider(city))


def test_the_steps_come_in_their_order_and_the_device_is_left_free(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    before = len(device.exchanges)
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert (outcome.end, outcome.reason, outcome.school) == (End.APPLIED, "", memory_lab.schools[0])
    verbs = [one.verb for one in device.exchanges[before:]]
    order = ["lock", "read", "arm", "armed", "push", "read", "read", "cancel", "armed", "save", "saved", "unlock"]
    assert verbs == order
    assert device.startup == device.running
    assert not device.restore_armed
    assert not device.locked_by
    # The lock outlives the restore, so nobody comes in between.
    owner, run, seconds = device.exchanges[before].words
    assert (owner, int(seconds)) == (canary_plan.digest(), RESTORE_SECONDS + 5)
    assert device.exchanges[before + 2].words == (run, str(RESTORE_SECONDS))


def test_what_a_change_takes_is_told_by_the_clock_that_was_given(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    spoil(memory_lab, 0, ("push", 0, make_fault("is slow before", "push", 7.0)))
    assert [outcome.seconds for outcome in memory_lab.apply(city, canary_plan)] == [7.0]


def test_a_stale_device_is_refused_and_the_others_go_on(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile
) -> None:
    last = memory_lab.of(memory_lab.switches[-1])
    last.configuration.load(last.running.replace("h-pupil,20,", "h-pupil,10,"))
    first, *_, stale = memory_lab.apply(city, change_plan)
    assert first.end is End.APPLIED
    assert stale.end is End.FAILED
    assert "stale" in stale.reason
    assert "tsunagu drift" in stale.reason
    assert "push" not in [one.verb for one in last.exchanges]
    assert not last.locked_by
    mended = memory_lab.plan(without_rule(city, RULE))
    assert {outcome.end for outcome in memory_lab.apply(city, mended)} == {End.APPLIED, End.UNCHANGED}


def test_a_silent_device_fails_alone(city: City, memory_lab: MemoryLab, change_plan: PlanFile) -> None:
    memory_lab.of(memory_lab.switches[-1]).leave(10_000)
    first, *_, silent = memory_lab.apply(city, change_plan)
    assert first.end is End.APPLIED
    assert silent.end is End.FAILED
    assert silent.device in silent.reason


def apply_what_cuts_management(city: City, lab: MemoryLab) -> Outcome:
    """Carry out on the first switch what a broken proof would let through."""
    device = lab.switches[0]
    capabilities = load_platform(device.platform).capabilities
    wanted = compile_device(without_rule(city, "controller-ssh"), device, capabilities).wanted
    plan = lab.plan(city, lab.schools[:1])
    (verified,) = verify_plan(city, plan)
    # Reading back still works in the session that is open; the new one of `reach` finds nobody.
    spoil(lab, 0, ("open", 1, make_fault("leaves after", "open", RESTORE_SECONDS - 10.0)))
    settings = replace(lab.settings(), derive=derive_towards(wanted))
    return roll_out(city, plan, [lead_elsewhere(verified, wanted)], settings, [])[0]


def test_a_device_that_is_not_reached_any_more_goes_back_by_itself(city: City, memory_lab: MemoryLab) -> None:
    device = memory_lab.switches[0]
    old = memory_lab.running(device)
    outcome = apply_what_cuts_management(city, memory_lab)
    assert outcome.end is End.REVERTED, outcome
    assert "put its old state back by itself" in outcome.reason
    assert memory_lab.running(device) == old


def test_the_proof_refuses_a_policy_that_cuts_the_management_session(city: City, memory_lab: MemoryLab) -> None:
    with pytest.raises(ProofFailed, match="would cut the controller's own SSH session"):
        memory_lab.plan(without_rule(city, "controller-ssh"), memory_lab.schools[:1])


def test_a_step_that_the_switch_refuses_ends_reverted(city: City, memory_lab: MemoryLab) -> None:
    less, device = without_rule(city, RULE), memory_lab.switches[0]
    old = memory_lab.running(device)
    nonsense = Command("ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows br0 -", "nonsense\n")

    def spoil_steps(
        city: City, device: Device, now: DeviceState, seen: Observation | None = None, source: str = ""
    ) -> DerivedChange:
        derived = derive_change(city, device, now, seen, source)
        if seen is None:
            return derived
        steps = (replace(step, commands=(*step.commands, nonsense)) for step in derived.steps)
        return replace(derived, steps=tuple(steps))

    memory_lab.derive = spoil_steps
    outcome = memory_lab.apply(less, memory_lab.plan(less))[0]
    assert outcome.end is End.REVERTED, outcome
    assert "exit status 1: nonsense" in outcome.reason
    assert memory_lab.running(device) == old
    # Nothing was asked for longer than the restore takes.
    assert RESTORE_SECONDS <= outcome.seconds < RESTORE_SECONDS + 2


def test_what_differs_is_told_in_words_and_not_in_hundreds_of_them(city: City, factory_lab: MemoryLab) -> None:
    plan = factory_lab.plan(city)
    spoil(factory_lab, 0, ("push", 2, make_fault("lies about success", "push", 0)))
    outcome = factory_lab.apply(city, plan)[0]
    assert outcome.end is End.REVERTED
    told = outcome.reason.partition("what was read back is not what the plan leads to: ")[2].partition("; the device")
    assert len(told[0].split("; ")) == 5
    assert "+ port g-management" in told[0]


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        ("arm", "says that its restore is armed"),
        ("cancel", "says that its restore is cancelled"),
        ("save", "says that it saved"),
        ("push", "is not what the plan leads to"),
    ],
)
def test_a_device_that_only_says_so_is_not_believed(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile, verb: str, told: str
) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    old = device.running
    spoil(memory_lab, 0, (verb, 0, make_fault("lies about success", verb, 0)))
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert told in outcome.reason
    ends = {"arm": End.FAILED, "cancel": End.REVERTED, "save": End.FAILED, "push": End.REVERTED}
    assert outcome.end is ends[verb], outcome
    assert (device.running == old) == (verb != "save")
    assert not device.locked_by
    if verb == "save":
        assert "the change runs and is confirmed, but was not saved for the next boot; apply again" in outcome.reason
        assert device.startup == old


def test_a_session_that_breaks_while_saving_is_asked_again(
    city: City, memory_lab: MemoryLab, change_plan: PlanFile
) -> None:
    spoil(memory_lab, 0, ("save", 0, make_fault("breaks after", "save", 0)))
    spoil(memory_lab, 1, ("save", 0, make_fault("restarts before", "save", 3)))
    spoil(memory_lab, 2, ("save", 0, make_fault("leaves before", "save", 1000)))
    saved, restarted, gone = memory_lab.apply(city, change_plan)
    assert (saved.end, saved.reason) == (End.APPLIED, "")
    assert not memory_lab.of(memory_lab.switches[0]).locked_by
    assert restarted.end is End.REVERTED
    assert "it started anew before it had saved" in restarted.reason
    assert gone.end is End.UNKNOWN
    assert "was confirmed, but not seen to be saved" in gone.reason
    assert "no answer" in gone.reason
    assert 15 <= gone.seconds < 16


def test_a_device_that_is_something_else_after_its_restore_is_unknown(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    spoil(
        memory_lab,
        0,
        ("push", 0, make_fault("refuses", "push", 0)),
        ("restored", 0, make_fault("lies about success", "restored", 0)),
    )

    def meddle(span: Span) -> None:
        if span.name == "wait for the device's restore":
            device.configuration.load(device.running.replace("h-pupil,20,", "h-pupil,10,"))

    outcome = memory_lab.apply(city, canary_plan, Meddler(meddle))[0]
    assert outcome.end is End.UNKNOWN
    assert "it is not in the state that it was found in" in outcome.reason


class Meddler:
    """Does something when a span begins."""

    def __init__(self, meddle: object) -> None:
        self._meddle = meddle

    def started(self, span: Span) -> None:
        assert callable(self._meddle)
        self._meddle(span)

    def ended(self, span: Span) -> None:
        """Nothing happens at an end."""


def test_a_device_that_never_answers_again_is_unknown(city: City, memory_lab: MemoryLab, canary_plan: PlanFile) -> None:
    spoil(memory_lab, 0, ("push", 0, make_fault("leaves after", "push", 10_000)))
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.UNKNOWN
    assert "whether the device went back could not be read from it" in outcome.reason
    assert RESTORE_SECONDS + 15 <= outcome.seconds < RESTORE_SECONDS + 16


def test_what_is_armed_by_halves_is_cancelled(city: City, memory_lab: MemoryLab, canary_plan: PlanFile) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    spoil(memory_lab, 0, ("arm", 0, make_fault("lies about failure", "arm", 0)))
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.FAILED
    assert not device.restore_armed
    assert not device.locked_by


def test_two_changes_of_one_device_exclude_one_another(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile
) -> None:
    device = memory_lab.switches[0]
    old = memory_lab.running(device)
    with hold_device_lock(memory_lab.folder / "locks", device.id):
        outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.FAILED
    assert str(os.getpid()) in outcome.reason
    assert memory_lab.running(device) == old


def test_another_controller_is_not_disturbed(city: City, memory_lab: MemoryLab, canary_plan: PlanFile) -> None:
    device = memory_lab.of(memory_lab.switches[0])
    device.take("another-plan", "another-run", 100)
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.FAILED
    assert "the lock is held by plan another-plan for up to 100 s more" in outcome.reason
    assert device.locked_by == "another-run"
    memory_lab.clock.sleep(101)
    assert memory_lab.apply(city, canary_plan)[0].end is End.APPLIED


def test_the_timeline_is_a_trace_from_the_rollout_down_to_the_command(
    city: City, memory_lab: MemoryLab, tmp_path: Path
) -> None:
    less, path = without_rule(city, RULE), tmp_path / "timeline.jsonl"
    plan = memory_lab.plan(less, memory_lab.schools[:1])
    with open_trace(path) as listener:
        memory_lab.apply(less, plan, listener)
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
    assert [name.removeprefix("step ") for name in names if name.startswith("step ")] == STEPS


def test_the_canary_is_a_school_in_which_something_changes(city: City, memory_lab: MemoryLab) -> None:
    less = without_rule(city, RULE)
    first, second = memory_lab.schools[:2]
    assert memory_lab.plan(less, (first, second)).canary == first
    memory_lab.apply(less, memory_lab.plan(less, (first,)))
    assert memory_lab.plan(less, (first, second)).canary == second


def test_an_unexpected_error_in_the_middle_still_has_one_of_the_five_ends(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = memory_lab.switches[0]
    old = memory_lab.running(device)

    def broken(*_: object) -> None:
        message = "a bug of ours"
        raise ZeroDivisionError(message)

    monkeypatch.setattr("controller.rollout.device_step.Procedure.read_back", broken)
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.REVERTED, outcome
    assert "a bug of ours" in outcome.reason
    assert memory_lab.running(device) == old


def test_an_unexpected_error_before_the_change_leaves_the_device_free(
    city: City, memory_lab: MemoryLab, canary_plan: PlanFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = memory_lab.of(memory_lab.switches[0])

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("controller.rollout.device_step.Procedure.arm_restore", broken)
    outcome = memory_lab.apply(city, canary_plan)[0]
    assert outcome.end is End.FAILED
    assert f"{device.name}: unexpected ZeroDivisionError" in outcome.reason
    assert not device.locked_by


def test_a_plan_for_another_platform_is_refused(city: City, memory_lab: MemoryLab) -> None:
    plan = memory_lab.plan(city)
    name = plan.devices[0].device
    other = change_device_plan(plan, name, lambda one: one.model_copy(update={"platform": "cisco_ios"}))
    with pytest.raises(PlanRefused, match=f"{name}: the plan is for platform 'cisco_ios', the city says 'ovs'"):
        memory_lab.apply(city, other)
    assert not any(device.locked_by for device in memory_lab.devices.values())


def test_a_platform_that_is_text_only_is_refused(
    city: City, memory_lab: MemoryLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = memory_lab.plan(city)
    monkeypatch.setattr("controller.plan.verify.load_platform_of", lambda _: SwitchPlatform())
    with pytest.raises(PlanRefused, match="'ovs' is known as text only and cannot be applied to"):
        memory_lab.apply(city, plan)


def test_a_step_sends_its_input_with_its_command(city: City, factory_lab: MemoryLab) -> None:
    plan = factory_lab.plan(city, factory_lab.schools[:1])
    sent: list[str] = []

    def note(span: Span) -> None:
        if span.level is Level.COMMAND:
            sent.append(str(span.attributes["command"]))

    factory_lab.apply(city, plan, Meddler(note))
    assert sent == [command.line for step in plan.devices[0].steps for command in step.commands]
    assert len(sent) == 3

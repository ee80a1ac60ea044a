"""Derives and proves a change by which objects of others change hands: the steps, each state between, the record.

A plan keeps an excerpt of the running configuration and the names of the objects. `plan` derives from the excerpt, and
so does `apply`, again: the same objects, lines, steps and states. On the device `refuse_changed_objects` then holds
what is there against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from controller.adoption.choices import Surroundings, describe_vlan_contradictions
from controller.adoption.effective_filters import build_effective_state, find_old_filters
from controller.adoption.existing_network import ExistingNetwork
from controller.adoption.hand_over import HandOver, apply_hand_over
from controller.adoption.proposal import AdoptionWay, TextStage, limit_wanted
from controller.adoption.reading import can_read_existing, read_existing_network
from controller.adoption.segment_map import propose_segment_map
from controller.adoption.take_over.excerpt import make_excerpt, read_list_lines
from controller.adoption.take_over.objects import (
    ATTACHED,
    choose_hand_overs,
    describe_object,
    find_header,
    find_old_lists,
    is_object_as_recorded,
    is_object_ours,
    name_object,
    read_object_lines,
)
from controller.compile.network.adoption_level import limit_intent
from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import ConfigRefused, PlanRefused, ProofFailed
from controller.inputs.shown_text import shorten_value
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.derive import DerivedChange, describe_derived_changes, refuse_filters_without_ports
from controller.plan.document import HandOverPlan, TakenObject
from controller.plan.proof.rendered_device import find_management_cuts, prove_plan_steps, prove_rendered_device
from controller.platforms.base import Observation, Platform, Step, refuse_conflicts
from controller.platforms.common.understanding import read_unmanaged, understand
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.dialect.steps import in_configuration_mode
from controller.platforms.registry import load_platform_of


@dataclass(frozen=True, slots=True)
class HandOverSteps:
    """Hand-overs with the texts and states that they lead to; `now` is the state before them."""

    network: ExistingNetwork
    now: DeviceState
    wanted: DeviceState
    stages: tuple[TextStage, ...]

    @property
    def after(self) -> DeviceState:
        """The state behind the last of them."""
        return self.stages[-1].state if self.stages else self.now

    @property
    def objects(self) -> tuple[TakenObject, ...]:
        """The objects as a plan lists them."""
        return tuple(describe_object(one.hand_over) for one in self.stages if one.hand_over.kind != "access lists")

    def make_steps(self) -> tuple[Step, ...]:
        """Return them as the steps of a plan."""
        return tuple(make_step(one) for one in self.stages)


def make_step(stage: TextStage) -> Step:
    """Return a stage as a step of a plan."""
    one = stage.hand_over
    title = "make access lists" if one.kind == "access lists" else f"take over {name_object(one)}"
    return Step(title, in_configuration_mode(one.commands), stage.state)


def derive_take_over(city: City, device: Device, text: DeviceText, names: Sequence[str], source: str) -> DerivedChange:
    """Return what taking over the named objects of a device, and then its plan, come to; all of it proved.

    Raises:
        PlanRefused: a name is of no object that can be taken over, or something about it cannot be judged.
        ConfigRefused: an object of others that is not named stands where one of ours must.
        ProofFailed: a state on the way is worse than both ends, or what is wanted is not what the policy says.
    """
    refuse_unsupported_platform(device)

    def read_objects(raw: str) -> tuple[HandOverSteps, str]:
        steps = make_hand_over_steps(city, device, raw, names, source)
        return steps, make_excerpt(device.platform, raw, [find_header(one) for one in steps.objects])

    whole, excerpt = read_unmanaged(text, source, read_objects)
    system = load_platform_of(device)
    if whole.stages:
        # The whole text: what the excerpt leaves out may stand in the way, too.
        intent = limit_intent(compile_device(city, device, system.capabilities), whole.after)
        refuse_conflicts(_understand(system, device, whole.stages[-1].text, source), intent.wanted, source)
    planned = HandOverPlan(way="take-over", objects=whole.objects, text=tuple(excerpt.splitlines()))
    derived = derive_planned_take_over(city, device, planned, whole.now, source)
    if derived.steps[: len(whole.stages)] != whole.make_steps():
        message = (
            f"{device.id}: what the plan would keep of the configuration leads to other steps than the whole of it"
        )
        raise PlanRefused(message)
    return derived


def refuse_unsupported_platform(device: Device) -> None:
    """Refuse a device of a platform whose objects of others are not known.

    Raises:
        PlanRefused: names the platform.
    """
    if not can_read_existing(device.platform):
        message = f"{device.id}: not supported: nothing of platform {device.platform!r} can be taken over yet"
        raise PlanRefused(message)


def derive_planned_take_over(
    city: City, device: Device, planned: HandOverPlan, now: DeviceState, source: str
) -> DerivedChange:
    """Return what the objects that a plan names lead to, derived from the text that it keeps.

    Raises:
        PlanRefused: as `derive_take_over`, or the text does not hold the state that was seen.
        ProofFailed: a state on the way is worse than both ends, or what is wanted is not what the policy says.
    """
    refuse_unsupported_platform(device)
    system = load_platform_of(device)
    text = "".join(f"{line}\n" for line in planned.text)
    found = make_hand_over_steps(city, device, text, [one.name for one in planned.objects], source)
    if found.now != now:
        message = f"{source}: {device.id}: the text that the plan keeps does not hold the state that was seen"
        raise PlanRefused(message)
    if not found.stages:
        message = f"{source}: {device.id}: the plan names no object that is taken over"
        raise PlanRefused(message)
    intent = limit_intent(compile_device(city, device, system.capabilities), found.after)
    refuse_filters_without_ports(intent, found.after, system)
    refuse_conflicts(_understand(system, device, found.stages[-1].text, source), intent.wanted, source)
    proved = prove_rendered_device(city, intent, system)
    rest = system.plan_steps(found.after, intent.wanted)
    prove_plan_steps(city, intent, found.after, rest, system)
    prove_hand_overs(city, intent, found, system, rest)
    taken = tuple(_describe_taken(one) for one in found.objects)
    changes = (*taken, *describe_derived_changes(city, found.after, intent, rest))
    kept = HandOverPlan(way="take-over", objects=found.objects, text=planned.text)
    return DerivedChange(intent.wanted, (*found.make_steps(), *rest), changes, proved, intent, kept)


def _describe_taken(one: TakenObject) -> str:
    return f"> take over {one.name}: {' / '.join(one.old) or 'no name'} -> {' / '.join(one.new)}"


def _understand(system: Platform, device: Device, text: str, source: str) -> Observation:
    return understand(system, DeviceText(text, device.id), source)


def make_hand_over_steps(city: City, device: Device, text: str, names: Sequence[str], source: str) -> HandOverSteps:
    """Return the hand-overs of the named objects on a text, each with the text that the device would show after it.

    Raises:
        PlanRefused: a name is of no object that can be taken over; names it, and says why.
    """
    system = load_platform_of(device)
    compiled = compile_device(city, device, system.capabilities)
    now = _understand(system, device, text, source).state
    network = read_existing_network(device.platform, text, device.id, source)
    wanted = limit_wanted(compiled, now, device.school.adoption, system.capabilities)
    _refuse_other_segments(city, compiled, network, wanted, names)
    stages: list[TextStage] = []
    for one in choose_hand_overs(device.platform, network, wanted, now, names):
        shown = apply_hand_over(device.platform, stages[-1].text if stages else text, one)
        try:
            stages.append(TextStage(one, shown, system.parse(shown, source).state))
        except ConfigRefused:
            message = (
                f"{device.id}: {one.name} cannot be taken over as it is: something in it is refused once it is ours. "
                f"'tsunagu adopt {device.school.id}' says which line, which traffic depends on it, and the choices"
            )
            raise PlanRefused(message) from None
    found = HandOverSteps(network, now, wanted, tuple(stages))
    _refuse_unjudged_lists(compiled, found, system)
    return found


def _refuse_other_segments(
    city: City, compiled: DeviceIntent, network: ExistingNetwork, wanted: DeviceState, names: Iterable[str]
) -> None:
    """Refuse a VLAN whose number another segment has here: its hosts would get the rights of others."""
    device = compiled.device
    segments = {one.vlan: one.segment for one in compiled.intents} or {
        one.number: one.name.partition("-")[2] for one in compiled.wanted.vlans
    }
    numbers = {name: vlan for vlan, name in segments.items()}
    mapped = propose_segment_map(city, device.school, network, numbers, compiled.wanted.ports)
    here = Surroundings(device.school, network, wanted, segments)
    for one in describe_vlan_contradictions(here, mapped):
        if one.name in names:
            message = (
                f"{device.id}: {one.name} cannot be taken over: {one.reason}. 'tsunagu adopt {device.school.id}' lists "
                "the choices"
            )
            raise PlanRefused(message)


def _refuse_unjudged_lists(compiled: DeviceIntent, found: HandOverSteps, system: Platform) -> None:
    """Refuse to take the place of a list that is not understood: nothing could be proved of it."""
    places = [one.key for one in compiled.intents]
    named = {one.hand_over.line for one in found.stages if one.hand_over.needs == "filter"}
    ports = {one.hand_over.name.removeprefix("interface ") for one in found.stages if one.hand_over.kind == "port"}
    for one in find_old_filters(found.network, compiled.wanted, places, system.capabilities):
        if one.unjudged and (one.line in named or one.port in ports):
            message = (
                f"{compiled.device.id}: VLAN {one.place[0]} {one.place[1]} IPv{int(one.place[2])}: its list is not "
                f"understood ({shorten_value(one.unjudged)}), so nothing can be proved of the way; write that entry "
                "in another form on the device first"
            )
            raise PlanRefused(message)


def prove_hand_overs(
    city: City, intent: DeviceIntent, found: HandOverSteps, system: Platform, rest: Sequence[Step] = ()
) -> None:
    """Prove of every state on the way, ours and others' together: it is no worse than both ends, management stays.

    Raises:
        ProofFailed: with the hand-over, and a packet.
    """
    way = AdoptionWay(found.network, found.now, intent.wanted, system, intent.device.id)
    faults, _ = way.prove(system.name, found.stages, rest)
    faults += _find_cuts(city, intent, found, system)
    if faults:
        raise ProofFailed("The proof failed; nothing was saved or applied:\n  " + "\n  ".join(faults))


def _find_cuts(city: City, intent: DeviceIntent, found: HandOverSteps, system: Platform) -> Iterator[str]:
    """Yield why a state on the way would cut the session that changes the device, where the one before would not."""
    platform, device = system.name, intent.device

    def effective(network: ExistingNetwork, state: DeviceState) -> DeviceState:
        # Of systems whose lists stand at ports each port is asked in the proof of the way.
        return build_effective_state(network, state, intent.wanted, system.capabilities)

    before = effective(found.network, found.now)
    if list(find_management_cuts(city, intent, before)):
        return
    for stage in found.stages:
        network = read_existing_network(platform, stage.text, device.id, device.id)
        state = effective(network, stage.state)
        for cut in find_management_cuts(city, intent, state, replace(before, interfaces=())):
            yield f"{cut}, after {stage.hand_over.name}"


def refuse_changed_objects(
    device: Device, planned: HandOverPlan, states: Sequence[DeviceState], text: DeviceText
) -> tuple[TakenObject, ...]:
    """Refuse a device whose objects are not as the plan recorded them, and return those that still are as others left.

    `states` are those that the plan leads through, the wanted one last: with the objects taken over, the device must be
    in one of them but for its lists. So the VLANs of a port and the addresses of an interface are as they were, too.

    Raises:
        PlanRefused: names each object that was changed since, or the list behind it.
        ConfigRefused: an object of others that the plan does not name stands where one of ours must.
    """
    return read_unmanaged(text, device.id, lambda raw: _refuse_changed_objects(device, planned, states, raw))


def _refuse_changed_objects(
    device: Device, planned: HandOverPlan, states: Sequence[DeviceState], raw: str
) -> tuple[TakenObject, ...]:
    platform = device.platform
    lines = {one: read_object_lines(platform, raw, one) for one in planned.objects}
    changed = [one.name for one, there in lines.items() if not _is_expected(one, there)]
    recorded = read_list_lines(platform, "".join(f"{line}\n" for line in planned.text))
    there = read_list_lines(platform, raw)
    used = {name for one in planned.objects for name in find_old_lists(one)}
    changed += [f"list {name}" for name in sorted(used) if there.get(name) != recorded.get(name)]
    if changed:
        message = (
            f"{device.id}: changed since the plan was made: {', '.join(changed)}. Nothing was changed; look at it with "
            f"'tsunagu adopt {device.school.id}', then make the plan anew"
        )
        raise PlanRefused(message)
    pending = tuple(one for one, found in lines.items() if is_object_as_recorded(one, found))
    if planned.way == "take-over":
        system = load_platform_of(device)
        shown = raw
        for one in pending:
            shown = apply_hand_over(platform, shown, _find_commands(one))
        seen = understand(system, DeviceText(shown, device.id), device.id)
        refuse_conflicts(seen, states[-1], device.id)
        if not any(_are_alike(seen.state, one) for one in states):
            message = (
                f"{device.id}: ports or interfaces that are taken over were changed since the plan was made. Nothing "
                "was changed; make the plan anew"
            )
            raise PlanRefused(message)
    return pending


def _are_alike(one: DeviceState, other: DeviceState) -> bool:
    """Tell if two states are equal but for their lists."""
    return replace(one, filters=()) == replace(other, filters=())


def _is_expected(one: TakenObject, lines: Sequence[str]) -> bool:
    return is_object_as_recorded(one, lines) or is_object_ours(one, lines)


def _find_commands(one: TakenObject) -> HandOver:
    """Return the hand-over of an object whose lists exist already, for a look at what would stand in the way."""
    header = find_header(one)
    commands: tuple[str, ...] = (header, *one.new, *(f"no {line}" for line in one.old if line.startswith(ATTACHED)))
    if one.kind == "vlan" and one.new[0].startswith("vlan "):
        commands = ("vlan database", *one.new)
    elif one.kind == "filter":
        commands = (header, *one.new)
    return HandOver(one.kind, header, 0, "", "", commands, ())

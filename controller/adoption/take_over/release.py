"""Gives back what was taken over: names and descriptions as they were, and the lists that judged before.

It goes by the record alone. What the plan made beside the objects (lists at places where nothing judged, VLANs of
ports) stays as it is. An object that somebody changed since is refused, by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.adoption.hand_over import HandOver, apply_hand_over
from controller.adoption.proposal import TextStage
from controller.adoption.reading import read_existing_network
from controller.adoption.take_over.derive import HandOverSteps, prove_hand_overs, refuse_unsupported_platform
from controller.adoption.take_over.excerpt import make_excerpt, read_list_lines
from controller.adoption.take_over.objects import (
    ATTACHED,
    find_header,
    find_old_lists,
    is_object_as_recorded,
    is_object_ours,
    is_well_formed,
    read_object_lines,
)
from controller.adoption.take_over.record import TakenRecord, digest_list
from controller.compile.network.wanted_device_state import compile_device
from controller.errors import ConfigRefused, PlanRefused
from controller.inputs.shown_text import shorten_value
from controller.model.city import City
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.plan.derive import DerivedChange
from controller.plan.document import HandOverPlan, TakenObject
from controller.platforms.allied_telesis_awplus.acl import ACCESS_LISTS as AWPLUS_LISTS
from controller.platforms.base import Platform, Step
from controller.platforms.cisco_ios.text import SWITCH as CISCO
from controller.platforms.common.understanding import read_unmanaged, understand
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.dialect.steps import in_configuration_mode
from controller.platforms.registry import load_platform_of

_AWPLUS = "allied_telesis_awplus"


def derive_release(city: City, device: Device, text: DeviceText, record: TakenRecord, source: str) -> DerivedChange:
    """Return what gives back all that was taken over on a device; all of it proved.

    Raises:
        PlanRefused: nothing of it is ours any more, or an object, or the list behind it, was changed since.
        ProofFailed: a state on the way is worse than both ends.
    """
    refuse_unsupported_platform(device)
    headers = [find_header(one.taken) for one in record.objects]
    objects, excerpt = read_unmanaged(
        text, source, lambda raw: (_choose_objects(device, raw, record), make_excerpt(device.platform, raw, headers))
    )
    planned = HandOverPlan(way="release", objects=objects, text=tuple(excerpt.splitlines()))
    now = understand(load_platform_of(device), text, source).state
    return derive_planned_release(city, device, planned, now, source, record)


def _choose_objects(device: Device, text: str, record: TakenRecord) -> tuple[TakenObject, ...]:
    """Return what is to be given back, the last that was taken first; what is as others left it needs nothing."""
    lists = read_list_lines(device.platform, text)
    changed, chosen = [], []
    for one in reversed(record.objects):
        lines = read_object_lines(device.platform, text, one.taken)
        if is_object_as_recorded(one.taken, lines):
            continue
        if not is_object_ours(one.taken, lines):
            changed.append(one.taken.name)
        names = find_old_lists(one.taken)
        if tuple(digest_list(lists.get(name)) for name in names) != one.lists:
            changed.append(f"list {' or '.join(names)}")
        chosen.append(one.taken)
    if changed:
        message = (
            f"{device.id}: changed since it was taken over: {', '.join(changed)}. Nothing is given back; give the "
            "objects the names and entries of the record (taken-over in the operators' state), or name them by hand"
        )
        raise PlanRefused(message)
    if not chosen:
        message = f"{device.id}: nothing that was taken over from here is ours on it, so nothing can be given back"
        raise PlanRefused(message)
    return tuple(chosen)


def derive_planned_release(  # noqa: PLR0913, PLR0917 what a plan is held against
    city: City, device: Device, planned: HandOverPlan, now: DeviceState, source: str, record: TakenRecord | None
) -> DerivedChange:
    """Return what giving back the objects of a plan leads to, derived from the text that it keeps and from the record.

    `record` is None where a plan is only looked at, away from where it is kept; the device is changed by nobody then.

    Raises:
        PlanRefused: the plan does not give back what the record says, or its text does not hold the state.
        ProofFailed: a state on the way is worse than both ends.
    """
    refuse_unsupported_platform(device)
    system = load_platform_of(device)
    text = "".join(f"{line}\n" for line in planned.text)
    for one in planned.objects:
        if not is_well_formed(one):
            message = f"{source}: {device.id}: the plan names {shorten_value(one.name)} in a form that no object has"
            raise PlanRefused(message)
    if record is not None and _choose_objects(device, text, record) != planned.objects:
        message = (
            f"{source}: {device.id}: the plan gives back other objects than the record of what was taken over says"
        )
        raise PlanRefused(message)
    if understand(system, DeviceText(text, device.id), source).state != now:
        message = f"{source}: {device.id}: the text that the plan keeps does not hold the state that was seen"
        raise PlanRefused(message)
    intent = compile_device(city, device, system.capabilities)
    network = read_existing_network(device.platform, text, device.id, source)
    stages = _make_stages(device, system, text, now, planned.objects)
    found = HandOverSteps(network, now, intent.wanted, stages)
    prove_hand_overs(city, intent, found, system)
    changes = tuple(
        f"< give back {one.name}: {' / '.join(one.new)} -> {' / '.join(one.old) or 'no name'}"
        for one in planned.objects
    )
    steps = tuple(
        Step(_title(one.hand_over), in_configuration_mode(one.hand_over.commands), one.state) for one in stages
    )
    return DerivedChange(found.after, steps, changes, 0, None, planned)


def _title(one: HandOver) -> str:
    return "remove access lists" if one.kind == "access lists" else f"give back {one.name}"


def _make_stages(
    device: Device, system: Platform, text: str, now: DeviceState, objects: Iterable[TakenObject]
) -> tuple[TextStage, ...]:
    stages: list[TextStage] = []

    def enter(one: HandOver) -> None:
        shown = apply_hand_over(system.name, stages[-1].text if stages else text, one)
        try:
            stages.append(TextStage(one, shown, system.parse(shown, device.id).state))
        except ConfigRefused:
            message = f"{device.id}: {one.name} cannot be given back as it is: what the device would show is refused"
            raise PlanRefused(message) from None

    for one in objects:
        header = find_header(one)
        there = read_object_lines(system.name, stages[-1].text if stages else text, one)
        commands = _list_commands(system.name, one, there)
        enter(HandOver(one.kind, header, 0, "", "", commands, (), needs="filter" if find_old_lists(one) else "name"))
    state = stages[-1].state if stages else now
    was, bound = ({one.filter for one in of.bindings} for of in (now, state))
    gone = [one for one in state.filters if one.name in was - bound]
    if gone:
        lists = (AWPLUS_LISTS if system.name == _AWPLUS else CISCO.acl).lists
        lines = tuple(f"no {lists[one.family]} {one.name}" for one in gone)
        enter(HandOver("access lists", f"{len(gone)} access lists", 0, "", "", lines, ()))
    return tuple(stages)


def _list_commands(platform: str, one: TakenObject, there: Sequence[str]) -> tuple[str, ...]:
    """Return the commands that give an object back; `there` is what stands of it now."""
    header = find_header(one)
    if one.kind == "vlan":
        number = int(header.split()[1])
        if platform == _AWPLUS:
            return ("vlan database", *(one.old or (f"vlan {number} name VLAN{number:04d}",)))
        return (header, *(one.old or ("no name",)))
    if one.kind == "filter":
        return (header, *one.old)
    described = [line for line in one.old if line.startswith("description ")] or ["no description"]
    old = [line for line in one.old if line.startswith(ATTACHED)]
    # Those of others behind ours first: what ours deny is denied until they are gone.
    return (header, *described, *old, *(f"no {line}" for line in there if line.startswith(ATTACHED)))

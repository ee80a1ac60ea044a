"""The adoption of a device, proposed from its running configuration; nothing is changed by it.

Each hand-over is tried on the text: what the device would show after it is parsed by its platform. What is refused is
no hand-over but a contradiction, with its choices. Then the whole way is proved, from the filters that are in force
today over every text between to the state that the policy wants: old AND new <= between <= old OR new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from controller.adoption.access_changes import AccessChange, find_access_changes
from controller.adoption.choices import (
    Choice,
    Contradiction,
    Surroundings,
    describe_filter_contradictions,
    describe_interface_contradictions,
    describe_port_contradictions,
    describe_refusal,
    describe_vlan_contradictions,
    is_plain,
)
from controller.adoption.effective_filters import OldFilter, build_effective_state, find_old_filters
from controller.adoption.existing_network import ExistingNetwork
from controller.adoption.hand_over import HandOver, apply_hand_over, list_hand_overs
from controller.adoption.reading import can_read_existing, read_existing_network
from controller.adoption.segment_map import SegmentProposal, propose_segment_map
from controller.compile.network.adoption_level import keep_unmanaged_parts
from controller.compile.network.wanted_device_state import DeviceIntent, compile_device
from controller.errors import ConfigRefused, Origin, Problem, TsunaguError
from controller.messages import Catalogue, Language, load_catalogue
from controller.model.city import City
from controller.model.network.device_state import Attachment, Capabilities, DeviceState
from controller.model.sites.adoption import AdoptionLevel, list_managed_parts
from controller.model.sites.devices import Device
from controller.plan.review import describe_changes
from controller.platforms.base import Platform, Step, refuse_conflicts
from controller.platforms.common.understanding import understand
from controller.platforms.conflict_choices import strip_advice
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform_of
from controller.prove.filters.transition import TransitionStage, find_transition_faults


class AdoptionRefused(TsunaguError):
    """Nothing can be proposed for a device; says why."""


@dataclass(frozen=True, slots=True)
class TextStage:
    """What the device would show after a hand-over, and the state of ours in it."""

    hand_over: HandOver
    text: str
    state: DeviceState


@dataclass(frozen=True, slots=True)
class DeviceProposal:
    """What the adoption of a device comes to.

    `stages` are the hand-overs that can be made, in their order, each with its text. `changes` are what a plan would
    change after them. `unjudged` says what nobody can tell, `faults` what the proof of the way found; `states` counts
    the states that were proved.
    """

    device: Device
    source: str
    segment_map: tuple[SegmentProposal, ...]
    stages: tuple[TextStage, ...]
    contradictions: tuple[Contradiction, ...]
    access_changes: tuple[AccessChange, ...]
    changes: tuple[str, ...] = ()
    unjudged: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    states: int = 0

    @property
    def only_names(self) -> tuple[HandOver, ...]:
        """The hand-overs by which nothing but a name changes."""
        return tuple(one.hand_over for one in self.stages if one.hand_over.needs == "name")


def propose_adoption(  # noqa: PLR0913, PLR0917 what is proposed of what, and in which language
    city: City,
    device: Device,
    text: str,
    source: str,
    level: AdoptionLevel = "all",
    language: Language = "en",
) -> DeviceProposal:
    """Return what it takes to manage a device up to a level, from its running configuration.

    `language`: that of what people read of it.

    Raises:
        AdoptionRefused: nothing is known of what is not ours on its platform, or the level manages nothing of it.
        TsunaguError: the configuration is refused, or the platform cannot express what is wanted.
    """
    if not can_read_existing(device.platform):
        message = f"{device.id}: not supported: no adoption is proposed for platform {device.platform!r} yet"
        raise AdoptionRefused(message)
    system = load_platform_of(device)
    intent = compile_device(city, device, system.capabilities)
    now = understand(system, DeviceText(text, device.id), source).state
    network = read_existing_network(device.platform, text, device.id, source)
    wanted = limit_wanted(intent, now, level, system.capabilities)
    segments = {one.vlan: one.segment for one in intent.intents} or {
        one.number: one.name.partition("-")[2] for one in intent.wanted.vlans
    }
    words = load_catalogue(language)
    here = Surroundings(device.school, network, wanted, segments, collect_names(city), words)
    numbers = {name: vlan for vlan, name in segments.items()}
    mapped = propose_segment_map(city, device.school, network, numbers, intent.wanted.ports, words)
    links = {one.number: one.name.partition("-")[2] for one in intent.wanted.vlans if one.number not in segments}
    mapped = tuple(_name_link(one, links, words) for one in mapped)
    strange = list(describe_vlan_contradictions(here, mapped))
    stages, refused = _try_hand_overs(here, system, text, {one.name for one in strange})
    places = [one.key for one in intent.intents]
    old = find_old_filters(network, intent.wanted, places, system.capabilities, now)
    parts = list_managed_parts(level)
    judged = old if "filters" in parts else []
    others = [one for one in judged if not one.ours]
    strangers = find_access_changes(city, device.school, intent.intents, others, words)
    # What is ours is changed by a plan: it opens and closes, too, and is in nobody's way.
    ours = find_access_changes(city, device.school, intent.intents, [one for one in judged if one.ours], words)
    access = [*strangers, *ours]
    after = stages[-1].state if stages else now
    contradictions = [*strange, *refused, *describe_filter_contradictions(here, strangers)]
    if "ports" in parts:
        contradictions += describe_port_contradictions(here, after.ports)
    if "interfaces" in parts:
        contradictions += describe_interface_contradictions(here)
    steps, left = _plan_rest(here, system, stages[-1].text if stages else text, source)
    contradictions += [one for one in left if not _is_told(one, contradictions)]
    proved = AdoptionWay(network, now, wanted, system, source)
    faults, states = proved.prove(device.platform, stages, steps)
    return DeviceProposal(
        device,
        source,
        mapped,
        tuple(stages),
        tuple(sorted(contradictions, key=lambda one: one.line)),
        tuple(access),
        tuple(describe_changes(segments, after, wanted)) if steps else (),
        tuple(_list_unjudged(source, old, words)),
        tuple(faults),
        states,
    )


def collect_names(city: City) -> dict[str, str]:
    """Return what people call the segments and applications of a city, by their ids."""
    segments = {name: one.name for name, one in city.segments.items()}
    return segments | {name: one.name for name, one in city.applications.items()}


def _name_link(one: SegmentProposal, links: dict[int, str], words: Catalogue) -> SegmentProposal:
    """Return the proposal for a VLAN that the policy has for no segment but for the link to the router."""
    if one.segment or one.vlan not in links:
        return one
    return replace(one, segment=links[one.vlan], reasons=(words["adoption.reason-link"],))


def limit_wanted(intent: DeviceIntent, now: DeviceState, level: AdoptionLevel, can: Capabilities) -> DeviceState:
    """Return what is wanted of a device up to a level; filters that stand at ports need their ports.

    Raises:
        AdoptionRefused: the level manages nothing of it.
    """
    wanted = keep_unmanaged_parts(level, now, intent.wanted)
    if level == "filters" and can.attachment is Attachment.PORT:
        # Filters that stand at ports need ports that are ours.
        wanted = replace(wanted, ports=intent.wanted.ports)
    if level == "observe" or not (wanted.bindings or wanted.vlans or wanted.ports):
        message = f"{intent.device.id}: nothing of it is managed at 'adoption: {level}'; choose another with --to"
        raise AdoptionRefused(message)
    return wanted


def _try_hand_overs(
    here: Surroundings, system: Platform, text: str, strange: set[str]
) -> tuple[list[TextStage], list[Contradiction]]:
    """Return the hand-overs that the platform understands, each with its text, and what it refuses."""
    stages: list[TextStage] = []
    refused: list[Contradiction] = []
    for one in list_hand_overs(system.name, here.network, here.wanted):
        if one.name in strange:
            continue
        shown = apply_hand_over(system.name, stages[-1].text if stages else text, one)
        try:
            stages.append(TextStage(one, shown, system.parse(shown, here.network.source).state))
        except ConfigRefused:
            refused += _describe_problems(here, system, one, shown)
    return stages, refused


def _describe_problems(here: Surroundings, system: Platform, one: HandOver, shown: str) -> Iterator[Contradiction]:
    """Yield what a platform refuses of a text; its messages quote redacted lines only."""
    problems: tuple[Problem, ...] = ()
    try:
        understand(system, DeviceText(shown, here.device), here.network.source)
    except ConfigRefused as error:
        problems = error.problems
    lines = shown.split("\n")
    port = here.network.ports.get(one.name.removeprefix("interface "))
    for problem in problems:
        words = " ".join(lines[problem.origin.line - 1].split()) if problem.origin.line <= len(lines) else ""
        there = [line.number for line in (port.own_lines if port else ()) if " ".join(line.text.split()) == words]
        placed = replace(problem, origin=replace(problem.origin, line=there[0] if there else one.line))
        yield describe_refusal(here, placed, one.commands[0], words if is_plain(words) else str(DeviceText(words)))


def _plan_rest(
    here: Surroundings, system: Platform, text: str, source: str
) -> tuple[tuple[Step, ...], list[Contradiction]]:
    """Return the steps of a plan after the hand-overs, and what would still stand in its way."""
    seen = understand(system, DeviceText(text, here.device), source)
    try:
        refuse_conflicts(seen, here.wanted, source)
        return system.plan_steps(seen.state, here.wanted), []
    except ConfigRefused as error:
        return (), [_describe_conflict(here, problem) for problem in error.problems]
    except ValueError as error:
        return (), [_describe_conflict(here, Problem(Origin(source, 1), "", str(error)))]


def _describe_conflict(here: Surroundings, problem: Problem) -> Contradiction:
    reason = strip_advice(problem.message)
    return Contradiction(
        here.device,
        problem.origin.line,
        reason.removeprefix("conflict: ").partition(" must stand")[0],
        reason,
        here.say("conflict-traffic"),
        (
            Choice(here.say("conflict-follow"), (), here.nothing, here.nothing),
            here.leave_out(here.say("it"), "observe"),
        ),
    )


def _is_told(one: Contradiction, others: Sequence[Contradiction]) -> bool:
    """Tell if another contradiction is about the same object already."""
    return any(other.name.removeprefix("interface ").lower() in one.name.lower() for other in others)


def _list_unjudged(source: str, old: Sequence[OldFilter], words: Catalogue) -> Iterator[str]:
    for one in old:
        if one.unjudged:
            vlan, direction, family = one.place
            place = words.say("adoption.place", vlan=vlan, direction=direction, family=int(family))
            yield words.say("adoption.unjudged", source=source, line=one.line, place=place, why=one.unjudged)


@dataclass(frozen=True, slots=True)
class AdoptionWay:
    """The way from what is in force today to what is wanted, over every text between."""

    network: ExistingNetwork
    now: DeviceState
    wanted: DeviceState
    system: Platform
    source: str

    def prove(self, platform: str, stages: Sequence[TextStage], steps: Sequence[Step]) -> tuple[list[str], int]:
        """Return where a state between is worse than both ends, and how many states there are between."""
        networks = [read_existing_network(platform, one.text, self.network.device, self.source) for one in stages]
        held = [(one.hand_over.name, there, one.state) for one, there in zip(stages, networks, strict=True)]
        last = networks[-1] if networks else self.network
        held += [(step.title, last, step.result) for step in steps]
        can = self.system.capabilities
        ports = [one.name for one in self.wanted.ports] if can.attachment is Attachment.PORT else [""]
        faults: list[str] = []
        for port in ports:
            before = build_effective_state(self.network, self.now, self.wanted, can, port)
            way = [
                TransitionStage(title, build_effective_state(there, state, self.wanted, can, port))
                for title, there, state in held
            ]
            faults += [f"{self.network.device}: {fault}" for fault in find_transition_faults(before, way, can)]
        return list(dict.fromkeys(faults)), max(0, len(held) - 1)

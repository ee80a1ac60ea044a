"""What contradicts the policy on a running device, which traffic depends on it, and the choices with their commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from controller.adoption.access_changes import AccessChange
from controller.adoption.existing_network import ExistingInterface, ExistingNetwork, ExistingPort
from controller.adoption.segment_map import SegmentProposal
from controller.errors import Problem
from controller.model.network.device_state import DeviceState, PortState, VlanInterface, build_vlan_interface
from controller.model.sites.adoption import AdoptionLevel
from controller.model.sites.schools import School
from controller.platforms.allied_telesis_awplus.text import write_attachment
from controller.platforms.cisco_ios.text import SWITCH as CISCO
from controller.platforms.common.managed import write_vlan_list
from controller.platforms.dialect.vlan_interface import change_interface

_SHOWN = 3
UNUSED_VLAN = 999
NOTHING = "nothing"
UNMARKED = "do not give it our description"


@dataclass(frozen=True, slots=True)
class Choice:
    """A way out of a contradiction: what to enter on the device or write into the policy, what it closes and opens."""

    title: str
    commands: tuple[str, ...]
    closes: str
    opens: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An object that the policy wants otherwise. `line` is where it stands; `traffic` depends on it."""

    device: str
    line: int
    name: str
    reason: str
    traffic: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all contradictions of a device are told with."""

    school: School
    network: ExistingNetwork
    wanted: DeviceState
    segments: dict[int, str]
    """The segments of the policy by their VLAN numbers."""

    @property
    def device(self) -> str:
        """The device's id."""
        return self.network.device

    def name_vlans(self, numbers: Iterable[int]) -> str:
        """Return VLANs with the names that people know."""
        shown = []
        for number in sorted(numbers):
            known = self.network.vlans.get(number)
            name = self.segments.get(number) or (known.name if known else "")
            shown.append(f"VLAN {number}{f' ({name})' if name else ''}")
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        return ", ".join(shown[:_SHOWN]) + more

    def leave_out(self, what: str, level: AdoptionLevel | None, how: str = "") -> Choice:
        """Return the choice to leave an object alone for now: by a lower level of the school, or otherwise."""
        where = f"write 'adoption: {level}' at {self.school.name} ({self.school.id})" if level else how
        return Choice(f"leave {what} as it is for now: {where}; it is then not judged", (), NOTHING, NOTHING)


def describe_port_contradictions(here: Surroundings, parsed: Iterable[PortState]) -> Iterator[Contradiction]:
    """Yield each port that carries other VLANs, or in another way, than the policy wants."""
    held = {one.name: one for one in parsed}
    for port in here.wanted.ports:
        old = here.network.ports.get(port.name)
        now = held.get(port.name)
        carried = set(now.vlans) if now else set(old.vlans) & _known(here) if old else set()
        if old is None or (carried == set(port.vlans) and old.mode == port.mode):
            continue
        lost, gained = carried - set(port.vlans), set(port.vlans) - carried
        closes = f"hosts behind {port.name} in {here.name_vlans(lost)}" if lost else NOTHING
        opens = f"{here.name_vlans(gained)} at {port.name}" if gained else NOTHING
        commands = _set_port(port, lost, gained, old)
        yield Contradiction(
            here.device,
            old.line.number,
            f"port {port.name}",
            f"it is {old.mode or 'undecided'} in {here.name_vlans(carried) or 'no VLAN'}; the policy wants "
            f"{port.mode} in {here.name_vlans(port.vlans)}",
            f"hosts behind {port.name} in {here.name_vlans(carried)}" if carried else "none that is known",
            (
                Choice(f"let the plan set {port.name} as the policy says", commands, closes, opens),
                Choice(
                    f"say in the blueprint (city/blueprints.yaml) that {port.name} is {old.mode or 'access'} with "
                    "these VLANs",
                    (),
                    NOTHING,
                    NOTHING,
                ),
                here.leave_out(port.name, None, UNMARKED),
            ),
        )


def _known(here: Surroundings) -> set[int]:
    return {*here.network.vlans, *here.segments}


def _set_port(port: PortState, lost: set[int], gained: set[int], old: ExistingPort) -> tuple[str, ...]:
    lines = [f"interface {port.name}"]
    if port.mode == "access":
        return (*lines, "switchport mode access", f"switchport access vlan {port.vlans[0]}")
    if old.mode != "trunk":
        return (*lines, f"switchport trunk allowed vlan {write_vlan_list(port.vlans)}", "switchport mode trunk")
    lines += [f"switchport trunk allowed vlan remove {write_vlan_list(lost)}"] if lost else []
    lines += [f"switchport trunk allowed vlan add {write_vlan_list(gained)}"] if gained else []
    return tuple(lines)


def describe_interface_contradictions(here: Surroundings) -> Iterator[Contradiction]:
    """Yield each interface in a VLAN that would lose an address; that it gains one closes nothing."""
    for one in here.wanted.interfaces:
        old = here.network.interfaces.get(one.vlan)
        if old is not None and not set(old.addresses) <= set(one.addresses):
            yield _describe_interface(here, one, old)


def _describe_interface(here: Surroundings, one: VlanInterface, old: ExistingInterface) -> Contradiction:
    segment = here.segments.get(one.vlan, f"VLAN {one.vlan}")
    lost = [address for address in old.addresses if address not in one.addresses]
    hosts = f"hosts of {segment} whose gateway is {' or '.join(lost)}" if lost else NOTHING
    new = [address for address in one.addresses if address not in old.addresses]
    return Contradiction(
        here.device,
        old.line.number,
        f"interface Vlan{one.vlan}",
        f"it has {' '.join(old.addresses) or 'no address'}; the policy wants {' '.join(one.addresses)}",
        f"everything that {segment} sends to other networks",
        (
            Choice(
                f"tell the policy the address that is there (segments of {here.school.id}; see the segment map)",
                (),
                NOTHING,
                NOTHING,
            ),
            Choice(
                "let the plan set the addresses of the policy, after hosts have new leases",
                _set_addresses(one, old),
                hosts,
                f"{segment} at {' '.join(new)}" if new else NOTHING,
            ),
            here.leave_out("the interface", "ports"),
        ),
    )


def _set_addresses(one: VlanInterface, old: ExistingInterface) -> tuple[str, ...]:
    there = build_vlan_interface(one.vlan, old.addresses)
    lines = change_interface(CISCO.addresses, there, one) if CISCO.addresses else ()
    return (f"interface {CISCO.vlan_interface.format(one.vlan)}", *lines)


def describe_vlan_contradictions(here: Surroundings, proposals: Iterable[SegmentProposal]) -> Iterator[Contradiction]:
    """Yield each VLAN number that the policy gives to one segment and the network to another one."""
    for one in proposals:
        wanted = here.segments.get(one.vlan)
        known = here.network.vlans.get(one.vlan)
        if wanted is None or not one.segment or wanted == one.segment or not one.sure:
            continue
        yield Contradiction(
            here.device,
            known.line.number if known else 1,
            f"vlan {one.vlan}",
            f"the policy has {wanted} in VLAN {one.vlan}; here it is {one.segment}, because {'; '.join(one.reasons)}",
            f"all hosts in VLAN {one.vlan} ({one.name or 'no name'})",
            (
                Choice(
                    f"tell the policy the numbers that are here: under 'segments' of {here.school.id} write "
                    f"{one.format_override()}, and another number for {wanted}",
                    (),
                    NOTHING,
                    NOTHING,
                ),
                Choice(
                    f"hand the VLAN over as {wanted} all the same",
                    (f"vlan {one.vlan}", f"name TSN-{wanted}"),
                    f"what {one.segment} may reach and {wanted} may not, for all hosts in VLAN {one.vlan}",
                    f"what {wanted} may reach, for all hosts in VLAN {one.vlan}",
                ),
                here.leave_out(f"VLAN {one.vlan}", "filters"),
            ),
        )


def describe_filter_contradictions(here: Surroundings, changes: Iterable[AccessChange]) -> Iterator[Contradiction]:
    """Yield each segment and direction in which another filter lets other packets through than today's."""
    grouped: dict[tuple[str, str, str], list[AccessChange]] = {}
    for one in changes:
        grouped.setdefault((one.segment, one.direction, one.before), []).append(one)
    for (segment, direction, before), found in grouped.items():
        vlan = next((number for number, name in here.segments.items() if name == segment), 0)
        families = {family for one in found for family in one.families}
        commands, line = _replace_filter(here, vlan, direction, families, before)
        closes, opens = (_list_changes(found, way) for way in ("closes", "opens"))
        yield Contradiction(
            here.device,
            line,
            f"filter of {segment}, {direction} its hosts",
            f"today: {before}; the policy permits other packets",
            f"what hosts of {segment} {'send' if direction == 'from' else 'are sent'}",
            (
                Choice(
                    "let the filter of the policy take its place",
                    commands,
                    closes,
                    opens,
                ),
                Choice(
                    "say in the policy what passes today: "
                    f"tsunagu adopt {here.school.id} --propose-rules -o rules-{here.school.id}.yaml, then review it",
                    (),
                    NOTHING,
                    NOTHING,
                ),
                here.leave_out("the filter", "observe"),
            ),
        )


def _replace_filter(
    here: Surroundings, vlan: int, direction: str, families: set[int], before: str
) -> tuple[tuple[str, ...], int]:
    """Return the commands that put the policy's filters in force at a place, and the line where today's stands."""
    bound = [one for one in here.wanted.bindings if (one.vlan, one.direction) == (vlan, direction)]
    bound = [one for one in bound if int(one.family) in families]
    named = re.search(r"line ([0-9]+)$", before)
    at_port = re.search(r" at ([^ ,]+)", before)
    if at_port:
        port = here.network.ports.get(at_port[1])
        lines = [write_attachment(one) for one in bound]
        commands = (f"interface {at_port[1]}", *lines) if lines else ()
        return commands, int(named[1]) if named else port.line.number if port else 1
    interface = here.network.interfaces.get(vlan)
    commands = (f"interface {CISCO.vlan_interface.format(vlan)}", *map(CISCO.bind, bound)) if bound else ()
    return commands, int(named[1]) if named else interface.line.number if interface else 1


def _list_changes(changes: Sequence[AccessChange], way: str) -> str:
    found = [f"{one.peer} ({', '.join(one.services)})" for one in changes if one.way == way]
    return "; ".join(dict.fromkeys(found)) or NOTHING


_VOICE = re.compile(r"switchport voice vlan (\S+)")
_NATIVE = re.compile(r"switchport trunk native vlan ([0-9]+)")
_FILTERED = re.compile(r"(?:ip |ipv6 |mac )?(?:access-group|traffic-filter) (\S+)(?: (?:in|out))?")


def is_plain(words: str) -> bool:
    """Tell if a line is one that can hold no secret: a VLAN, or a list by its name.

    >>> is_plain("switchport voice vlan 150"), is_plain("snmp-server community x")
    (True, False)
    """
    return any(pattern.fullmatch(words) for pattern in (_VOICE, _NATIVE, _FILTERED))


def describe_refusal(here: Surroundings, problem: Problem, holder: str, words: str) -> Contradiction:
    """Return what a platform refuses of an object once it is ours, with its choices.

    `holder` is the header of the object's block (`interface port1.0.1`), `words` the line that is refused.
    """
    voice, native, filtered = (pattern.fullmatch(words) for pattern in (_VOICE, _NATIVE, _FILTERED))
    name = holder.removeprefix("interface ")
    ways: tuple[Choice, ...]
    if native:
        number = int(native[1])
        vlan = here.name_vlans([number])
        traffic = f"frames without a tag on {name}: {vlan}, often the management of the neighbour"
        ways = (
            Choice(
                f"tag everything: give {name} an unused native VLAN, at both ends in one go",
                (holder, f"switchport trunk native vlan {UNUSED_VLAN}"),
                f"{traffic}, until the neighbour tags them",
                f"{vlan} with a tag on {name}",
            ),
            Choice(
                f"take VLAN {number} off {name}, if nothing behind it is managed there, and off it in the blueprint",
                (holder, f"switchport trunk allowed vlan remove {number}"),
                f"{vlan} behind {name}",
                NOTHING,
            ),
        )
    elif voice:
        traffic = f"phones behind {name}, in {here.name_vlans([int(voice[1])]) if voice[1].isdecimal() else voice[1]}"
        segment = "make the phones' VLAN a segment of the policy, and the port a trunk of both in the blueprint"
        ways = (
            Choice("take the phones off this port", (holder, f"no {words}"), traffic, NOTHING),
            Choice(segment, (), NOTHING, "what rules permit the new segment"),
        )
    else:
        traffic = f"what {filtered[1]} judges at {name}" if filtered else f"what {name} carries by {words!r}"
        rules = f"say in rules what it permits: tsunagu adopt {here.school.id} --propose-rules -o FILE"
        words_for_it = "say it in the blueprint of the school, where the policy has words for it"
        ways = (
            Choice(
                f"take {words!r} off {name}",
                (holder, f"no {words}"),
                NOTHING if filtered else traffic,
                f"what {filtered[1]} denies and the policy permits" if filtered else NOTHING,
            ),
            Choice(rules if filtered else words_for_it, (), NOTHING, NOTHING),
        )
    told = {native: "carries a VLAN of ours untagged", voice: "carries another VLAN beside ours"}
    what = next((text for match, text in told.items() if match), "is filtered by a list that is not ours")
    plain = f"it {what}: {words!r}" if native or voice or filtered else problem.message
    reason = plain.partition("; choices:")[0]
    left = here.leave_out(name, None, UNMARKED)
    return Contradiction(here.device, problem.origin.line, holder, reason, traffic, (*ways, left))

"""What contradicts the policy on a running device, which traffic depends on it, and the choices with their commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controller.adoption.access_changes import AccessChange, name_peer, name_service
from controller.adoption.existing_network import ExistingInterface, ExistingNetwork, ExistingPort
from controller.adoption.segment_map import SegmentProposal
from controller.errors import Problem
from controller.messages import Catalogue, load_catalogue
from controller.model.network.device_state import DeviceState, PortState, VlanInterface, build_vlan_interface
from controller.model.sites.adoption import AdoptionLevel
from controller.model.sites.schools import School
from controller.platforms.allied_telesis_awplus.text import write_attachment
from controller.platforms.cisco_ios.text import SWITCH as CISCO
from controller.platforms.common.managed import write_vlan_list
from controller.platforms.conflict_choices import strip_advice
from controller.platforms.dialect.vlan_interface import change_interface

_SHOWN = 3
UNUSED_VLAN = 999


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
    names: Mapping[str, str] = field(default_factory=dict)
    """What people call segments and applications, by their ids."""
    words: Catalogue = field(default_factory=lambda: load_catalogue("en"))

    @property
    def device(self) -> str:
        """The device's id."""
        return self.network.device

    def say(self, key: str, **marks: object) -> str:
        """Return a message of the adoption in the language of who asks."""
        return self.words.say(f"adoption.{key}", **marks)

    @property
    def nothing(self) -> str:
        """What a choice closes or opens that closes or opens nothing."""
        return self.say("nothing")

    def name_segment(self, segment: str) -> str:
        """Return a segment with the name that people know before its id."""
        return show_name(self.names, segment)

    def name_vlans(self, numbers: Iterable[int]) -> str:
        """Return VLANs with the names that people know."""
        shown = []
        for number in sorted(numbers):
            known = self.network.vlans.get(number)
            segment = self.segments.get(number)
            name = self.names.get(segment, segment) if segment else known.name if known else ""
            key = "vlan-named" if name else "vlan"
            shown.append(self.say(key, number=number, **({"name": name} if name else {})))
        more = self.say("and-more", count=len(shown) - _SHOWN) if len(shown) > _SHOWN else ""
        return ", ".join(shown[:_SHOWN]) + more

    def leave_out(self, what: str, level: AdoptionLevel | None) -> Choice:
        """Return the choice to leave an object alone for now: by a lower level of the school, or without our mark."""
        school = self.school
        how = self.say("level", school=school.name, id=school.id, level=level) if level else self.say("unmarked")
        return Choice(self.say("leave", what=what, how=how), (), self.nothing, self.nothing)


def show_name(names: Mapping[str, str], found: str) -> str:
    """Return a name with the id behind it.

    >>> show_name({"staff": "Teachers"}, "staff"), show_name({}, "staff")
    ('Teachers (staff)', 'staff')
    """
    return f"{names[found]} ({found})" if names.get(found, found) != found else found


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
        closes = here.say("hosts-behind", port=port.name, vlans=here.name_vlans(lost)) if lost else here.nothing
        opens = here.say("vlans-at", port=port.name, vlans=here.name_vlans(gained)) if gained else here.nothing
        behind = here.say("hosts-behind", port=port.name, vlans=here.name_vlans(carried))
        yield Contradiction(
            here.device,
            old.line.number,
            f"port {port.name}",
            here.say(
                "port-reason",
                mode=old.mode or here.say("undecided"),
                vlans=here.name_vlans(carried) or here.say("no-vlan"),
                wanted=port.mode,
                wanted_vlans=here.name_vlans(port.vlans),
            ),
            behind if carried else here.say("unknown"),
            (
                Choice(here.say("port-set", port=port.name), _set_port(port, lost, gained, old), closes, opens),
                Choice(
                    here.say("port-blueprint", port=port.name, mode=old.mode or "access"),
                    (),
                    here.nothing,
                    here.nothing,
                ),
                here.leave_out(port.name, None),
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
    known = here.segments.get(one.vlan)
    segment = here.name_segment(known) if known else here.say("vlan", number=one.vlan)
    lost = [address for address in old.addresses if address not in one.addresses]
    hosts = here.say("interface-closes", segment=segment, gateways=here.say("or").join(lost)) if lost else here.nothing
    new = [address for address in one.addresses if address not in old.addresses]
    now = " ".join(old.addresses) or here.say("no-address")
    return Contradiction(
        here.device,
        old.line.number,
        f"interface Vlan{one.vlan}",
        here.say("interface-reason", now=now, wanted=" ".join(one.addresses)),
        here.say("interface-traffic", segment=segment),
        (
            Choice(here.say("interface-tell", id=here.school.id), (), here.nothing, here.nothing),
            Choice(
                here.say("interface-set"),
                _set_addresses(one, old),
                hosts,
                here.say("interface-opens", segment=segment, addresses=" ".join(new)) if new else here.nothing,
            ),
            here.leave_out(here.say("the-interface"), "ports"),
        ),
    )


def _set_addresses(one: VlanInterface, old: ExistingInterface) -> tuple[str, ...]:
    there = build_vlan_interface(one.vlan, old.addresses)
    lines = change_interface(CISCO.addresses, there, one) if CISCO.addresses else ()
    return (f"interface {CISCO.vlan_interface.format(one.vlan)}", *lines)


def describe_vlan_contradictions(here: Surroundings, proposals: Iterable[SegmentProposal]) -> Iterator[Contradiction]:
    """Yield each VLAN number that the policy gives to one segment and the network to another one."""
    for one in proposals:
        meant = here.segments.get(one.vlan)
        known = here.network.vlans.get(one.vlan)
        if meant is None or not one.segment or meant == one.segment or not one.sure:
            continue
        number, wanted, found = one.vlan, here.name_segment(meant), here.name_segment(one.segment)
        reasons = here.say("reasons").join(one.reasons)
        vlan = here.say("vlan-named", number=number, name=one.name or here.say("no-name"))
        yield Contradiction(
            here.device,
            known.line.number if known else 1,
            f"vlan {number}",
            here.say("vlan-reason", wanted=wanted, number=number, found=found, reasons=reasons),
            here.say("vlan-traffic", vlan=vlan),
            (
                Choice(
                    here.say("vlan-tell", id=here.school.id, override=one.format_override(), wanted=wanted),
                    (),
                    here.nothing,
                    here.nothing,
                ),
                Choice(
                    here.say("vlan-hand-over", wanted=wanted),
                    (f"vlan {number}", f"name TSN-{meant}"),
                    here.say("vlan-closes", found=found, wanted=wanted, number=number),
                    here.say("vlan-opens", wanted=wanted, number=number),
                ),
                here.leave_out(here.say("vlan", number=number), "filters"),
            ),
        )


def describe_filter_contradictions(here: Surroundings, changes: Iterable[AccessChange]) -> Iterator[Contradiction]:
    """Yield each segment and direction in which another filter lets other packets through than today's."""
    grouped: dict[tuple[str, str, str], list[AccessChange]] = {}
    for one in changes:
        grouped.setdefault((one.segment, one.direction, one.before), []).append(one)
    for (segment, direction, before), found in grouped.items():
        commands, line = _replace_filter(here, found)
        closes, opens = (_list_changes(here, found, way) for way in ("closes", "opens"))
        name, school = here.name_segment(segment), here.school.id
        yield Contradiction(
            here.device,
            line,
            here.say(f"filter-name-{direction}", segment=name),
            here.say("filter-reason", before=before),
            here.say(f"filter-traffic-{direction}", segment=name),
            (
                Choice(here.say("filter-replace"), commands, closes, opens),
                Choice(here.say("filter-rules", id=school), (), here.nothing, here.nothing),
                here.leave_out(here.say("the-filter"), "observe"),
            ),
        )


def _replace_filter(here: Surroundings, changes: Sequence[AccessChange]) -> tuple[tuple[str, ...], int]:
    """Return the commands that put the policy's filters in force at a place, and the line where today's stands."""
    first = changes[0]
    vlan = next((number for number, name in here.segments.items() if name == first.segment), 0)
    families = {family for one in changes for family in one.families}
    bound = [one for one in here.wanted.bindings if (one.vlan, one.direction) == (vlan, first.direction)]
    bound = [one for one in bound if int(one.family) in families]
    if first.port:
        port = here.network.ports.get(first.port)
        lines = [write_attachment(one) for one in bound]
        commands = (f"interface {first.port}", *lines) if lines else ()
        return commands, first.line or (port.line.number if port else 1)
    interface = here.network.interfaces.get(vlan)
    commands = (f"interface {CISCO.vlan_interface.format(vlan)}", *map(CISCO.bind, bound)) if bound else ()
    return commands, first.line or (interface.line.number if interface else 1)


def _list_changes(here: Surroundings, changes: Sequence[AccessChange], way: str) -> str:
    found = [
        f"{name_peer(here.words, here.names, one.peer)} "
        f"({', '.join(name_service(here.words, service) for service in one.services)})"
        for one in changes
        if one.way == way
    ]
    return "; ".join(dict.fromkeys(found)) or here.nothing


_VOICE = re.compile(r"switchport voice vlan (\S+)")
_NATIVE = re.compile(r"switchport trunk native vlan ([0-9]{1,4})")
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
    name = holder.removeprefix("interface ")
    if native := _NATIVE.fullmatch(words):
        key = "native"
        traffic, ways = _choose_native(here, holder, name, int(native[1]))
    elif voice := _VOICE.fullmatch(words):
        key = "voice"
        vlan = here.name_vlans([int(voice[1])]) if re.fullmatch(r"[0-9]{1,4}", voice[1]) else voice[1]
        traffic = here.say("voice-traffic", name=name, vlan=vlan)
        ways = (
            Choice(here.say("voice-off"), (holder, f"no {words}"), traffic, here.nothing),
            Choice(here.say("voice-segment"), (), here.nothing, here.say("voice-opens")),
        )
    elif filtered := _FILTERED.fullmatch(words):
        key, judge = "list", filtered[1]
        traffic = here.say("list-traffic", list=judge, name=name)
        opens = here.say("list-opens", list=judge)
        ways = (
            Choice(here.say("line-off", words=repr(words), name=name), (holder, f"no {words}"), here.nothing, opens),
            Choice(here.say("list-rules", id=here.school.id), (), here.nothing, here.nothing),
        )
    else:
        key = ""
        traffic = here.say("line-traffic", name=name, words=repr(words))
        off = here.say("line-off", words=repr(words), name=name)
        ways = (
            Choice(off, (holder, f"no {words}"), traffic, here.nothing),
            Choice(here.say("line-blueprint"), (), here.nothing, here.nothing),
        )
    reason = here.say(f"{key}-reason", words=repr(words)) if key else strip_advice(problem.message)
    return Contradiction(here.device, problem.origin.line, holder, reason, traffic, (*ways, here.leave_out(name, None)))


def _choose_native(here: Surroundings, holder: str, name: str, number: int) -> tuple[str, tuple[Choice, ...]]:
    """Return which traffic has no tag on a port, and what can be done about it."""
    vlan = here.name_vlans([number])
    traffic = here.say("native-traffic", name=name, vlan=vlan)
    return traffic, (
        Choice(
            here.say("native-tag", name=name),
            (holder, f"switchport trunk native vlan {UNUSED_VLAN}"),
            here.say("native-closes", traffic=traffic),
            here.say("native-opens", name=name, vlan=vlan),
        ),
        Choice(
            here.say("native-off", number=number, name=name),
            (holder, f"switchport trunk allowed vlan remove {number}"),
            here.say("behind", name=name, vlan=vlan),
            here.nothing,
        ),
    )

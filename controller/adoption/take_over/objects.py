"""Which objects of a device change hands, by their names; what stands of them on a device now."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from controller.adoption.configuration_text import ConfigurationText
from controller.adoption.existing_network import ExistingNetwork
from controller.adoption.hand_over import HandOver, is_managed_name, list_hand_overs
from controller.errors import PlanRefused
from controller.inputs.shown_text import HIDDEN, shorten_value
from controller.model.network.device_state import PREFIX, DeviceState
from controller.plan.document import TakenObject
from controller.platforms.cisco_ios.text import SWITCH as CISCO
from controller.platforms.common.managed import parse_vlan_list

_TYPED = re.compile(rf"[^{HIDDEN}?\\]*")
"""What can be typed into a switch as it is read: `?` asks for help there, a backslash stands for what was not shown."""
ATTACHED = ("access-group ", "ipv6 traffic-filter ")
"""What a line begins with by which a list stands on a port."""
_SHOWN = 12


def name_object(one: HandOver) -> str:
    """Return what an object is called: its header, and of a list in force the line that binds it.

    >>> name_object(HandOver("vlan", "vlan 10", 3, "STAFF", "TSN-staff", (), ()))
    'vlan 10'
    """
    return f"{one.name} {one.was}" if one.kind == "filter" else one.name


def describe_object(one: HandOver) -> TakenObject:
    """Return an object as a plan lists it.

    Raises:
        ValueError: it is no object of others but a list that is made.
        PlanRefused: its name or its lines cannot stand in a plan.
    """
    if one.kind == "access lists":
        message = "lists that are made are no objects of others"
        raise ValueError(message)
    try:
        found = TakenObject(kind=one.kind, name=name_object(one), old=_keep(one.give_back), new=_keep(one.commands))
    except ValidationError:
        found = None
    if found is None or not is_well_formed(found):
        message = f"{shorten_value(name_object(one))}: its name or a line of it cannot stand in a plan"
        raise PlanRefused(message)
    return found


def _keep(commands: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for line in commands[1:] if not line.startswith("no "))


def choose_hand_overs(
    platform: str, network: ExistingNetwork, wanted: DeviceState, now: DeviceState, names: Sequence[str]
) -> tuple[HandOver, ...]:
    """Return the hand-overs of the named objects, in their order, with the lists that they need.

    Raises:
        PlanRefused: a name is given twice, or is of no object that can be taken over; says which there are.
    """
    every = [one for one in list_hand_overs(platform, network, wanted) if one.kind != "access lists"]
    known = {name_object(one): one for one in every}
    for name, count in Counter(names).items():
        if count > 1:
            message = f"{network.device}: {shorten_value(name)} is named twice"
            raise PlanRefused(message)
        if name not in known:
            raise PlanRefused(_explain_unknown(network, name, known))
    chosen = {name: known[name] for name in names}
    for one in chosen.values():
        _refuse_unwritable(network.device, one)
    reduced = _reduce_wanted(platform, wanted, now, chosen.values())
    return tuple(list_hand_overs(platform, network, reduced))


def _explain_unknown(network: ExistingNetwork, name: str, known: Iterable[str]) -> str:
    ours = {
        *(f"vlan {one.number}" for one in network.vlans.values() if is_managed_name(one.name)),
        *(f"interface {one.name}" for one in network.ports.values() if is_managed_name(one.description)),
        *(f"interface Vlan{one.vlan}" for one in network.interfaces.values() if is_managed_name(one.description)),
    }
    why = "is ours already" if name in ours else "is no object of others where the policy wants one of ours"
    known = list(known)
    more = f", and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    listed = f"{'; '.join(map(repr, known[:_SHOWN]))}{more}" if known else "none"
    return f"{network.device}: {shorten_value(name)} {why}; what can be taken over there: {listed}"


def _refuse_unwritable(device: str, one: HandOver) -> None:
    """Refuse an object that could not be given back as it is, or whose words would have to stand in a plan."""
    if one.hidden:
        message = (
            f"{device}: {one.name}: its description may hold a secret, and would stand in the plan; give it another "
            "one on the device first"
        )
        raise PlanRefused(message)
    for line in (*one.commands, *one.give_back):
        if not _TYPED.fullmatch(line):
            message = (
                f"{device}: {one.name}: its name or description has a character that cannot be typed as it is shown "
                f"({shorten_value(line)}); give it another one on the device first"
            )
            raise PlanRefused(message)


def _reduce_wanted(platform: str, wanted: DeviceState, now: DeviceState, chosen: Iterable[HandOver]) -> DeviceState:
    """Return what is wanted, of the chosen objects alone; of the lists only those that are not there."""
    named = {(one.kind, one.name, one.becomes) for one in chosen}
    headers = {(kind, name) for kind, name, _ in named}
    awplus = platform == "allied_telesis_awplus"
    bindings = [
        one
        for one in wanted.bindings
        if awplus or ("filter", f"interface {CISCO.vlan_interface.format(one.vlan)}", CISCO.bind(one)) in named
    ]
    held = {one.name for one in now.filters}
    return DeviceState(
        vlans=tuple(one for one in wanted.vlans if ("vlan", f"vlan {one.number}") in headers),
        ports=tuple(one for one in wanted.ports if ("port", f"interface {one.name}") in headers),
        filters=tuple(one for one in wanted.filters if one.name not in held),
        bindings=tuple(bindings),
        interfaces=tuple(
            one
            for one in wanted.interfaces
            if ("interface", f"interface {CISCO.vlan_interface.format(one.vlan)}") in headers
        ),
    )


def find_header(one: TakenObject) -> str:
    """Return the header of the block that an object stands in."""
    return " ".join(one.name.split()[:2])


def read_object_lines(platform: str, text: str, one: TakenObject) -> tuple[str, ...]:
    """Return what stands of an object in a configuration: its name, its description, the lists that it has."""
    header = find_header(one)
    shown = ConfigurationText(text)
    if one.kind == "vlan":
        return _read_vlan_lines(platform, shown, int(header.split()[1]))
    if one.kind == "port":
        # Only a range has to be taken apart.
        shown.split_ports(header.split()[1])
    lines = shown.list_block_lines(header)
    if one.kind == "filter":
        words, side = one.new[0].rsplit(" ", 2)[0], one.new[0].rsplit(" ", 1)[1]
        return tuple(line for line in lines if re.fullmatch(rf"{re.escape(words)} \S+ {side}", line))
    wanted = ("description ", *(ATTACHED if one.kind == "port" else ()))
    return tuple(line for line in lines if line.startswith(wanted))


def _read_vlan_lines(platform: str, shown: ConfigurationText, number: int) -> tuple[str, ...]:
    if platform == "allied_telesis_awplus":
        for line in shown.list_block_lines("vlan database"):
            words = line.split()
            if words[:1] == ["vlan"] and words[1:] and number in (parse_vlan_list(words[1]) or ()):
                return (f"vlan {number} name {words[3]}",) if words[2:3] == ["name"] and len(words) > 3 else ()  # noqa: PLR2004
        return ()
    shown.split_vlan(number)
    return tuple(line for line in shown.list_block_lines(f"vlan {number}") if line.startswith("name "))


def is_object_ours(one: TakenObject, lines: Iterable[str]) -> bool:
    """Tell if what stands of an object is ours: its name, its mark, or the list that is in force.

    >>> vlan = TakenObject(kind="vlan", name="vlan 10", old=("name STAFF",), new=("name TSN-staff",))
    >>> is_object_ours(vlan, ["name TSN-staff"]), is_object_ours(vlan, ["name LAB"])
    (True, False)
    """
    lines = list(lines)
    if one.kind in {"port", "interface"}:
        described = [line.removeprefix("description ") for line in lines if line.startswith("description ")]
        mine = one.new[-1].removeprefix("description ")
        return described in ([mine], [mine.split()[0]]) and all(
            f" {PREFIX}-" in line for line in lines if line.startswith(ATTACHED)
        )
    return len(lines) == 1 and f" {PREFIX}-" in lines[0]


def is_object_as_recorded(one: TakenObject, lines: Iterable[str]) -> bool:
    """Tell if an object still is as others left it.

    >>> vlan = TakenObject(kind="vlan", name="vlan 10", old=("name STAFF",), new=("name TSN-staff",))
    >>> is_object_as_recorded(vlan, ["name STAFF"]), is_object_as_recorded(vlan, [])
    (True, False)
    """
    return sorted(lines) == sorted(one.old)


_FORMS = {
    "vlan": re.compile(r"name [^ ]{1,40}|vlan [0-9]{1,4} name [^ ]{1,40}"),
    "filter": re.compile(r"(ip access-group|ipv6 traffic-filter) \S+ (in|out)"),
    "port": re.compile(r"description .+|(access-group|ipv6 traffic-filter) \S+"),
    "interface": re.compile(r"description .+"),
}


def is_well_formed(one: TakenObject) -> bool:
    """Tell if the lines of an object are such as its kind has, so that nothing else is ever entered for it.

    >>> is_well_formed(TakenObject(kind="vlan", name="vlan 10", old=("name STAFF",), new=("name TSN-staff",)))
    True
    >>> is_well_formed(TakenObject(kind="vlan", name="vlan 10", old=("shutdown",), new=("name TSN-staff",)))
    False
    """
    lines = (*one.old, *one.new)
    formed = all(_FORMS[one.kind].fullmatch(line) and _TYPED.fullmatch(line) for line in lines)
    fits = one.name.startswith("vlan ") == (one.kind == "vlan") and (bool(one.old) or one.kind != "filter")
    return formed and fits and bool(one.new)


def find_old_lists(one: TakenObject) -> tuple[str, ...]:
    """Return the lists of others that judge at an object before it is taken over.

    >>> binding = "ip access-group STAFF-IN in"
    >>> find_old_lists(TakenObject(kind="filter", name="interface Vlan10", old=(binding,), new=()))
    ('STAFF-IN',)
    """
    return tuple(
        found[1]
        for line in one.old
        if (found := re.fullmatch(r"(?:(?:ip )?access-group|ipv6 traffic-filter) (\S+).*", line))
    )

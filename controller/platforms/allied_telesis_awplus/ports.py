"""Ports of AlliedWare Plus, read: what a port of ours carries, and which filters stand on which ports.

A port of ours is switched, in the VLANs that we give it, and judged by our lists alone: a list of others before ours
could permit what ours deny. A filter is in force when it stands on every port that receives such packets; on some of
them only, which happens when commands were entered halfway, the configuration is refused with what is missing.

Sources: see `text`; for what puts hosts into another VLAN, the authentication and private
VLAN chapters of the same references.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from controller.model.network.device_state import PREFIX, FilterBinding, PortMode, PortRole, PortState
from controller.model.network.packets import Family
from controller.platforms.allied_telesis_awplus.text import ATTACHED, JUDGED, MARKS, PORT_NAME
from controller.platforms.base import ConfigLine
from controller.platforms.common.managed import parse_filter_name, parse_vlan_list
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import join_words, lines_starting

_ROLES = {mark: role for role, mark in MARKS.items()}
_ATTACHED = re.compile(r"(access-group|ipv6 traffic-filter) (\S+)")
_FAMILIES = {words: family for family, words in ATTACHED.items()}
_ACCESS, _ADD = "switchport access vlan", "switchport trunk allowed vlan"
_CONFLICTS = {
    re.compile(pattern): what
    for pattern, what in (
        (r"no switchport", "is a routed port"),
        (r"(access-group|ipv6 traffic-filter) .*", "is filtered by a list that is not ours"),
        (r"switchport mode private-vlan( .*)?", "is in a private VLAN"),
        (r"switchport voice vlan( .*)?", "carries another VLAN beside ours"),
        (r"switchport vlan (translation|mapping)( .*)?", "puts frames into another VLAN"),
        (r"switchport vlan-stacking( .*)?", "puts frames into another VLAN"),
        (r"auth (guest-vlan|auth-fail vlan|dynamic-vlan-creation)( .*)?", "puts hosts into another VLAN"),
    )
}


@dataclass(frozen=True)
class Port:
    """A port as read. `state` is None when it is not ours, or not as we set it; `lists` are those of ours on it."""

    name: str
    header: ConfigLine
    managed: bool
    state: PortState | None = None
    lists: tuple[tuple[FilterBinding, ConfigLine], ...] = ()
    lines: tuple[ConfigLine, ...] = ()
    problems: tuple[tuple[ConfigLine, str], ...] = ()
    conflict: ConfigLine | None = None


def list_port_names(written: str) -> tuple[str, ...]:
    """The ports of `port1.0.1-1.0.4` or `port1.0.1-port1.0.4,port1.0.9`, one by one; () for no switch ports."""
    names: list[str] = []
    for part in written.split(","):
        first, dash, last = part.partition("-")
        last = last if last.startswith("port") or not dash else f"port{last}"
        if not PORT_NAME.fullmatch(first) or (dash and not PORT_NAME.fullmatch(last)):
            return ()
        names += _list_between(first, last) if dash else [first]
    return tuple(names)


def _list_between(first: str, last: str) -> list[str]:
    head, _, low = first.rpartition(".")
    other, _, high = last.rpartition(".")
    return [f"{head}.{number}" for number in range(int(low), int(high) + 1)] if head == other else [first, last]


def read_port(name: str, header: ConfigLine, children: Sequence[ConfigLine]) -> Port:
    """Understand the lines of a port.

    `managed` says if it is ours, `lines` are those of ours in it.
    """
    marks = [line for line in lines_starting("description", children) if line.text.split()[1].startswith(f"{PREFIX}-")]
    ours = [line for line in marks if line.text.split()[1] in _ROLES]
    mine = list(_find_lists(children))
    if not ours:
        said = [*lines_starting("description", children), *(line for line, _ in _find_conflicts(children))]
        problems = [(line, _say_stray(one, name, line)) for one, line in mine]
        problems += [(line, f"unknown mark in {join_words(line)!r}; expected {', '.join(_ROLES)}") for line in marks]
        return Port(name, header, managed=False, problems=tuple(problems), conflict=said[0] if said else None)
    role = _ROLES[ours[0].text.split()[1]]
    mode, vlans, lines = _read_carried(children)
    problems = [(line, _say_conflict(name, ours[0], line, what)) for line, what in _find_conflicts(children)]
    problems += _find_repeated(name, children)
    problems += _find_misplaced(name, role, vlans if mode else (), mine)
    understood = (header, ours[0], *lines, *(line for _, line in mine))
    state = PortState(name, mode, vlans, role) if mode and vlans else None
    lists = tuple((one, line) for one, line in mine if one is not None)
    return Port(name, header, managed=True, state=state, lists=lists, lines=understood, problems=tuple(problems))


def _find_lists(children: Sequence[ConfigLine]) -> Iterator[tuple[FilterBinding | None, ConfigLine]]:
    """The lines that attach a list under our prefix; None where its name is none of ours."""
    for line in children:
        found = _ATTACHED.fullmatch(join_words(line))
        if found and found[2].startswith(f"{PREFIX}-"):
            key = parse_filter_name(found[2])
            yield (FilterBinding(*key, found[2]) if key and key[2] is _FAMILIES[found[1]] else None), line


def _say_stray(one: FilterBinding | None, name: str, line: ConfigLine) -> str:
    what = one.filter if one else "a list under our prefix"
    advice = advise(ConflictKind.STRAY_LIST, place=name, line=join_words(line))
    return f"{what} stands on {name}, which is not ours{advice}"


def _find_conflicts(children: Sequence[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
    for line in children:
        found = _ATTACHED.fullmatch(join_words(line))
        if not (found and found[2].startswith(f"{PREFIX}-")):
            yield from ((line, what) for pattern, what in _CONFLICTS.items() if pattern.fullmatch(join_words(line)))


def _say_conflict(name: str, mark: ConfigLine, line: ConfigLine, what: str) -> str:
    ours = f"{name} is ours ({join_words(mark)!r}, line {mark.number})"
    advice = advise(ConflictKind.PORT_LINE, place=name, line=join_words(line))
    return f"conflict: {ours} and {what}: {join_words(line)!r}{advice}"


def _find_repeated(name: str, children: Sequence[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
    for words in ("description", "switchport mode", _ACCESS, "switchport trunk native vlan"):
        for line in lines_starting(words, children)[1:]:
            yield line, f"{join_words(line)!r} stands twice in {name}; a device prints it once, so the file was edited"
    listed: set[str] = set()
    for line in lines_starting(_ADD, children):
        if join_words(line) in listed:
            yield line, f"{join_words(line)!r} stands twice in {name}; a device prints it once, so the file was edited"
        listed.add(join_words(line))


def _find_misplaced(
    name: str, role: PortRole, vlans: Container[int], mine: Iterable[tuple[FilterBinding | None, ConfigLine]]
) -> Iterator[tuple[ConfigLine, str]]:
    """Lists of ours where they judge nothing, or the wrong packets."""
    seen: set[tuple[int, Family]] = set()
    for one, line in mine:
        if one is None:
            yield (
                line,
                f"expected {ATTACHED[Family.V4]} {PREFIX}-VLAN-from-4-DIGEST, or {ATTACHED[Family.V6]} ...-6-...",
            )
        elif JUDGED.get(role) is not one.direction:
            advice = advise(ConflictKind.MISPLACED_LIST, place=name, line=join_words(line))
            yield line, f"{one.filter} judges packets {one.direction} hosts, and {name} is {role.words}{advice}"
        elif one.vlan not in vlans:
            advice = advise(ConflictKind.MISPLACED_LIST, place=name, line=join_words(line))
            yield line, f"{one.filter} stands on {name}, which is not in VLAN {one.vlan}{advice}"
        elif (one.vlan, one.family) in seen:
            advice = advise(ConflictKind.SECOND_LIST, place=name, line=join_words(line))
            yield line, f"a second filter for VLAN {one.vlan} on {name}; only the first judges{advice}"
        else:
            seen.add((one.vlan, one.family))


def _read_carried(children: Sequence[ConfigLine]) -> tuple[PortMode | None, tuple[int, ...], list[ConfigLine]]:
    """The mode and the VLANs of a port of ours, and the lines that say so; others stay unmanaged."""
    modes = lines_starting("switchport mode", children)
    word = join_words(modes[0]).removeprefix("switchport mode ") if modes else ""
    mode = next((mode for mode in PortMode if mode.value == word), None)
    bare = [line for line in children if join_words(line) == "switchport"]
    if mode is None:
        return None, (), []
    if mode is PortMode.ACCESS:
        lines = lines_starting(_ACCESS, children)
        numbers = [1] if not lines else _read_listed(lines, rf"{_ACCESS} ([0-9]{{1,10}})")
        return (mode if numbers and len(numbers) == 1 else None), tuple(numbers or ()), [*bare, *modes, *lines]
    native, lines = lines_starting("switchport trunk native vlan", children), lines_starting(_ADD, children)
    numbers = _read_listed(lines, rf"{_ADD} add ([\d,-]+)")
    tagged = [join_words(line).split()[-1] for line in native] == ["none"]
    known = mode if tagged and numbers else None
    return known, tuple(sorted(set(numbers or ()))), [*bare, *modes, *native, *lines] if known else []


def _read_listed(lines: Iterable[ConfigLine], pattern: str) -> list[int] | None:
    """The VLANs of all lines; None if one of them is not of the pattern."""
    numbers: list[int] = []
    for line in lines:
        found = re.fullmatch(pattern, join_words(line))
        listed = parse_vlan_list(found[1]) if found else None
        if listed is None:
            return None
        numbers += listed
    return numbers


@dataclass(frozen=True, slots=True)
class JoinedPorts:
    """The ports in service and the filters in force, what forbids to tell, and remarks on ports that do not count."""

    ports: tuple[PortState, ...]
    bindings: tuple[FilterBinding, ...]
    problems: tuple[tuple[ConfigLine, str], ...]
    remarks: tuple[ConfigLine, ...]


def join_ports(ports: Iterable[Port]) -> JoinedPorts:
    """Return what the ports of ours are together.

    A port with VLANs and without any list, where other ports have theirs, is one that was handed over: it counts as
    out of service, so that a plan sets it. One with some of its lists cannot be told from a change that was broken off.
    """
    ports = tuple(ports)
    first: dict[tuple[int, str, int], tuple[FilterBinding, Port]] = {}
    problems: list[tuple[ConfigLine, str]] = []
    for port in ports:
        for one, line in port.lists:
            known, where = first.setdefault(one.key, (one, port))
            if known != one:
                words = f"{one.filter} stands here, and {known.filter} on {where.name}"
                marks = {"place": port.name, "line": join_words(line), "other": known.filter}
                problems.append((line, words + advise(ConflictKind.UNEQUAL_LISTS, **marks)))
    in_service, remarks = [], []
    for port in ports:
        mine = {one for one, _ in port.lists}
        lacking = [(one, where.name) for one, where in first.values() if _judges(port, one) and one not in mine]
        if port.state is None:
            remarks.append(_out(port, "its mode or its VLANs are not as we set them"))
        elif lacking and not mine:
            remarks.append(_out(port, f"it has none of its filters, such as {lacking[0][0].filter}"))
        else:
            in_service.append(port.state)
            problems += [(port.header, _say_lacking(port, one, where)) for one, where in lacking]
    bindings = tuple(one for one, _ in first.values())
    return JoinedPorts(tuple(in_service), bindings, tuple(problems), tuple(remarks))


def _say_lacking(port: Port, one: FilterBinding, where: str) -> str:
    advice = advise(ConflictKind.LACKING_LIST, place=port.name, other=one.filter)
    return f"{one.filter} stands on {where} and not on {port.name}{advice}"


def _judges(port: Port, one: FilterBinding) -> bool:
    return port.state is not None and JUDGED.get(port.state.role) is one.direction and one.vlan in port.state.vlans


def _out(port: Port, why: str) -> ConfigLine:
    return ConfigLine(port.header.number, f"port {port.name} counts as out of service: {why}")

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
from controller.model.network.lags import LagMode
from controller.model.network.packets import Family
from controller.platforms.allied_telesis_awplus import own_lines
from controller.platforms.allied_telesis_awplus.text import ATTACHED, JUDGED, LAGS, MARKS, PORT_NAME
from controller.platforms.base import ConfigLine
from controller.platforms.common.managed import LAST_VLAN, parse_filter_name, parse_vlan_list
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import join_words, lines_starting, takes_back
from controller.platforms.dialect.lags import MEMBER_MARK, describe_unknown_lag
from controller.platforms.dialect.paths.port_vlans import change_allowed_vlans

_KINDS = ("port", "sa", "po")
_LAST_NUMBER = re.compile(r"(.*?)([0-9]{1,4})")
_VLAN_RANGE = re.compile(r"vlan([0-9]{1,4})(?:-(?:vlan)?([0-9]{1,4}))?")
_PORTS_BEGIN = re.compile(r"(port|sa|po)[0-9]")
_MOST_PORTS = 128
"""Ports of a module, or channels of a switch."""
_ROLES = {mark: role for role, mark in MARKS.items()}
_ATTACHED = re.compile(r"(access-group|ipv6 traffic-filter) (\S+)")
_FAMILIES = {words: family for family, words in ATTACHED.items()}
_FILTERED = re.compile(r"(access-group|ipv6 traffic-filter) ")
_OWN = ("description ", "switchport mode ", "switchport access vlan ", "switchport trunk ")
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


@dataclass(frozen=True, slots=True)
class JoinLine:
    """A line that puts a port into a LAG: the LAG's name, and its mode (None: not one that is built)."""

    line: ConfigLine
    lag: str
    mode: LagMode | None


@dataclass(frozen=True)
class Port:
    """A port as read. `state` is None when it is not ours, or not as we set it; `lists` are those of ours on it.

    `joined`: the line that puts it into a LAG. `is_member`: it is one of ours in a LAG, `is_shut`: and shut down.
    """

    name: str
    header: ConfigLine
    managed: bool
    state: PortState | None = None
    lists: tuple[tuple[FilterBinding, ConfigLine], ...] = ()
    lines: tuple[ConfigLine, ...] = ()
    problems: tuple[tuple[ConfigLine, str], ...] = ()
    conflict: ConfigLine | None = None
    joined: JoinLine | None = None
    is_member: bool = False
    is_shut: bool = False


def list_port_names(written: str) -> tuple[str, ...]:
    """Return the ports of `port1.0.1-1.0.4` or `sa1-3,port1.0.9`, one by one; () for no switch ports, or no range.

    >>> list_port_names("port1.0.1-1.0.2,po7-8"), list_port_names("port1.0.30-1.0.99999999")
    (('port1.0.1', 'port1.0.2', 'po7', 'po8'), ())
    """
    names: list[str] = []
    for part in written.lower().split(","):
        first, dash, last = part.partition("-")
        between = _list_between(first, last) if dash else [first] if PORT_NAME.fullmatch(first) else []
        if not between:
            return ()
        names += between
    return tuple(names)


def _list_between(first: str, last: str) -> list[str]:
    """Return a range of ports of one module, or of channels; none where it is no such range."""
    kind = next((kind for kind in _KINDS if first.startswith(kind)), "")
    whole = last if last.startswith(kind) else f"{kind}{last}"
    if not kind or not PORT_NAME.fullmatch(first) or not PORT_NAME.fullmatch(whole):
        return []
    head, low = _LAST_NUMBER.fullmatch(first).groups()  # type: ignore[union-attr]  # a port's name ends in a number
    other, high = _LAST_NUMBER.fullmatch(whole).groups()  # type: ignore[union-attr]  # as above
    if head != other or not 0 <= int(high) - int(low) < _MOST_PORTS:
        return []
    return [f"{head}{number}" for number in range(int(low), int(high) + 1)]


def find_range_fault(written: str) -> str:
    """Return why the header of an interface names no interfaces that a switch can have; "" where it does.

    >>> find_range_fault("vlan10-12"), find_range_fault("port1.0.5")
    ('', '')
    >>> find_range_fault("port1.0.5-1.0.2")
    'names no range of ports; expected the first and the last of one module, such as port1.0.1-1.0.4'
    """
    for part in written.lower().split(","):
        vlan = _VLAN_RANGE.fullmatch(part)
        good = vlan and 1 <= int(vlan[1]) <= int(vlan[2] or vlan[1]) <= LAST_VLAN
        if good or list_port_names(part) or not (_PORTS_BEGIN.match(part) or "-" in part):
            continue
        return "names no range of ports; expected the first and the last of one module, such as port1.0.1-1.0.4"
    return ""


def read_port(name: str, header: ConfigLine, children: Sequence[ConfigLine]) -> Port:
    """Understand the lines of a port.

    `managed` says if it is ours, `lines` are those of ours in it.
    """
    marks = [line for line in lines_starting("description", children) if line.text.split()[1].startswith(f"{PREFIX}-")]
    ours = [line for line in marks if line.text.split()[1] in {*_ROLES, MEMBER_MARK}]
    mine = list(_find_lists(children))
    joined = _find_join(children)
    if not ours:
        said = [*lines_starting("description", children), *(line for line, _ in _find_conflicts(children))]
        said += [joined.line] if joined else []
        problems = [(line, _say_stray(one, name, line)) for one, line in mine]
        problems += [(line, f"unknown mark in {join_words(line)!r}; expected {', '.join(_ROLES)}") for line in marks]
        conflict = said[0] if said else None
        return Port(name, header, managed=False, problems=tuple(problems), conflict=conflict, joined=joined)
    member = ours[0].text.split()[1] == MEMBER_MARK
    role = PortRole.UNFILTERED if member else _ROLES[ours[0].text.split()[1]]
    mode, vlans, lines = _read_carried(children)
    problems = [(line, _say_conflict(name, ours[0], line, what)) for line, what in _find_conflicts(children)]
    problems += _find_repeated(name, children)
    shut = [line for line in children if member and join_words(line) == "shutdown"]
    problems += _find_unknown(name, ours[0], [line for line in children if line not in shut])
    if member:
        # Where its lists belong is decided by its LAG.
        lines += [*shut, *((joined.line,) if joined else ())]
    elif mine and not (mode and vlans):
        problems.append(_say_unread(name, header, children))
    else:
        problems += find_misplaced(name, role, vlans, mine)
    if joined and not member:
        problems.append((joined.line, describe_unknown_lag(name, joined.lag, ours[0], joined.line)))
    understood = (header, ours[0], *lines, *(line for _, line in mine))
    state = PortState(name, mode, vlans, role) if mode and vlans else None
    lists = tuple((one, line) for one, line in mine if one is not None)
    return Port(
        name,
        header,
        managed=True,
        state=state,
        lists=lists,
        lines=understood,
        problems=tuple(problems),
        joined=joined,
        is_member=member,
        is_shut=bool(shut),
    )


def _find_join(children: Sequence[ConfigLine]) -> JoinLine | None:
    for line in children:
        found = LAGS.read_join(join_words(line))
        if found is not None:
            return JoinLine(line, *found)
    return None


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


def _find_unknown(name: str, mark: ConfigLine, children: Sequence[ConfigLine]) -> Iterator[tuple[ConfigLine, str]]:
    """Yield the lines of a port of ours of which nobody said that they change nothing of it."""
    told = {line.number for line, _ in _find_conflicts(children)}
    texts = [join_words(line) for line in children]
    for line in children:
        words = join_words(line)
        known = own_lines.ON_PORTS.fullmatch(words) and not takes_back(words, texts)
        own = words.startswith(_OWN) or _ATTACHED.fullmatch(words) or known
        if not own and line.number not in told:
            ours = f"{name} is ours ({join_words(mark)!r}, line {mark.number})"
            advice = advise(ConflictKind.PORT_LINE, place=name, line=words)
            yield line, f"conflict: {ours} and {words!r} is not known to change nothing of it{advice}"


def _say_unread(name: str, header: ConfigLine, children: Sequence[ConfigLine]) -> tuple[ConfigLine, str]:
    """Say why lists of ours stand on a port of which nobody can tell what it carries."""
    carrying = [line for line in children if join_words(line).startswith(("switchport trunk ", "switchport mode "))]
    native = [line for line in carrying if "native vlan" in line.text and line.text.split()[-1] != "none"]
    line = next(iter(native or carrying), header)
    words = f"{name} has lists of ours, and what it carries is not as we set it: {join_words(line)!r}"
    return line, words + advise(ConflictKind.TRUNK_LIST, place=name)


def _say_conflict(name: str, mark: ConfigLine, line: ConfigLine, what: str) -> str:
    ours = f"{name} is ours ({join_words(mark)!r}, line {mark.number})"
    # A filter is never to be taken off.
    filtered = advise(ConflictKind.PORT_FILTER, place=name)
    advice = advise(ConflictKind.PORT_LINE, place=name, line=join_words(line))
    advice = filtered if _FILTERED.match(join_words(line)) else advice
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


def find_misplaced(
    name: str, role: PortRole, vlans: Container[int], mine: Iterable[tuple[FilterBinding | None, ConfigLine]]
) -> Iterator[tuple[ConfigLine, str]]:
    """Yield the lists of ours that judge nothing, or the wrong packets."""
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
    numbers = _read_allowed(lines)
    tagged = [join_words(line).split()[-1] for line in native] == ["none"]
    known = mode if tagged and numbers else None
    return known, tuple(sorted(set(numbers or ()))), [*bare, *modes, *native, *lines] if known else []


def _read_allowed(lines: Iterable[ConfigLine]) -> list[int] | None:
    """Return the VLANs that the lines of a trunk lead to in their order; None if one of them is not understood."""
    carried: set[int] = set()
    for line in lines:
        changed = change_allowed_vlans(carried, join_words(line).removeprefix(f"{_ADD} "), adds_first=True)
        if changed is None:
            return None
        carried = changed
    return sorted(carried)


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

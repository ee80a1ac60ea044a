"""Which VLANs a port of others carries, read from its lines; the VLANs and interfaces that other lines name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from controller.model.network.unmanaged_paths import PathKind
from controller.platforms.base import ConfigLine
from controller.platforms.common.managed import LAST_VLAN, parse_vlan_list
from controller.platforms.dialect.paths.addresses import Lines, has_address

_MOST_USED = 128
"""Ports that a line may name by a range."""
_MOST_NAMES = 256
"""Interfaces that one header may name."""
_RANGE = re.compile(
    r"(vlan|(?:port)?(?:[0-9]+\.)*[0-9]*\.|sa|po)([0-9]{1,10})-(?:port|vlan|sa|po)?(?:[0-9]+\.)*([0-9]{1,10})"
)
_EVERY_VLAN = frozenset(range(1, LAST_VLAN + 1))
_ALLOWED = "switchport trunk allowed vlan "
_KNOWN = re.compile(
    r"switchport (mode|access vlan|trunk (allowed|native) vlan|voice vlan|private-vlan|vlan (mapping|translation)"
    r"|vlan-stacking)\b.*"
)


@dataclass(frozen=True, slots=True)
class PortVlans:
    """What a port carries (None: nobody can tell), what it is by that (None: nothing is told), and by which line."""

    kind: PathKind | None
    carried: frozenset[int] | None
    decided_by: str

    def knows(self, words: str) -> bool:
        """Say if a line is one that `carried` was read from, or one of other kinds."""
        return _KNOWN.fullmatch(words) is not None


def read_port_vlans(texts: Sequence[str], *, trunks_carry_all: bool, undecided_mode: bool) -> PortVlans:
    """Return what a port carries by the lines that stand in it.

    >>> port = ["switchport mode access", "switchport access vlan 20"]
    >>> found = read_port_vlans(port, trunks_carry_all=True, undecided_mode=True)
    >>> found.kind.value, sorted(found.carried)
    ('access-port', [20])
    """
    modes = [words.removeprefix("switchport mode ") for words in texts if words.startswith("switchport mode ")]
    mode = modes[-1] if modes else ""
    access = _read_access(texts)
    if mode == "access" or (not mode and not undecided_mode):
        return PortVlans(PathKind.ACCESS_PORT, access, "switchport access vlan ")
    trunk = _read_trunk(texts, trunks_carry_all=trunks_carry_all)
    both = None if access is None or trunk is None else trunk if access <= trunk else access | trunk
    if mode == "trunk":
        return PortVlans(PathKind.TRUNK, trunk, _ALLOWED if _names_vlans(texts) else "switchport mode ")
    if mode.startswith("private-vlan"):
        return PortVlans(PathKind.PRIVATE_VLAN, _read_private(texts), "switchport mode ")
    if mode.startswith("dot1q-tunnel"):
        return PortVlans(PathKind.VLAN_TRANSLATION, access, "switchport mode ")
    if mode.startswith("hybrid"):
        return PortVlans(PathKind.TRUNK, None, "switchport mode ")
    decided = "switchport mode " if mode else "switchport access vlan "
    return PortVlans(PathKind.UNDECIDED_PORT, both, decided)


def _names_vlans(texts: Iterable[str]) -> bool:
    return any(words.startswith(_ALLOWED) for words in texts)


def _read_access(texts: Iterable[str]) -> frozenset[int] | None:
    words = [
        line.removeprefix("switchport access vlan ") for line in texts if line.startswith("switchport access vlan")
    ]
    if not words:
        return frozenset({1})
    listed = parse_vlan_list(words[-1])
    return frozenset(listed) if listed else None


def _read_private(texts: Iterable[str]) -> frozenset[int] | None:
    found: set[int] = set()
    for words in texts:
        if words.startswith("switchport private-vlan "):
            for part in words.split():
                found.update(parse_vlan_list(part) or ())
    return frozenset(found) or None


def _read_trunk(texts: Sequence[str], *, trunks_carry_all: bool) -> frozenset[int] | None:
    """The VLANs of a trunk with its untagged one; None where a line is not understood."""
    if trunks_carry_all and not any(words.startswith("switchport trunk ") for words in texts):
        return _EVERY_VLAN
    carried = set(_EVERY_VLAN) if trunks_carry_all else set()
    native = {1}
    for words in texts:
        if words.startswith("switchport trunk native vlan "):
            word = words.split()[-1]
            listed = [] if word in {"none", "tag"} else parse_vlan_list(word)
            if listed is None:
                return None
            native = set(listed) if word != "tag" else native
        elif words.startswith(_ALLOWED):
            changed = change_allowed_vlans(carried, words.removeprefix(_ALLOWED), adds_first=not trunks_carry_all)
            if changed is None:
                return None
            carried = changed
    # On a trunk of all VLANs the untagged one is among them; elsewhere it passes only if it is carried, or no list
    # stands (AlliedWare Plus carries it beside its list).
    return frozenset(carried | (native if not trunks_carry_all else native & carried))


def change_allowed_vlans(carried: set[int], words: str, *, adds_first: bool) -> set[int] | None:
    """Return the VLANs of a trunk after one line of its list; None where it is not understood."""
    word, _, rest = words.partition(" ")
    if word in {"all", "none"} and not rest:
        return set(_EVERY_VLAN) if word == "all" else set()
    listed = parse_vlan_list((rest or word).replace(" ", ""))
    if listed is None:
        return None
    named = set(listed)
    changed = {"add": carried | named, "remove": carried - named, "except": set(_EVERY_VLAN) - named}
    return changed.get(word) if rest or adds_first else named


def list_used_ports(words: str, complete: Callable[[str], str]) -> Iterator[str]:
    """Yield the interfaces behind `destination interface` or another `interface`, in small letters.

    >>> list(list_used_ports("monitor session 1 destination interface Gi1/0/1 - 2 , Gi1/0/9", str))
    ['gi1/0/1', 'gi1/0/2', 'gi1/0/9']
    """
    for part in words.partition(" interface ")[2].split(","):
        first, _, last = part.strip().partition(" - ")
        named = re.match(r"\S*[a-z-] [0-9]\S*|\S*", first, re.IGNORECASE)
        name = complete(named[0] if named else "").lower()
        head, slash, low = name.rpartition("/")
        high = last.strip().split(" ")[0].rpartition("/")[2]
        numbered = all(re.fullmatch(r"[0-9]{1,8}", one) for one in (low, high))
        if slash and numbered and 0 <= int(high) - int(low) < _MOST_USED:
            yield from (f"{head}/{number}" for number in range(int(low), int(high) + 1))
        else:
            yield name


def find_named_vlans(words: str) -> frozenset[int] | None:
    """Return the VLANs that a line names behind `vlan` or `vlan-list`; None where it names none, or all of them.

    >>> sorted(find_named_vlans("vlan filter m vlan-list 10, 20-21 input"))
    [10, 20, 21]
    """
    found = re.search(r"\b(?:data|control)?vlan(?:s|-list|-ids)?(?: vlan)? ?([0-9][0-9, -]*)", words)
    listed = parse_vlan_list(found[1].replace(" ", "")) if found else None
    return None if listed is None else frozenset(listed)


def list_interfaces(words: str) -> list[str]:
    """Return the names of `interface gigabitethernet 1/0/1`, `interface port1.0.1-1.0.4` or `interface vlan10,vlan20`.

    >>> list_interfaces("interface port1.0.1-1.0.3,port1.0.9")
    ['port1.0.1', 'port1.0.2', 'port1.0.3', 'port1.0.9']
    >>> list_interfaces("interface gigabitethernet 1/0/1")
    ['gigabitethernet1/0/1']
    """
    if not words.startswith("interface "):
        return []
    names: list[str] = []
    for part in words.removeprefix("interface ").replace(" ", "").split(","):
        found = _RANGE.fullmatch(part)
        spread = int(found[3]) - int(found[2]) if found else -1
        if found and 0 <= spread < _MOST_NAMES:
            names += [f"{found[1]}{number}" for number in range(int(found[2]), int(found[3]) + 1)]
        else:
            names.append(part)
    return names


def find_numbers(words: str) -> frozenset[int]:
    """All VLANs that stand in a text, as numbers and lists."""
    found: set[int] = set()
    for part in words.split():
        found.update(parse_vlan_list(part.strip(",")) or ())
    return frozenset(found)


def find_classified_vlans(blocks: Iterable[tuple[ConfigLine, str, Lines]]) -> frozenset[int] | None:
    """The VLANs that rules of a classifier put frames into; None where no rule tells."""
    found: set[int] = set()
    for _, words, _ in blocks:
        if (rule := re.match(r"vlan classifier rule [0-9]+ .*\bvlan ([0-9]{1,10})\b", words)) is not None:
            found.add(int(rule[1]))
    return frozenset(found) or None


def find_voice_profiles(blocks: Iterable[tuple[ConfigLine, str, Lines]]) -> dict[str, frozenset[int]]:
    """Return the VLANs that each profile of a port's voice names."""
    return {
        words: frozenset(number for _, text in lines if re.match("voice", text) for number in find_numbers(text))
        for _, words, lines in blocks
        if words.startswith("network-policy profile ")
    }


def is_routed(texts: Sequence[str]) -> bool:
    """Say if a port is no part of a VLAN: it says so, or it has what only such a port has."""
    if any(words.startswith("switchport") for words in texts):
        return False
    only_routed = re.compile(r"no switchport|no ip address|(ip )?vrf forwarding .*|encapsulation .*")
    return has_address(texts) or any(only_routed.fullmatch(words) for words in texts)

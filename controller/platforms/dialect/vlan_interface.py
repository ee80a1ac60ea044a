"""The interface of a switch in a VLAN: its addresses and the servers that it hands DHCP requests to.

Ours are the interfaces whose description begins with `TSN-interface`, in them the addresses, the relays and whether it
is up. Filters bound there are ours by their own names, whoever's the interface is. The form is that of Cisco IOS: the
secondary addresses stand before the primary one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
)

from controller.model.network.device_state import PREFIX, VlanInterface, build_vlan_interface
from controller.model.network.packets import Family
from controller.platforms.base import ConfigLine, name_interface_place
from controller.platforms.conflict_choices import ConflictKind, advise
from controller.platforms.dialect.blocks import Reading, join_words, lines_starting, takes_back

MARK = f"{PREFIX}-interface"
_IPV4 = re.compile(r"ip address (?P<address>[0-9.]+) (?P<mask>[0-9.]+)(?P<secondary> secondary)?")
_IPV6 = re.compile(r"ipv6 address (?P<address>[0-9A-Fa-f:.]+/[0-9]+)")
_UNNUMBERED = re.compile(r"ip(?:v6)? (?:address|unnumbered) .*")


@dataclass(frozen=True)
class AddressGrammar:
    """How a system writes the addresses of its interfaces in VLANs.

    `relays` are the words before the server of a family; `relay_lines` matches every line that is about relays.
    `conflicts` match the lines that an interface of ours cannot have, with what it is by them.
    `known` matches lines that may stand there since they change nothing of it (None: they are not looked at).
    `mark` is the description of an interface of ours. `capitals`: addresses of IPv6 are written so.
    """

    relays: Mapping[Family, str]
    relay_lines: re.Pattern[str]
    conflicts: tuple[tuple[re.Pattern[str], str], ...] = ()
    known: re.Pattern[str] | None = None
    mark: str = MARK
    capitals: bool = False


def write_interface(grammar: AddressGrammar, one: VlanInterface) -> Iterator[str]:
    """Yield the lines of an interface that is up, without indentation, in the order in which they are printed."""
    yield f"description {grammar.mark}"
    first, second = _by_family(one)
    yield from (f"{_ipv4(address)} secondary" for address in first[1:])
    yield from map(_ipv4, first[:1])
    yield from _write_relays(grammar, one, Family.V4)
    yield from (f"ipv6 address {_write(grammar, address)}" for address in second)
    yield from _write_relays(grammar, one, Family.V6)


def _write_relays(grammar: AddressGrammar, one: VlanInterface, family: Family) -> Iterator[str]:
    for server in map(ip_address, one.relays):
        if server.version == family:
            yield f"{grammar.relays[family]} {_write(grammar, server)}"


def _write(grammar: AddressGrammar, address: IPv4Address | IPv6Address | IPv6Interface) -> str:
    return str(address).upper() if grammar.capitals else str(address)


def _by_family(one: VlanInterface) -> tuple[list[IPv4Interface], list[IPv6Interface]]:
    read = [ip_interface(text) for text in one.addresses]
    return [a for a in read if isinstance(a, IPv4Interface)], [a for a in read if isinstance(a, IPv6Interface)]


def _ipv4(address: IPv4Interface) -> str:
    return f"ip address {address.ip} {address.netmask}"


def find_interface_misfit(one: VlanInterface) -> str:
    """Return why no switch of this kind can hold an interface; "" if it can."""
    try:
        ordered = build_vlan_interface(one.vlan, one.addresses, one.relays)
    except ValueError as error:
        return f"interface in VLAN {one.vlan}: {error}"
    if one != ordered or len(set(one.addresses)) != len(one.addresses):
        return f"interface in VLAN {one.vlan}: addresses must stand in order, each once"
    if any(ip_interface(text).is_link_local for text in one.addresses):
        return f"interface in VLAN {one.vlan}: the switch makes link-local addresses itself"
    return "" if one.addresses else f"interface in VLAN {one.vlan}: it needs an address"


def change_interface(grammar: AddressGrammar, old: VlanInterface | None, new: VlanInterface | None) -> Iterator[str]:
    """Yield the commands inside the interface, from one to the other.

    IPv4 addresses are taken off before others are set: a primary that is a secondary already is refused.
    """
    before = list(write_interface(grammar, old)) if old else []
    after = list(write_interface(grammar, new)) if new else []
    if old is None:
        # It may be ours and down, with whatever addresses.
        yield from ("no ip address", "no ipv6 address")
    changed = {line for line in before if line not in after}
    if any(line.startswith("ip address") for line in changed ^ {line for line in after if line not in before}):
        changed = {line for line in changed if not line.startswith("ip address")}
        if old is not None:
            yield "no ip address"
        before = [line for line in before if not line.startswith("ip address")]
    yield from (
        "no description" if line.startswith("description") else f"no {line}" for line in before if line in changed
    )
    fresh = [line for line in after if line not in before]
    # The primary first: a secondary alone is refused.
    yield from sorted(fresh, key=lambda line: line.endswith(" secondary"))
    if old is None:
        yield "no shutdown"


def leave_networks(now: Sequence[VlanInterface], wanted: Sequence[VlanInterface]) -> tuple[VlanInterface, ...]:
    """Return the present interfaces without the addresses that are in the way of another interface's new ones.

    An interface that would be without addresses is left out.

    >>> one, other = build_vlan_interface(10, ["10.1.0.1/24"]), build_vlan_interface(20, ["10.1.0.1/24"])
    >>> leave_networks([one], [other]), leave_networks([one], [one]) == (one,)
    ((), True)
    """
    held = {one.vlan: set(one.addresses) for one in now}
    gained = [
        (one.vlan, ip_interface(text)) for one in wanted for text in one.addresses if text not in held.get(one.vlan, ())
    ]
    left: list[VlanInterface] = []
    for one in now:
        others = [address.network for vlan, address in gained if vlan != one.vlan]
        stay = [text for text in one.addresses if not _overlaps(text, others)]
        if stay == list(one.addresses):
            left.append(one)
        elif stay:
            left.append(build_vlan_interface(one.vlan, stay, one.relays))
    return tuple(left)


def _overlaps(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    own = ip_interface(address).network
    return any(own.version == other.version and own.overlaps(other) for other in networks)


def read_interface(
    grammar: AddressGrammar, reading: Reading, header: ConfigLine, number: int, children: Sequence[ConfigLine]
) -> tuple[bool, VlanInterface | None]:
    """Read an interface in a VLAN, but for the filters bound there; say if it is ours, and what it is if it is up."""
    described = lines_starting("description", children)
    mark = next((line for line in described if line.text.split()[1] == grammar.mark), None)
    relay_lines = grammar.relay_lines
    addressing = [
        line for line in children if _UNNUMBERED.fullmatch(join_words(line)) or relay_lines.fullmatch(join_words(line))
    ]
    if mark is None:
        others = [*described, *addressing]
        if others:
            reading.conflicting[name_interface_place(number)] = others[0]
        return False, None
    name = f"interface Vlan{number}"
    reading.refuse_each((line, f"a second description in {name}") for line in described if line is not mark)
    for line in children:
        for pattern, what in grammar.conflicts:
            if pattern.fullmatch(join_words(line)):
                words = f"conflict: {name} is ours ({join_words(mark)!r}, line {mark.number}) and {what}"
                advice = advise(ConflictKind.INTERFACE_LINE, place=name, line=join_words(line))
                reading.refuse(line, words + advice)
    reading.refuse_each(_find_unknown(grammar, name, mark, children, [mark, *addressing]))
    found: dict[str, list[str]] = {"primary": [], "other": [], "relay": []}
    for line in addressing:
        kind, text = _read_line(grammar, line)
        if kind is None:
            reading.refuse(line, f"unknown words in {join_words(line)!r}; expected an address that a plan of ours sets")
        else:
            found[kind].append(text)
    if len(found["primary"]) > 1:
        reading.refuse(addressing[0], f"{name} has two primary addresses; a switch has one")
    down = [line for line in children if join_words(line) == "shutdown"]
    reading.manage(header, mark, *addressing, *down)
    if down or not found["primary"] + found["other"]:
        out = f"{name} counts as out of service: it is down, or has no address"
        reading.remarks.append(ConfigLine(header.number, out))
        return True, None
    return True, build_vlan_interface(number, [*found["primary"], *found["other"]], found["relay"])


def _find_unknown(
    grammar: AddressGrammar, name: str, mark: ConfigLine, children: Sequence[ConfigLine], read: Sequence[ConfigLine]
) -> Iterator[tuple[ConfigLine, str]]:
    """Yield the lines of an interface of ours of which nobody said that they change nothing of it."""
    known = grammar.known
    if known is None:
        return
    texts = [join_words(line) for line in children]
    for line in children:
        words = join_words(line)
        told = line in read or any(pattern.fullmatch(words) for pattern, _ in grammar.conflicts)
        harmless = known.fullmatch(words) and not takes_back(words, texts)
        if told or words == "shutdown" or words.startswith("description ") or harmless:
            continue
        ours = f"conflict: {name} is ours ({join_words(mark)!r}, line {mark.number})"
        advice = advise(ConflictKind.INTERFACE_LINE, place=name, line=words)
        yield line, f"{ours} and {words!r} is not known to change nothing of it{advice}"


def _read_line(grammar: AddressGrammar, line: ConfigLine) -> tuple[str | None, str]:
    """Return what an addressing line gives (primary, other, relay; None: not understood), and its address."""
    words = join_words(line)
    try:
        if found := _IPV4.fullmatch(words):
            address = str(IPv4Interface(f"{found['address']}/{found['mask']}"))
            return ("other" if found["secondary"] else "primary"), address
        if found := _IPV6.fullmatch(words):
            return "other", str(IPv6Interface(found["address"]))
        for family, relay in grammar.relays.items():
            server = words.removeprefix(f"{relay} ")
            if server != words and ip_address(server).version == family:
                return "relay", str(ip_address(server))
    except ValueError:
        return None, ""
    return None, ""

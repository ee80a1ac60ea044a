"""The interface of a Cisco IOS switch in a VLAN: its addresses and the servers that it hands DHCP requests to.

Ours are the interfaces whose description begins with `TSN-interface`, in them the addresses, the relays and whether it
is up. Filters bound to `interface VlanN` are ours by their own names, whoever's the interface is.

Sources: Cisco IOS IP Addressing Command Reference (`ip address`, `ip helper-address`), IPv6 Command Reference
(`ipv6 address`, `ipv6 dhcp relay destination`), Interface Command Reference (`shutdown`). IOS prints the secondary
addresses before the primary one, and of `ipv6 address` the prefix length with the address in capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from controller.model.network.device_state import PREFIX, VlanInterface, build_vlan_interface
from controller.platforms.base import ConfigLine
from controller.platforms.common.lines import plain, starting

MARK = f"{PREFIX}-interface"
_IPV4 = re.compile(r"ip address (?P<address>[\d.]+) (?P<mask>[\d.]+)(?P<secondary> secondary)?")
_IPV6 = re.compile(r"ipv6 address (?P<address>[0-9A-Fa-f:.]+/\d+)")
_RELAY = re.compile(r"(?:ip helper-address|ipv6 dhcp relay destination) (?P<server>[0-9A-Fa-f:.]+)")
_ADDRESSING = re.compile(r"(?:ip(?:v6)? (?:address|unnumbered)|ip helper-address|ipv6 dhcp relay) .*")
_CONFLICTS = {
    re.compile(pattern): what
    for pattern, what in (
        (r"(ip )?vrf forwarding .*", "is in a routing table of others"),
        (r"ip(v6)? policy route-map .*", "routes packets by a policy of others"),
    )
}


def interface_lines(one: VlanInterface) -> Iterator[str]:
    """The lines of an interface that is up, without indentation, in the order in which IOS prints them."""
    yield f"description {MARK}"
    first, second = _by_family(one)
    yield from (f"{_ipv4(address)} secondary" for address in first[1:])
    yield from map(_ipv4, first[:1])
    relays = [ip_address(server) for server in one.relays]
    yield from (f"ip helper-address {server}" for server in relays if server.version == 4)  # noqa: PLR2004 the family
    yield from map(_ipv6, second)
    yield from (f"ipv6 dhcp relay destination {str(server).upper()}" for server in relays if server.version == 6)  # noqa: PLR2004 the family


def _by_family(one: VlanInterface) -> tuple[list[IPv4Interface], list[IPv6Interface]]:
    read = [ip_interface(text) for text in one.addresses]
    return [a for a in read if isinstance(a, IPv4Interface)], [a for a in read if isinstance(a, IPv6Interface)]


def _ipv4(address: IPv4Interface) -> str:
    return f"ip address {address.ip} {address.netmask}"


def _ipv6(address: IPv6Interface) -> str:
    return f"ipv6 address {str(address).upper()}"


def interface_misfit(one: VlanInterface) -> str:
    """Why IOS cannot hold an interface; "" if it can."""
    try:
        ordered = build_vlan_interface(one.vlan, one.addresses, one.relays)
    except ValueError as error:
        return f"interface in VLAN {one.vlan}: {error}"
    if one != ordered or len(set(one.addresses)) != len(one.addresses):
        return f"interface in VLAN {one.vlan}: addresses must stand in order, each once"
    if any(ip_interface(text).is_link_local for text in one.addresses):
        return f"interface in VLAN {one.vlan}: IOS makes link-local addresses itself"
    return "" if one.addresses else f"interface in VLAN {one.vlan}: it needs an address"


def change_lines(old: VlanInterface | None, new: VlanInterface | None) -> Iterator[str]:
    """The commands inside the interface, from one to the other.

    IPv4 addresses are taken off before others are set: IOS refuses a primary that is a secondary already.
    """
    before = list(interface_lines(old)) if old else []
    after = list(interface_lines(new)) if new else []
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


@dataclass(frozen=True)
class Read:
    """An interface as read; `state` is None when it is not ours, or ours and down."""

    ours: bool
    state: VlanInterface | None = None
    managed: tuple[ConfigLine, ...] = ()
    problems: tuple[tuple[ConfigLine, str], ...] = ()
    remark: str = ""
    conflicting: ConfigLine | None = None


def read_interface(number: int, children: list[ConfigLine]) -> Read:
    """Understand the lines of `interface VlanN`, but for the filters bound there."""
    said = starting("description", children)
    mark = next((line for line in said if line.text.split()[1] == MARK), None)
    addressing = [line for line in children if _ADDRESSING.fullmatch(plain(line))]
    if mark is None:
        others = [*said, *addressing]
        return Read(ours=False, conflicting=others[0] if others else None)
    problems = [(line, f"a second description in interface Vlan{number}") for line in said if line is not mark]
    problems += [
        (line, f"conflict: interface Vlan{number} is ours ({plain(mark)!r}, line {mark.number}) and {what}")
        for line in children
        for pattern, what in _CONFLICTS.items()
        if pattern.fullmatch(plain(line))
    ]
    found: dict[str, list[str]] = {"primary": [], "other": [], "relay": []}
    for line in addressing:
        kind, text = _read_line(line)
        if kind is None:
            problems.append((line, f"unknown words in {plain(line)!r}; expected an address that a plan of ours sets"))
        else:
            found[kind].append(text)
    if len(found["primary"]) > 1:
        problems.append((addressing[0], f"interface Vlan{number} has two primary addresses; IOS has one"))
    down = [line for line in children if plain(line) == "shutdown"]
    understood = (mark, *addressing, *down)
    if down or not found["primary"] + found["other"]:
        remark = f"interface Vlan{number} counts as out of service: it is down, or has no address"
        return Read(ours=True, managed=understood, problems=tuple(problems), remark=remark)
    state = build_vlan_interface(number, [*found["primary"], *found["other"]], found["relay"])
    return Read(ours=True, state=state, managed=understood, problems=tuple(problems))


def _read_line(line: ConfigLine) -> tuple[str | None, str]:
    """What an addressing line gives (primary, other, relay; None: not understood), and its address."""
    words = plain(line)
    try:
        if found := _IPV4.fullmatch(words):
            address = str(IPv4Interface(f"{found['address']}/{found['mask']}"))
            return ("other" if found["secondary"] else "primary"), address
        if found := _IPV6.fullmatch(words):
            return "other", str(IPv6Interface(found["address"]))
        if found := _RELAY.fullmatch(words):
            return "relay", str(ip_address(found["server"]))
    except ValueError:
        return None, ""
    return None, ""

"""The addresses and next hops that stand in the lines of a configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_interface, ip_network

from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine
from controller.platforms.dialect.blocks import join_words
from controller.platforms.dialect.paths.words import OWN_ADDRESSES

LINK_LOCAL = "fe80::1/64"
"""Stands for whatever address of this kind an interface makes for itself: it routes by it, and holds none of ours."""
DISCARDING = frozenset({"null0", "blackhole", "reject"})
"""In the place of a next hop: what the route matches is dropped."""
_DISTANCE = re.compile(r"[0-9]{1,3}")
_NUMBERED = frozenset({"tag", "track", "name", "label", "table"})
"""Words of a route that a number of another meaning follows."""
Lines = Sequence[tuple[ConfigLine, str]]
"""Lines with their words, in small letters."""


def is_address(words: str) -> bool:
    """Say if a line gives an interface an address."""
    return re.match(r"ip(v6)? address ", words) is not None


def has_address(texts: Iterable[str]) -> bool:
    """Say if one of the lines gives an interface an address, or lets it make or borrow one."""
    others = ("ip unnumbered", "ipv6 unnumbered", "ipv6 enable")
    return any(is_address(words) or words.startswith(others) for words in texts)


def find_addressed(
    kind: PathKind, header: ConfigLine, holder: str, vlans: frozenset[int], lines: Lines
) -> Iterator[UnmanagedPath]:
    """Yield an interface that has addresses, told by the first line that gives it one."""
    addresses, unknown = list_addresses(lines, lone=OWN_ADDRESSES.fullmatch(holder) is not None)
    if not addresses and not unknown:
        return
    first = next((line for line, words in lines if has_address([words])), header)
    table = next((words.split()[-1] for _, words in lines if re.match(r"(ip )?vrf forwarding ", words)), "")
    yield UnmanagedPath(kind, first.number, join_words(first).lower(), holder, vlans, addresses, unknown, (), table)


def list_addresses(lines: Lines, *, lone: bool = False) -> tuple[tuple[str, ...], bool]:
    """Return the addresses of an interface with their lengths, and whether it has one that is not told.

    `lone`: an address without a length is one alone, as it is where no other host can be.
    """
    found, unknown = [], False
    for _, words in lines:
        if not has_address([words]):
            continue
        parts = words.split()[2:]
        if "link-local" in parts or words == "ipv6 enable":
            found.append(LINK_LOCAL)
            continue
        text = f"{parts[0]}/{parts[1]}" if len(parts) > 1 and parts[1][:1].isdigit() and "/" not in parts[0] else ""
        try:
            one = ip_interface(text or (parts[0] if parts else ""))
        except ValueError:
            unknown = True
            continue
        if lone or "/" in (text or parts[0]):
            found.append(str(one))
        else:
            unknown = True
    return tuple(found), unknown


def list_plain_addresses(words: str) -> tuple[str, ...]:
    """Return the addresses that stand in a line.

    >>> list_plain_addresses("default-router 10.1.0.1 10.1.0.2")
    ('10.1.0.1', '10.1.0.2')
    """
    return tuple(part for part in words.split() if _is_plain_address(part))


def describe_route(header: ConfigLine, words: str) -> UnmanagedPath:
    """A route, with the addresses that it leads to."""
    parts = words.split()[2:]
    table = ""
    if parts[:1] == ["vrf"]:
        table, parts = (parts[1] if len(parts) > 1 else ""), parts[2:]
    if "default-gateway" in words:
        target, rest = "0.0.0.0/0", parts
    else:
        wide = len(parts) > 1 and "/" not in parts[0]
        target, rest = ("/".join(parts[:2]), parts[2:]) if wide else ("".join(parts[:1]), parts[1:])
    hops = [part for part in rest if _is_plain_address(part)]
    shared = "" if "global" in rest else table
    return UnmanagedPath(
        PathKind.STATIC_ROUTE,
        header.number,
        words,
        addresses=(target,) if is_network(target) else (),
        has_unknown_address=not is_network(target),
        next_hops=tuple(hops),
        table=shared,
        is_discarded=not hops and bool(DISCARDING.intersection(rest)),
        distance=_find_distance(rest),
    )


def _find_distance(words: Sequence[str]) -> int:
    """Return the distance that a route's words tell behind its target; 1 where they tell none.

    >>> _find_distance(["10.1.0.2", "tag", "7", "200"]), _find_distance(["blackhole"])
    (200, 1)
    """
    behind = zip(("", *words), words, strict=False)
    return next((int(word) for before, word in behind if _DISTANCE.fullmatch(word) and before not in _NUMBERED), 1)


def describe_neighbor(header: ConfigLine, words: str) -> UnmanagedPath:
    """An address that a line binds to a station: its packets go there, whoever has it.

    >>> describe_neighbor(ConfigLine(7, ""), "arp 10.1.0.9 0011.2233.4455 arpa").addresses
    ('10.1.0.9/32',)
    """
    found = tuple(str(ip_interface(one)) for one in list_plain_addresses(words))[:1]
    if words.endswith(" alias") or not found:
        return UnmanagedPath(PathKind.PROXY_ARP, header.number, words)
    return UnmanagedPath(PathKind.PROXY_ARP, header.number, words, vlans=None, addresses=found)


def describe_own_network(header: ConfigLine, words: str, address: str, length: int) -> UnmanagedPath:
    """An address or a network that a device answers for by itself; any where the line does not tell it.

    >>> describe_own_network(ConfigLine(7, ""), "atmf management subnet 172.31.0.0", "172.31.0.0", 16).addresses
    ('172.31.0.0/16',)
    """
    if not _is_plain_address(address):
        return UnmanagedPath(PathKind.PROXY_ARP, header.number, words, vlans=None)
    return UnmanagedPath(PathKind.PROXY_ARP, header.number, words, vlans=None, addresses=(f"{address}/{length}",))


def _is_plain_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Say if a text is an address with or without its length.

    >>> is_network("10.1.0.1/16"), is_network("dhcp")
    (True, False)
    """
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True

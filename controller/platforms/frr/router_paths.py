"""Reads out of a router's configuration what decides on its routes beside the route policies that are ours.

A route policy of ours orders the paths that BGP learns. A line of others can outrank it: a weight, a static route, a
routing protocol, a session that is shut down. Lines that are known to decide nothing are listed here; every other one
is a way of others, which `controller/prove/reachability/router_paths.py` judges or names.

Sources: FRR 8.4 user guide, "BGP" (route selection: weight before local preference; administrative distance),
"Zebra" (static routes, `ip protocol`), "PBR", and the form of `show running-config` of FRR 8.4.4 in Debian 12.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine
from controller.platforms.dialect.blocks import Block, join_words
from controller.platforms.dialect.paths.addresses import describe_route, is_network

_HARMLESS_LINES = re.compile(
    r"(?:frr (?:version|defaults) .*|hostname .*|domainname .*|(?:no )?log .*|(?:no )?service .*|(?:no )?debug .*"
    r"|(?:enable )?password .*|username .*|banner .*|line vty|agentx|(?:ip|ipv6) forwarding"
    r"|(?:ip|ipv6) prefix-list .*|bgp (?:as-path|community-list|extcommunity-list|large-community-list) .*"
    r"|(?:ip|ipv6)? ?access-list .*|route-map .*|bgp route-map delay-timer (?:[1-9]|[1-5][0-9]|60)|bfd"
    r"|(?:ip|ipv6) nht resolve-via-default"
    r"|(?:ip )?router-id (?!0\.0\.0\.0)[0-9.]+|ipv6 router-id [0-9a-f:]+|exit-vrf"
    r"|ip mroute .*|rpki|key chain .*|exit|end)"
)
"""Lines at the margin that by themselves decide on no route; lists and route maps do so only where they are used."""
_DECIDING_LINES = (
    (re.compile(r"router bgp |vrf "), PathKind.ROUTING_TABLE),
    (re.compile(r"router |mpls|segment-routing|vnc |l2vpn"), PathKind.ROUTING_PROTOCOL),
    (re.compile(r"no (?:ip|ipv6) forwarding"), PathKind.ROUTING_OFF),
    (re.compile(r"pbr|nexthop-group "), PathKind.POLICY_ROUTING),
    (re.compile(r"(?:ip|ipv6) (?:protocol|import-table) |zebra "), PathKind.ROUTE_PREFERENCE),
)
_HARMLESS_ON_INTERFACES = re.compile(
    r"(?:description .*|bandwidth .*|no shutdown|link-detect|multicast(?: enable)?|exit"
    r"|ipv6 nd suppress-ra"
    r"|(?:no )?ipv6 nd (?:ra-fast-retrans|managed-config-flag|other-config-flag|adv-interval-option)"
    r"|ipv6 nd (?:ra-interval (?:msec )?[0-9]+|reachable-time [0-9]+|ra-retrans-interval [0-9]+))"
)
"""Of what is advertised in IPv6, timers and flags alone: a lifetime, a preference or a prefix gives another gateway."""
_ADDRESS = re.compile(r"(?:ip|ipv6) address (?P<address>\S+)(?P<peer> .*)?")
_LABEL = re.compile(r" label \S+")
_ROUTE = re.compile(r"(?:ip|ipv6) route (?:\S+/[0-9]+|[0-9.]+ [0-9.]+) \S+(?: tag [0-9]+)?(?: [0-9]{1,3})?")
"""A route that its target and its next hop say all of: an interface, a table or a label beside them leads elsewhere."""
_TIMERS = r"[1-9][0-9]? (?:[3-9]|[1-9][0-9]|1[0-7][0-9]|180)"
"""Of a session, in seconds: never off, and no longer than what routers have of themselves (60 and 180)."""
_BFD_INTERVAL = r"[1-9][0-9]{2,3}"
"""In milliseconds: below 100 a session ends on what a line in use does."""
_BFD_TIMERS = rf"(?:[2-9]|[1-4][0-9]|50) {_BFD_INTERVAL} {_BFD_INTERVAL}"
_HARMLESS_IN_BGP = re.compile(
    r"(?:bgp (?:router-id (?!0\.0\.0\.0).*|log-neighbor-changes|ebgp-requires-policy|bestpath compare-routerid"
    r"|suppress-duplicates|network import-check|graceful-restart-disable|default show-(?:nexthop-)?hostname)"
    r"|no bgp (?:default ipv4-unicast|ebgp-requires-policy|suppress-duplicates|network import-check"
    r"|default show-(?:nexthop-)?hostname|graceful-restart(?: .*)?)"
    rf"|timers bgp {_TIMERS}|maximum-paths (?:ibgp )?[0-9]+|(?:no )?auto-summary|no synchronization"
    r"|neighbor \S+ (?:remote-as \S+|interface(?: v6only)?(?: (?:remote-as|peer-group) \S+)?|peer-group(?: \S+)?"
    rf"|description .*|bfd(?: profile \S+| check-control-plane-failure| {_BFD_TIMERS})?"
    rf"|timers (?:{_TIMERS}|connect (?:[1-9][0-9]?|1[01][0-9]|120))"
    r"|password .*|ttl-security hops 1|activate"
    r"|next-hop-self(?: force)?|send-community(?: .*)?|soft-reconfiguration inbound"
    r"|maximum-prefix [0-9]+(?: [0-9]+)? warning-only"
    r"|advertisement-interval [0-9]{1,2}|route-map \S+ (?:in|out)|default-originate(?: .*)?|capability dynamic)"
    r"|no neighbor \S+ (?:activate|send-community(?: .*)?|capability dynamic)"
    r"|address-family (?:ipv4|ipv6)(?: unicast)?|exit-address-family|exit)"
)
"""Policies, default routes, groups and neighbours that stand here are judged where `parse` reads them.

A source that is not the line's (`update-source`, `interface` with an address before it) or more hops let a session
come up over another line, or not at all.
"""
_HARMLESS_IN_BFD = re.compile(
    rf"(?:detect-multiplier (?:[2-9]|[1-4][0-9]|50)|(?:receive|transmit)-interval {_BFD_INTERVAL}|(?:no )?echo-mode"
    rf"|(?:no )?passive-mode|echo (?:receive|transmit)-interval (?:{_BFD_INTERVAL}|disabled)"
    rf"|echo-interval {_BFD_INTERVAL}"
    r"|label \S+|no shutdown|exit|!)"
)
"""Of the timers, those that find a dead line: `minimum-ttl` can hold a session down."""
_NEIGHBOUR = re.compile(r"(?:no )?neighbor (?P<name>\S+) ")
_SOURCE = re.compile(r"neighbor \S+ update-source (?P<source>\S+)")
"""Where a session comes from: told as `next_hops`, an address or an interface, to be compared with the line's own."""
_LEFT = re.compile(r"no neighbor (?P<name>\S+) activate")
"""A neighbour takes no routes of this family. In the other family than its address's that is how it should be."""
_FAMILY = re.compile(r"address-family ipv([46])(?: unicast)?")
_NETWORK = re.compile(r"network (?P<prefix>\S+/[0-9]{1,3})")
"""A network of ours that is announced as it is; a route map of others beside it may hold it back, or change it."""


def read_router_paths(blocks: Iterable[Block]) -> tuple[UnmanagedPath, ...]:
    """Return the ways of others in a router's configuration, each with the line that shows it."""
    return tuple(path for block in blocks for path in _read_block(block))


def _read_block(block: Block) -> Iterator[UnmanagedPath]:
    header = join_words(block.header)
    match header.split():
        case ["interface", name, *rest]:
            if rest:
                yield _name_path(PathKind.ROUTING_TABLE, block.header, holder=name)
            yield from _read_interface(name, block.children)
        case ["router", "bgp", _]:
            yield from _read_bgp(block.children)
        case ["vrf", "default"]:  # the table of everything that stands at the margin
            yield from (path for line in block.children for path in _read_block(Block(line, ())))
        case ["bfd"]:
            yield from _read_sessions(block.children)
        case ["ip" | "ipv6", "route", *_]:
            route = describe_route(block.header, header.lower())
            plain = _ROUTE.fullmatch(header) is not None
            yield route if plain else replace(route, next_hops=(), is_discarded=False)
        case _ if not _HARMLESS_LINES.fullmatch(header):
            kinds = (kind for begin, kind in _DECIDING_LINES if begin.match(header))
            yield _name_path(next(kinds, PathKind.UNKNOWN_LINE), block.header)


def _read_interface(name: str, lines: Iterable[ConfigLine]) -> Iterator[UnmanagedPath]:
    for line in lines:
        words = join_words(line)
        addressed = _ADDRESS.fullmatch(words)
        if words.startswith("pbr-policy "):
            yield _name_path(PathKind.POLICY_ROUTING, line, holder=name)
        elif addressed:
            path = _name_path(PathKind.ROUTED_PORT, line, holder=name)
            alone = addressed["peer"] is None or _LABEL.fullmatch(addressed["peer"]) is not None
            known = alone and is_network(addressed["address"])
            yield replace(path, addresses=(addressed["address"],) if known else (), has_unknown_address=not known)
        elif words == "no ipv6 nd suppress-ra":
            yield _name_path(PathKind.SECOND_GATEWAY, line, holder=name)
        elif words == "shutdown":
            yield replace(_name_path(PathKind.ROUTE_PREFERENCE, line, holder=name), is_shut=True)
        elif not _HARMLESS_ON_INTERFACES.fullmatch(words):
            yield _name_path(PathKind.UNKNOWN_LINE, line, holder=name)


def _read_sessions(lines: Iterable[ConfigLine]) -> Iterator[UnmanagedPath]:
    """Yield the sessions of BFD, and the profiles of sessions, that are shut down: BGP then takes the line for down.

    What is not known there is a way of others, too.
    """
    holder = ""
    for line in lines:
        match join_words(line).split():
            case ["peer", name, *_]:
                holder = name
            case ["profile", *_]:
                holder = ""
            case ["shutdown"]:
                yield _name_path(PathKind.ROUTE_PREFERENCE, line, holder=holder)
            case _ if not _HARMLESS_IN_BFD.fullmatch(join_words(line)):
                yield _name_path(PathKind.UNKNOWN_LINE, line, holder=holder)


def _read_bgp(lines: Iterable[ConfigLine]) -> Iterator[UnmanagedPath]:
    other_family, version = False, 4
    for line in lines:
        words = join_words(line)
        if words == "!":
            continue
        if (found := _FAMILY.fullmatch(words)) is not None:
            version = int(found[1])
        elif words == "exit-address-family":
            version = 4
        if (left := _LEFT.fullmatch(words)) is not None and version == (6 if ":" in left["name"] else 4):
            yield _name_path(PathKind.ROUTE_PREFERENCE, line, holder=left["name"])
            continue
        announced = _NETWORK.fullmatch(words)
        if announced and is_network(announced["prefix"]) and not other_family:
            yield _name_path(PathKind.ROUTE_PREFERENCE, line, addresses=(announced["prefix"],))
        elif other_family or not _HARMLESS_IN_BGP.fullmatch(words):
            other_family = words.startswith("address-family ") or (other_family and words != "exit-address-family")
            if words != "exit-address-family":
                neighbour, source = _NEIGHBOUR.match(words), _SOURCE.fullmatch(words)
                path = _name_path(PathKind.ROUTE_PREFERENCE, line, holder=neighbour["name"] if neighbour else "")
                yield replace(path, next_hops=(source["source"],) if source else ())


def _name_path(kind: PathKind, line: ConfigLine, *, holder: str = "", addresses: tuple[str, ...] = ()) -> UnmanagedPath:
    return UnmanagedPath(kind, line.number, join_words(line).lower(), holder, None, addresses)

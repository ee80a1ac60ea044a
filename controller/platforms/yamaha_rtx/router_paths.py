"""Reads out of the configuration of a Yamaha RTX what of others decides on its routes, or leads packets elsewhere.

Lines that are known to lead nowhere are listed here; every other one is a way of others, which
`controller/prove/reachability/router_paths.py` judges or names. Sources: Yamaha command reference ed. 12.01, chapters
4 (`login`, `console`), 8 (`ip`), 14 (`tunnel`), 23 (`nat descriptor`), 29 (`bgp`), 31 and 38.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine
from controller.platforms.dialect.blocks import Block, join_words
from controller.platforms.dialect.paths.addresses import is_network

_HARMLESS = re.compile(
    r"(?:login|administrator|user|security|console|description|syslog|snmp\w*|telnetd?|sshd?|sftpd|httpd|tftp|ntp\w*"
    r"|sntpd|timezone|date|time|alarm|mail|statistics|external-memory|usbhost|dashboard|lua|radius|auth"
    r"|operation|yno|system|clear|dns|dhcp|queue|speed|vlan|upnp|ngn|nat|sip)(?: .*)?"
    r"|lan (?:type|link-aggregation|linkup|keepalive|count-hub-overflow) .*|ethernet filter .*"
    r"|schedule at \S+ .*\* (?:ntpdate|rdate|restart)(?: .*)?"
    r"|(?:ip|ipv6) filter (?!(?:source-route|directed-broadcast) off).*"
    r"|(?:ip|ipv6) (?:keepalive|icmp|stealth|host|arp|flow|fragment) ?.*"
    r"|(?:ip|ipv6) \S+ (?:secure filter|mtu|tcp|intrusion|proxyarp off|dhcp|rtadv|rebound|keepalive) ?.*"
    r"|(?:ip|ipv6) (?:routing on|routing process .*)"
)
"""Lines at the margin that by themselves lead no packet; filters and NAT do so only where they are used."""
_DECIDING = (
    (re.compile(r"ip(?:v6)? \S+ intrusion detection .*reject=on.*|ethernet \S+ filter .*"), PathKind.VLAN_FILTER),
    (re.compile(r"lan port-mirroring .*"), PathKind.MIRROR),
    (re.compile(r"lan (?:backup|shutdown) .*"), PathKind.ROUTE_PREFERENCE),
    (re.compile(r"(?:bgp|ospf|rip|ipv6 ospf|ipv6 rip)\b.*"), PathKind.ROUTING_PROTOCOL),
    (re.compile(r"ip(?:v6)? routing off"), PathKind.ROUTING_OFF),
    (re.compile(r"ip(?:v6)? \S+ nat descriptor .*"), PathKind.ADDRESS_TRANSLATION),
    (re.compile(r"ip(?:v6)? (?:policy|\S+ rip|\S+ ospf) .*"), PathKind.POLICY_ROUTING),
    (re.compile(r"bridge .*"), PathKind.BRIDGE),
    (re.compile(r"ip(?:v6)? \S+ vrrp .*"), PathKind.SECOND_GATEWAY),
    (re.compile(r"ip(?:v6)? \S+ proxyarp on"), PathKind.PROXY_ARP),
)
_ADDRESS = re.compile(r"(?:ip|ipv6) (?P<name>\S+) (?:secondary )?address (?P<address>\S+)(?: .*)?")
_ROUTE = re.compile(r"ip(?:v6)? route (?P<target>\S+) gateway (?P<rest>.+)")
_DEFAULTS = {"ip": "0.0.0.0/0", "ipv6": "::/0"}


def read_router_paths(blocks: Iterable[Block], managed: Container[int]) -> tuple[UnmanagedPath, ...]:
    """Return the ways of others in the configuration of a router, each with the line that shows it."""
    return tuple(path for block in blocks for path in _read_block(block, managed))


def _read_block(block: Block, managed: Container[int]) -> Iterator[UnmanagedPath]:
    header = block.header
    words = join_words(header).lower()
    if header.number in managed:
        return
    if re.fullmatch(r"(?:pp|tunnel) select \S+", words):
        holder = words.replace(" select ", "")
        yield UnmanagedPath(PathKind.TUNNEL, header.number, words, holder, None, has_unknown_address=True)
        return
    if (route := _ROUTE.fullmatch(words)) is not None:
        target = _DEFAULTS[words.split()[0]] if route["target"] == "default" else route["target"]
        hops = tuple(word for word in route["rest"].split() if is_network(word))
        known = is_network(target)
        yield UnmanagedPath(
            PathKind.STATIC_ROUTE,
            header.number,
            words,
            addresses=(target,) if known else (),
            has_unknown_address=not known,
            next_hops=hops,
            is_discarded=route["rest"] == "null",
        )
        return
    if (found := _ADDRESS.fullmatch(words)) is not None:
        known = is_network(found["address"])
        yield UnmanagedPath(
            PathKind.ROUTED_PORT,
            header.number,
            words,
            found["name"],
            None,
            (found["address"],) if known else (),
            has_unknown_address=not known,
        )
        return
    yield from _read_line(header, words)
    for line in block.children:
        yield UnmanagedPath(PathKind.UNKNOWN_LINE, line.number, join_words(line).lower(), vlans=None)


def _read_line(line: ConfigLine, words: str) -> Iterator[UnmanagedPath]:
    kind = next((kind for pattern, kind in _DECIDING if pattern.fullmatch(words)), None)
    if kind is None and not _HARMLESS.fullmatch(words):
        kind = PathKind.UNKNOWN_LINE
    if kind is not None:
        yield UnmanagedPath(kind, line.number, words, vlans=None)

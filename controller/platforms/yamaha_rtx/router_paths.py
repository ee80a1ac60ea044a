"""Reads out of the configuration of a Yamaha RTX what of others decides on its routes, or leads packets elsewhere.

Lines that are known to lead nowhere are listed here; every other one is a way of others, which
`controller/prove/reachability/router_paths.py` judges or names. Sources: Yamaha command reference ed. 12.01, chapters
4 (`login`, `console`), 8 (`ip`), 14 (`tunnel`), 23 (`nat descriptor`), 29 (`bgp`), 31 and 38.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from controller.model.network.unmanaged_paths import PathKind, UnmanagedPath
from controller.platforms.base import ConfigLine
from controller.platforms.dialect.blocks import Block, join_words
from controller.platforms.dialect.paths.addresses import is_network, list_plain_addresses
from controller.platforms.dialect.paths.words import ROOM

_PLAIN_OPTION = r"(?:(?:dns|domain|hostname|wins_server|ntp_server)=|0*(?:4[2346]|6[67]|150)=)\S+"
"""What a DHCP scope may tell hosts beside their gateway."""
_MEGABIT = r"(?:[1-9][0-9]{6,}|[1-9][0-9]{3,}k|[1-9][0-9]*m|[1-9][0-9]?%|100%)"
"""A speed that leaves room for what hosts need, in bits a second, or a part of the line's."""
_ANNOUNCING = re.compile(
    r"ipv6 (?P<name>\S+) rtadv send(?: [0-9]+)+(?: (?:[mo]_flag=(?:on|off)|(?:max|min)-rtr-adv-interval=[0-9]+))*"
)
"""An interface that announces the router as a gateway, with timers and flags alone."""
_HARMLESS = re.compile(
    r"(?:login|administrator|user|security|console|description|syslog|snmp\w*|telnetd?|sshd?|sftpd|httpd|tftp|ntp\w*"
    r"|sntpd|timezone|date|time|alarm|mail|statistics|usbhost|dashboard|lua|radius|auth"
    r"|system|clear|dns|vlan|upnp|ngn|nat|sip|lldp|l2ms reset)(?: .*)?"
    r"|yno (?!use on|zero-config).*|(?:bgp|ospf|rip|ipv6 ospf|ipv6 rip) use off"
    r"|(?:pptp|l2tp) service off|ipsec auto refresh off|ipv6 multicast routing process off"
    r"|(?:lan-map|switch control) .*\boff|(?:http|cooperation) \S+ permit off"
    rf"|speed \S+ {_MEGABIT}|queue \S+ (?:type \S+|class filter list .*|default class .*)"
    rf"|queue \S+ (?:length(?: [1-9][0-9]*)+|class property [0-9]+(?: type=\S+)? bandwidth={_MEGABIT}(?:,{_MEGABIT})?)"
    r"|queue class filter [0-9]+ (?!0[ /]).*"
    r"|external-memory (?:statistics|syslog|cache|accelerator|auto-search|performance-test) .*"
    r"|(?:external-memory|operation) (?:\S+ ){1,6}permit off"
    r"|dhcp (?:service (?!relay)|relay (?!server)|server |duplicate |manual |client |convert )\S.*"
    r"|dhcp scope (?:bind|lease) .*"
    rf"|dhcp scope option [0-9]+(?: {_PLAIN_OPTION})+"
    rf"|lan type (?!.*\bmtu=(?!{ROOM}\b)).*"
    r"|lan (?:link-aggregation|linkup|keepalive|count-hub-overflow) .*|ethernet filter .*"
    r"|schedule at [0-9]+(?: (?!\* )\S+){1,2} \* (?:ntpdate|rdate) \S+(?: syslog)?"
    r"|schedule at [0-9]+(?: \S+/\S+)? (?:\+[0-9]{3,}|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?) \* restart"
    r"|(?:ip|ipv6) filter (?!(?:source-route|directed-broadcast) off).*"
    r"|(?:ip|ipv6) (?:keepalive|stealth|host|arp|fragment|icmp (?!redirect receive on)|flow (?!limit [0-9]{1,3}$)) ?.*"
    r"|(?:ip|ipv6) \S+ (?:secure filter|tcp|intrusion|proxyarp off|dhcp (?!service relay)|rebound|keepalive) ?.*"
    rf"|(?:ip|ipv6) \S+ mtu {ROOM}"
    rf"|{_ANNOUNCING.pattern}"
    r"|(?:ip|ipv6) (?:routing on|routing process .*)"
)
"""Lines at the margin that by themselves lead no packet; filters and NAT do so only where they are used."""
_DECIDING = (
    (re.compile(r"ip(?:v6)? \S+ intrusion detection .*reject=on.*|ethernet \S+ filter .*"), PathKind.VLAN_FILTER),
    (re.compile(r"lan port-mirroring .*"), PathKind.MIRROR),
    (re.compile(r"lan (?:backup|shutdown) .*"), PathKind.ROUTE_PREFERENCE),
    (re.compile(r"(?:bgp|ospf|rip|ipv6 ospf|ipv6 rip)\b(?! use off$).*"), PathKind.ROUTING_PROTOCOL),
    (re.compile(r"ip(?:v6)? routing off"), PathKind.ROUTING_OFF),
    (re.compile(r"ip(?:v6)? \S+ nat descriptor .*"), PathKind.ADDRESS_TRANSLATION),
    (re.compile(r"ip(?:v6)? (?:policy|\S+ rip|\S+ ospf) .*"), PathKind.POLICY_ROUTING),
    (re.compile(r"bridge .*"), PathKind.BRIDGE),
    (re.compile(r"ip(?:v6)? \S+ vrrp .*"), PathKind.SECOND_GATEWAY),
    (re.compile(r"ip(?:v6)? \S+ proxyarp on"), PathKind.PROXY_ARP),
)
_ADDRESS = re.compile(r"(?:ip|ipv6) (?P<name>\S+) (?:secondary )?address (?P<address>\S+)(?: .*)?")
_ROUTE = re.compile(r"ip(?:v6)? route (?P<target>\S+) gateway (?P<rest>.+)")
_ONE_GATEWAY = re.compile(r"(?P<hop>\S+)(?: (?:metric|weight) [0-9]+| hide)*")
_SCOPE = re.compile(r"dhcp scope (?P<number>[0-9]+) (?P<first>[0-9.]+)-[0-9.]+/(?P<length>[0-9.]+)(?P<rest>(?: \S+)*)")
_OPTIONS = re.compile(r"dhcp scope option (?P<number>[0-9]+)(?P<rest>(?: \S+)+)")
_GATEWAY = re.compile(r".* gateway (?P<hops>\S+)(?: .*)?")
_DEFAULTS = {"ip": "0.0.0.0/0", "ipv6": "::/0"}


def read_router_paths(blocks: Sequence[Block], managed: Container[int]) -> tuple[UnmanagedPath, ...]:
    """Return the ways of others in the configuration of a router, each with the line that shows it."""
    headers = [(block.header, join_words(block.header).lower()) for block in blocks]
    ours = {words.split()[1] for header, words in headers if header.number in managed and words.startswith("vlan ")}
    gateways = {one.line: one for one in (*_read_scopes(headers), *_find_announcing(headers, ours))}
    return tuple(path for block in blocks for path in _read_block(block, managed, gateways))


def _read_block(
    block: Block, managed: Container[int], gateways: Mapping[int, UnmanagedPath]
) -> Iterator[UnmanagedPath]:
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
        one = _ONE_GATEWAY.fullmatch(route["rest"])
        hops = (one["hop"],) if one is not None and is_network(one["hop"]) else ()
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
    if header.number in gateways:
        yield gateways[header.number]
    else:
        yield from _read_line(header, words)
    for line in block.children:
        yield UnmanagedPath(PathKind.UNKNOWN_LINE, line.number, join_words(line).lower(), vlans=None)


def _read_scopes(lines: Iterable[tuple[ConfigLine, str]]) -> Iterator[UnmanagedPath]:
    """Yield the scopes of DHCP with their networks and the gateways that they give; without one it is the router.

    Options by number (3, 33, 121, 249) hold gateways in hexadecimal, and are not read.
    """
    networks: dict[str, str] = {}
    for line, words in lines:
        if (scope := _SCOPE.fullmatch(words)) is not None:
            network = networks[scope["number"]] = f"{scope['first']}/{scope['length']}"
            given = _GATEWAY.fullmatch(scope["rest"])
            yield _name_gateways(line, words, network, [given["hops"]] if given else [])
        elif (options := _OPTIONS.fullmatch(words)) is not None:
            others = [one for one in options["rest"].split() if not re.fullmatch(_PLAIN_OPTION, one)]
            hops = [hop for one in others for hop in one.removeprefix("router=").split(",")]
            if others:
                yield _name_gateways(line, words, networks.get(options["number"], ""), hops)


def _find_announcing(lines: Iterable[tuple[ConfigLine, str]], ours: Container[str]) -> Iterator[UnmanagedPath]:
    """Yield the interfaces that announce the router in IPv6 and are not ours."""
    for line, words in lines:
        found = _ANNOUNCING.fullmatch(words)
        if found is not None and found["name"] not in ours:
            yield UnmanagedPath(PathKind.SECOND_GATEWAY, line.number, words, found["name"], None)


def _name_gateways(line: ConfigLine, words: str, network: str, hops: Sequence[str]) -> UnmanagedPath:
    known = is_network(network)
    read = all(map(list_plain_addresses, hops))
    return UnmanagedPath(
        PathKind.SECOND_GATEWAY,
        line.number,
        words,
        vlans=None,
        addresses=(network,) if known else (),
        has_unknown_address=not (known and read),
        next_hops=tuple(hops) if read else (),
    )


def _read_line(line: ConfigLine, words: str) -> Iterator[UnmanagedPath]:
    kind = next((kind for pattern, kind in _DECIDING if pattern.fullmatch(words)), None)
    if kind is None and not _HARMLESS.fullmatch(words):
        kind = PathKind.UNKNOWN_LINE
    if kind is not None:
        yield UnmanagedPath(kind, line.number, words, vlans=None)

"""The words by which a switch's text shows ways: what each means, and those that are known to be no way.

Inside an object of ours every line must be known (`KnownLines`); what is not known there is shown as such. Elsewhere
the lines that lead somewhere are listed, and a `switchport` line that is in no list leads anywhere.

Sources: the command references named in `cisco_ios/text.py` and `allied_telesis_awplus/text.py`; beside them Cisco IOS
IP Routing, NAT, MPLS layer 2 VPN and first hop redundancy references. Not verified on a device.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from controller.model.network.unmanaged_paths import PathKind


@dataclass(frozen=True)
class KnownLines:
    """Lines that may stand in an object of ours beside our own: they change nothing of it (None: not looked at).

    A system's own list is the only one that is asked there; `HARMLESS_...` stand for the lists of one that has none.
    `interfaces` are those in VLANs where they have no addresses of ours; else `AddressGrammar.known` says so.
    """

    vlans: re.Pattern[str] | None = None
    ports: re.Pattern[str] | None = None
    interfaces: re.Pattern[str] | None = None


ROOM = r"(1[3-9][0-9]{2}|12[89][0-9]|[2-9][0-9]{3}|[1-9][0-9]{4})"
"""A size of packets from 1280 bytes on, which IPv6 needs and with which IPv4 reaches whoever it does."""


def _compile(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(words)})")


HARMLESS_ON_PORTS = _compile(
    r"description .*",
    rf"mtu {ROOM}",
    r"(no )?shutdown",
    r"(no )?(speed|duplex|polarity|mdix|negotiation|flowcontrol|jumbo|media-type|load-interval|carrier-delay)\b.*",
    r"(no )?(cdp|lldp|udld|spanning-tree|storm-control|snmp|logging|power|power-inline|keepalive|eee|fec|linkflap)\b.*",
    r"(no )?(srr-queue|mls qos|auto qos|priority-queue|queue-set|wrr-queue|trust|egress-rate-limit|mls)\b.*",
    r"service-policy (input|output) .*",
    r"(no )?(ip dhcp snooping|ip arp inspection|ip verify source|ip device tracking|arp security|device-tracking)\b.*",
    r"(no )?(ipv6 nd (raguard|inspection)|ipv6 dhcp guard|ipv6 snooping|ipv6 source-guard|ip igmp snooping)\b.*",
    r"(no )?(authentication|dot1x|mab|access-session|aaa|auth|auth-mac|auth-web)\b(?!.*vlan).*",
    r"(no )?(mac address-table|mac-address|macro|egress-vlan-id|loop-protection|loopdetect|thrash-limiting)\b.*",
    r"(no )?(lacp|loop-detect|platform|bandwidth|delay|ntp|ptp|location|nmsp|hold-queue|link-flap|backpressure)\b.*",
    r"(no )?switchport",
    r"switchport (nonegotiate|host)",
    r"(no )?switchport (port-security|block|priority|autostate|trunk pruning|backup|protected|provider-bridging)\b.*",
    r"switchport trunk encapsulation (dot1q|negotiate)",
    r"switchport voice (vlan priority|dscp)\b.*",
    r"switchport (atmf-link|atmf-crosslink|resiliencylink)\b.*",
    r"(ip |ipv6 |datalink )?flow .*",
    r"(macsec|mka)\b.*",
    r"no .*",
)
"""Lines of a switch port that lead nowhere."""

HARMLESS_ON_VLAN_INTERFACES = _compile(
    r"description .*",
    r"(no )?shutdown",
    r"no .*",
    rf"(ip |ipv6 )?mtu {ROOM}",
    r"ip(v6)? (tcp adjust-mss|igmp(?! (access-group|limit))|mld(?! (access-group|limit))|pim)( .*)?",
    r"ip(v6)? (dhcp snooping|helper-address|flow|verify|dhcp relay) ?.*",
    r"ip dhcp-relay .*",
    r"ipv6 (enable|address [0-9a-f:]+ link-local|nd (?!prefix|proxy).*)",
    r"(load-interval|bandwidth|delay|arp timeout|arp-mac-disparity|snmp|logging|carrier-delay) ?.*",
)
"""Lines of an interface in a VLAN that change no way of a packet."""

HARMLESS_IN_VLANS = _compile(r"name .*", r"state (active|enable)", r"mtu [0-9]+", r"no .*")

INTERFACE_LINES: tuple[tuple[re.Pattern[str], PathKind], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"ip policy(-route)? .*|ipv6 policy .*|ip wccp .*", PathKind.POLICY_ROUTING),
        (r"(ip|ipv6) nat .*|nat64 .*|ip inspect .*|zone-member .*|ip masquerade.*", PathKind.ADDRESS_TRANSLATION),
        (
            r"(standby|vrrp|glbp) [0-9]+ .*|(standby|vrrp|glbp) (ip|ipv6) .*|ip virtual-address .*",
            PathKind.SECOND_GATEWAY,
        ),
        (r"ip (local-)?proxy-arp|ipv6 nd proxy.*|ip arp proxy.*", PathKind.PROXY_ARP),
        (r"bridge-group .*|bridge-domain .*", PathKind.BRIDGE),
        (r"xconnect .*|service instance .*|l2vpn .*|mpls .*|l2protocol-tunnel .*|ethernet .*", PathKind.PSEUDOWIRE),
        (r"(switchport )?private-vlan .*", PathKind.PRIVATE_VLAN),
        (r"(remote-)?mirror interface .*", PathKind.MIRROR),
        (r"switchport atmf-arealink .*", PathKind.UNKNOWN_LINE),
        (r"source template .*|openflow.*|macsec replay.*|ip unnumbered .*", PathKind.UNKNOWN_LINE),
    )
)
"""Lines inside an interface that make it a way of another kind than its mode says."""

_FAR = r"(6[4-9]|[7-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])"
"""A limit of hops that no packet of hosts meets."""
_ROOMY = r"[1-9][0-9]+ [1-9][0-9]+ [0-9]+ [1-9][0-9]+"
"""Limits of a queue, in percent of its buffers, that do not drop the first packets."""

DEVICE_LINES: tuple[tuple[re.Pattern[str], PathKind], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"ip(v6)? route .*|ip default-(gateway|network) .*|ip route-static .*", PathKind.STATIC_ROUTE),
        (r"router vrrp .*|router ipv6 vrrp .*", PathKind.SECOND_GATEWAY),
        (r"(ipv6 )?router \S+.*", PathKind.ROUTING_PROTOCOL),
        (r"(ip|ipv6) nat (?!log|translation|settings).*|nat64 .*|nat", PathKind.ADDRESS_TRANSLATION),
        (r"ip(v6)? local policy .*|policy-based-routing", PathKind.POLICY_ROUTING),
        (r"l2vpn .*|l2 vfi .*|xconnect .*|bridge-domain .*|connect \S+ .*|l2vpn", PathKind.PSEUDOWIRE),
        (r"bridge (irb|crb)|bridge [0-9]+( .*)?", PathKind.BRIDGE),
        (r"l2tp .*", PathKind.TUNNEL),
        (r"vlan filter .*|shutdown vlan .*|application-proxy (ip-filter|quarantine-vlan)( .*)?", PathKind.VLAN_FILTER),
        (r"monitor session .*", PathKind.MIRROR),
        (r"(no )?mac[- ]address-table (static|learning|limit)( .*)?", PathKind.VLAN_FILTER),
        (r"no mac[- ]address-table acquire( .*)?|axrp (vlan-mapping|virtual-link) .*", PathKind.VLAN_FILTER),
        (r"ip arp inspection filter .*|cts role-based enforcement.*", PathKind.VLAN_FILTER),
        (r"(dot1x|web-authentication|mac-authentication) vlan .*", PathKind.VLAN_FILTER),
        (r"ip (dhcp snooping|arp inspection) vlan .*", PathKind.VLAN_FILTER),
        (r"no ip routing|no ipv6 unicast-routing|no ip forwarding|no ipv6 forwarding", PathKind.ROUTING_OFF),
        (r"sdm prefer (\S+ )?vlan( .*)?", PathKind.ROUTING_OFF),
        (r"arp (vrf \S+ )?[0-9].*|ipv6 neighbor [0-9a-f]*:.*|ip arp proxy .*", PathKind.PROXY_ARP),
        (r"ip dhcp option (3|33|121|249)( .*)?", PathKind.SECOND_GATEWAY),
        (
            r"(switchport(?!-backup)|ip address|ipv6 address|bridge-group|xconnect|channel-group) ?.*",
            PathKind.UNKNOWN_LINE,
        ),
        (r"int(?!erface )\S* .*|interface range .*", PathKind.UNKNOWN_LINE),
        (r"macro auto (?!monitor|sticky).*|autoconf enable|shell trigger .*", PathKind.UNKNOWN_LINE),
        (r"mvrp global|gvrp( .*)?", PathKind.UNKNOWN_LINE),
        (r"event manager policy .*|(resident|event)-script .*|scripting tcl init .*", PathKind.UNKNOWN_LINE),
        (r"service config|boot (host|network|config|config-file) .*|cns (config|exec) .*", PathKind.UNKNOWN_LINE),
        (r"schedule-power-control shutdown .*", PathKind.UNKNOWN_LINE),
        (r"ip igmp (limit|access-group) .*|ipv6 mld (state-limit|limit|access-group) .*", PathKind.UNKNOWN_LINE),
        (r"ip multicast (route-)?limit .*|platform stop-unreg-mc-flooding", PathKind.UNKNOWN_LINE),
        (r"ip arp entry learn .*|ipv6 nd cache interface-limit .*", PathKind.UNKNOWN_LINE),
        (r"platform (hwfilter-size ipv4-limited-ipv6|routingratio ipv4only)", PathKind.UNKNOWN_LINE),
        (rf"ipv6 hop-limit (?!{_FAR}$).*", PathKind.UNKNOWN_LINE),
        (r"pnp profile .*|monitor capture \S+ (interface|vlan) .*|openflow .*", PathKind.UNKNOWN_LINE),
        (rf"system mtu (?!(routing |jumbo )?{ROOM}$).*|ip options drop", PathKind.UNKNOWN_LINE),
        (r"no ip(v6)? route .*|no (vlan|interface) .*|no (ip|ipv6|mac) access-list .*", PathKind.UNKNOWN_LINE),
        (r"(stack|atmf) (management|domain) vlan .*|stack resiliencylink vlan.*", PathKind.UNKNOWN_LINE),
        (r"vlan-dot1q-ethertype (?!8100$).*|ip tcp intercept list .*", PathKind.UNKNOWN_LINE),
        (rf"mls qos queue-set output [12] threshold [1-4] (?!{_ROOMY}$).*", PathKind.UNKNOWN_LINE),
    )
)
"""Lines at the margin that are ways of the whole device; some are lines that lost the interface they belong to.

A line that takes back a route, a VLAN or an interface is printed by no device: one that reads it obeys.
"""

OWN_NETWORKS: Mapping[str, int] = {
    "web-authentication ip address ": 32,
    "stack management subnet ": 27,
    "atmf management subnet ": 16,
}
"""Lines at the margin that give the device an address, or a network, of its own; with the length of what it takes."""
NAMED_VLANS = re.compile(
    r"no (vlan|interface vlan) ?[0-9].*|(stack|atmf) (management|domain) vlan .*|stack resiliencylink vlan.*"
)
"""Lines at the margin that are about the VLANs that they name, and no other."""

ONLY_FORGED: Mapping[str, str] = {
    "ip dhcp snooping vlan ": "ip dhcp snooping trust",
    "ip arp inspection vlan ": "ip arp inspection trust",
    "ip dhcp snooping": "ip dhcp snooping trust",
    "arp security": "ip dhcp snooping trust",
}
"""Lines that drop what comes in anywhere but at a port that is trusted by the other line."""

_AWAY = r"(?:tftp|ftp|scp|sftp|rcp|https?):[^|\"]*"
_PIPED = (
    r"[^|\"$]*(?:\| ?(?:i|inc|include|exc|exclude|b|begin|sec|section|count)\b(?!.*\| ?(?:r|a|t)[a-z]* [a-z]+:)[^\"]*"
    rf"|\| ?(?:redirect|append|tee) {_AWAY})?"
)
_QUIET = (
    r"(?:en|ena|enab|enabl|enable|end|exit|wr(?:ite)?(?: mem(?:ory)?)?"
    rf"|copy (?:run|running-config) (?:start|startup-config|{_AWAY})"
    rf"|(?:show|sh)\b{_PIPED}|(?:terminal|ping|clear counters)\b[^|\"]*)"
)
"""Commands that change no configuration: what shows is among them where it writes no file of the device."""
_STILL = (
    r"(?:syslog|mail|puts|gets|wait|set|if|else|elseif|end|while|foreach|break|continue|exit|regexp|string|increment"
    r"|decrement|append|add|subtract|multiply|divide|comment|context|counter|snmp-trap|cli command"
    r"|info type (?:routername|interface-names|cli|snmp(?!.*\bset-type\b)))\b"
)
"""Actions of an applet that only tell or reckon, and the one whose command is looked at by itself."""
_QUIET_END = r"(?:\"?$|\" pattern |\"? *$)"

BLOCK_LINES: tuple[tuple[re.Pattern[str], re.Pattern[str], PathKind], ...] = (
    (re.compile(r"policy-map .*"), re.compile(r"set ip(v6)? next-hop .*"), PathKind.POLICY_ROUTING),
    (
        re.compile(r"(vrf definition|ip vrf) .*"),
        re.compile(r"route-target .*|(import|export) .*|route-replicate .*"),
        PathKind.ROUTING_TABLE,
    ),
    (
        re.compile(r"ip(v6)? dhcp pool .*|ip dhcp global-options"),
        re.compile(r"(override )?default-router .*|option 0*(3|33|121|249)\b.*|route .*"),
        PathKind.SECOND_GATEWAY,
    ),
    (
        re.compile(r"ip(v6)? dhcp pool .*"),
        re.compile(r"relay (source|destination|target) .*|origin .*"),
        PathKind.UNKNOWN_LINE,
    ),
    (
        re.compile(r"(template|parameter-map|ip dhcp pool|ipv6 dhcp pool|ip nat pool) .*"),
        re.compile(r"(interface|vlan) .*"),
        PathKind.UNKNOWN_LINE,
    ),
    (re.compile(r"service-template .*"), re.compile(r"vlan .*"), PathKind.ACCESS_PORT),
    (re.compile(r"service-template .*"), re.compile(r"interface .*"), PathKind.UNKNOWN_LINE),
    (
        re.compile(r"control-plane( .*)?"),
        re.compile(r"service-policy (?!(type \S+ )?input system-cpp-policy$).*"),
        PathKind.UNKNOWN_LINE,
    ),
    (re.compile(r"event manager applet .*"), re.compile(rf"action \S+ (?!{_STILL}).*"), PathKind.UNKNOWN_LINE),
    (
        re.compile(r"event manager applet .*"),
        re.compile(rf"action \S+ cli command (?!\"?{_QUIET}{_QUIET_END}).*"),
        PathKind.UNKNOWN_LINE,
    ),
    (re.compile(r"kron policy-list .*"), re.compile(rf"cli (?!\"?{_QUIET}{_QUIET_END}).*"), PathKind.UNKNOWN_LINE),
    (re.compile(r"trigger [0-9]+"), re.compile(r"script .*"), PathKind.UNKNOWN_LINE),
    (re.compile(r"auth profile .*"), re.compile(r".*\bvlan\b.*|auth dynamic-vlan-creation.*"), PathKind.ACCESS_PORT),
    (re.compile(r"wlan .*|wireless profile policy .*"), re.compile(r"(client )?vlan .*"), PathKind.ACCESS_PORT),
)
"""Lines inside another block, by what the block begins with."""

RINGS = re.compile(r"epsr( .*)?|g8032 .*|gsrp [0-9]+|axrp [0-9]+|ethernet ring .*")
"""Blocks of a ring or of a pair of switches, which closes VLANs at the ports that it chooses."""
RING_VLANS = re.compile(r".*\b(datavlan|vlan-group|inclusion-list|exclusion-list)\b.*")
"""Lines of such a block that say which VLANs it decides on."""
RING_CONTROL = re.compile(r".*\b(controlvlan|control-vlan)\b.*")
"""Lines of it that name the VLAN by which its members talk: it is closed like the others."""
NO_VOICE_VLAN = re.compile(r"switchport voice vlan (dot1p|untagged|none|(priority|dscp) .*)")
"""Voice that stays in the VLAN of the port, or what marks it."""
ASSIGNED_VLANS = re.compile(r"aaa authorization network .*\bgroup .*")
"""Lets a server of others say which VLAN a host gets."""
ASKING_PORTS = re.compile(
    r"(authentication|access-session) port-control auto|dot1x (port-control auto|pae (authenticator|both))"
    r"|access-session closed|mab( .*)?|service-policy type control subscriber .*"
)
"""Lines of a port that asks such a server."""
NO_RELAYS = re.compile(
    r"no service dhcp|no ip forward-protocol udp( (bootps|bootpc|67|68))?|ip dhcp relay information policy drop"
)
"""Stops the relays of interfaces, or lets them drop what a switch between has marked."""
MAY_JOIN = "channel-protocol "
"""Says by what a port of ours would join a channel, if another line says which."""
RELAYS = ("ip helper-address ", "ipv6 dhcp relay ")

TUNNELS = re.compile(
    r"(tunnel|nve|vxlan|vti|virtual-\w+|dialer|serial|cellular|atm|pos|multilink|ppp|async|bri|pseudowire|mpls|l2tp)\S*"
)
BRIDGES = re.compile(r"(bvi|bdi|br)[0-9]+")
OWN_ADDRESSES = re.compile(r"(loopback|null|lo)[0-9]*")

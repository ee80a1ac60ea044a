"""What may stand inside an object of ours on Cisco IOS beside our own lines, because it changes nothing of its meaning.

Everything else is a conflict by name: a line that nobody looked up could shut the object, put its packets elsewhere, or
let them past our filters. Sources, by book of the Cisco IOS and IOS XE 17 (Catalyst 9300) command references: Interface
and Hardware Components (speed, duplex, mtu, power inline, logging and trap events; storm-control and udld act on a
fault; a level below 1 %, 100 packets or 100,000 bits a second drops what hosts need), Layer 2 (spanning-tree, cdp,
lldp, mac address-table notification), Security (limits and trust of ip dhcp snooping and ip arp inspection), QoS (mls
qos, auto qos, trust: only marks and queues), IP Addressing (mtu, mss, arp, ICMP messages), IPv6 (neighbour discovery
timers), IP Multicast (igmp, pim).

Not here, since a host that our filters permit is kept out: port-security, ip verify source, ipv6 source-guard, ipv6
snooping and device-tracking policies, switchport block; raguard and dhcp guard drop what a router of ours must send.
"""

from __future__ import annotations

import re


def _compile(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(words)})")


_SHARE = r"[1-9][0-9]*(\.[0-9]+)?"
_PACKETS = r"([1-9][0-9]{2,}(\.[0-9]+)?|[1-9][0-9]*(\.[0-9]+)?[kmg])"
_BITS = r"([1-9][0-9]{5,}(\.[0-9]+)?|[1-9][0-9]{2,}(\.[0-9]+)?k|[1-9][0-9]*(\.[0-9]+)?[mg])"
"""Limits of a storm that leave room for what hosts need."""

IN_VLANS = _compile(r"state active", r"mtu 1500", r"no (shutdown|remote-span|private-vlan|uni-vlan)")

ON_PORTS = _compile(
    r"no (?!sw).*",
    r"switchport",
    r"switchport (nonegotiate|trunk encapsulation (dot1q|isl|negotiate)|priority .*)",
    r"(channel-group|channel-protocol|lacp|pagp) .*",  # read as a way of its own
    r"(speed|duplex|mdix|negotiation|flowcontrol|mtu|media-type|load-interval|carrier-delay|hold-queue|bandwidth) .*",
    r"(cdp|lldp|udld|spanning-tree|snmp|logging|power|keepalive|energywise|eee|rmon|delay)( .*)?",
    r"storm-control action .*",
    rf"storm-control \S+ level ({_SHARE}( {_SHARE})?|pps {_PACKETS}( {_PACKETS})?|bps {_BITS}( {_BITS})?)",
    r"(srr-queue bandwidth (share|shape)|mls qos(?! vlan-based)|auto qos|priority-queue|queue-set)( .*)?",
    r"(wrr-queue|trust)( .*)?",
    r"(location|nmsp)( .*)?",
    r"ip (dhcp snooping|arp inspection|device tracking|igmp snooping|igmp filter|igmp max-groups)( .*)?",
    r"ipv6 mld snooping( .*)?",
    r"(ip flow monitor|ipv6 flow monitor|datalink flow monitor|mac address-table|snmp-server) .*",
    r"macro description .*",
    r"dot1x timeout .*",
)

ON_VLAN_INTERFACES = _compile(
    r"no .*",
    r"(ip access-group|ipv6 traffic-filter) .*",  # bindings are judged by their places
    r"(mtu|ip mtu|ipv6 mtu|load-interval|bandwidth|delay|carrier-delay|hold-queue) .*",
    r"ip tcp adjust-mss .*|ipv6 tcp adjust-mss .*",
    r"(arp timeout|arp log|snmp trap|logging event) .*",
    r"(ip igmp|ipv6 mld)(?! (access-group|limit))( .*)?",
    r"ip (pim|flow monitor|dhcp snooping|redirects|unreachables|mask-reply|route-cache)( .*)?",
    r"ipv6 (pim|flow monitor|redirects|unreachables|enable)( .*)?",
    r"ipv6 nd ra hop-limit (unspecified|6[4-9]|[7-9][0-9]|[12][0-9]{2})",
    r"ipv6 nd (ra interval|reachable-time|ns-interval|dad|cache|router-preference (high|medium))( .*)?",
    r"ipv6 nd (other-config-flag|managed-config-flag)",
)

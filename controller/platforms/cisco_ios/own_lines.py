"""What may stand inside an object of ours on Cisco IOS beside our own lines, because it changes nothing of its meaning.

Everything else is a conflict by name: a line that nobody looked up could shut the object, put its packets elsewhere, or
let them past our filters. Sources, by book of the Cisco IOS and IOS XE 17 (Catalyst 9300) command references: Interface
and Hardware Components (speed, duplex, mtu, power inline, logging and trap events; storm-control and udld act on a
fault; a level below 1 %, 100 packets or 100,000 bits a second drops what hosts need), Layer 2 (spanning-tree, cdp,
lldp), Security (trust of ip dhcp snooping and ip arp inspection, and limits from ten packets a second: one below closes
the port on what hosts do), QoS (mls qos, auto qos, trust: only marks and queues; a queue shaped below 1 %, or with room
for a few packets, drops), IP Addressing (mtu, mss, arp, ICMP messages), IPv6 (neighbour discovery timers), IP Multicast
(timers, versions and groups that are joined, not what keeps groups or neighbours out).

Not here, since a host that our filters permit is kept out: port-security, ip verify source, ipv6 source-guard, ipv6
snooping and device-tracking policies, switchport block; raguard and dhcp guard drop what a router of ours must send.
"""

from __future__ import annotations

import re

from controller.platforms.dialect.paths.words import ROOM


def _compile(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(words)})")


_SHARE = r"[1-9][0-9]*(\.[0-9]+)?"
_PACKETS = r"([1-9][0-9]{2,}(\.[0-9]+)?|[1-9][0-9]*(\.[0-9]+)?[kmg])"
_BITS = r"([1-9][0-9]{5,}(\.[0-9]+)?|[1-9][0-9]{2,}(\.[0-9]+)?k|[1-9][0-9]*(\.[0-9]+)?[mg])"
"""Limits of a storm that leave room for what hosts need."""
_STRICT = r" rate [0-9]( .*)?$"
"""Fewer packets a second than one host may send."""

IN_VLANS = _compile(r"state active", r"mtu 1500", r"no (shutdown|remote-span|private-vlan|uni-vlan)")

ON_PORTS = _compile(
    r"no (?!sw|mac[ -]).*",
    r"switchport",
    r"switchport (nonegotiate|trunk encapsulation (dot1q|isl|negotiate)|priority .*)",
    r"(channel-group|channel-protocol|lacp|pagp) .*",  # read as a way of its own
    r"(speed|duplex|mdix|negotiation|flowcontrol|media-type) .*",
    r"(load-interval|carrier-delay|bandwidth|delay)( (msec |receive )?[0-9]+)?",
    rf"mtu {ROOM}",
    r"hold-queue [1-9][0-9]+ (in|out)",
    r"(cdp|lldp|udld|spanning-tree|snmp|logging|power|keepalive|energywise(?! level 0)|eee|rmon)( .*)?",
    r"storm-control action .*",
    rf"storm-control \S+ level ({_SHARE}( {_SHARE})?|pps {_PACKETS}( {_PACKETS})?|bps {_BITS}( {_BITS})?)",
    r"srr-queue bandwidth (share( [0-9]+){4}|shape( ([0-9]{1,2}|100)){4})",
    r"(mls qos(?! vlan-based)|auto qos|priority-queue|queue-set|trust)( .*)?",
    r"wrr-queue (bandwidth|cos-map|dscp-map|queue-limit)( [1-9][0-9]*)+( : [0-7 ]+)?",
    r"(location|nmsp)( .*)?",
    rf"ip (dhcp snooping|arp inspection)(?!.* limit{_STRICT})( .*)?",
    r"ip (device tracking|igmp snooping)( .*)?",
    r"ipv6 mld snooping( .*)?",
    r"(ip flow monitor|ipv6 flow monitor|datalink flow monitor|snmp-server) .*",
    r"macro description .*",
    r"dot1x timeout .*",
)

ON_VLAN_INTERFACES = _compile(
    r"no (?!arp arpa).*",
    r"(ip access-group|ipv6 traffic-filter) .*",  # bindings are judged by their places
    rf"(ip |ipv6 )?mtu {ROOM}",
    r"(load-interval|carrier-delay|bandwidth|delay) (msec |receive )?[0-9]+",
    r"hold-queue [1-9][0-9]+ (in|out)",
    r"ip tcp adjust-mss .*|ipv6 tcp adjust-mss .*",
    r"(arp timeout|arp log|snmp trap|logging event) .*",
    r"(ip igmp|ipv6 mld) (version|query-[a-z-]+|querier-timeout|last-member-query-[a-z]+|robustness-variable) .*",
    r"(ip igmp|ipv6 mld) (join-group|static-group|immediate-leave|explicit-tracking|snooping)( .*)?",
    r"ip pim (sparse|dense|sparse-dense)-mode|ip pim (passive|bfd|((version|dr-priority|query-interval) .*))",
    r"ipv6 pim (bfd|((dr-priority|hello-interval|join-prune-interval) .*))",
    rf"ip dhcp snooping(?!.* limit{_STRICT})( .*)?",
    r"ip (flow monitor|redirects|unreachables|mask-reply|route-cache)( .*)?",
    r"ipv6 (flow monitor|redirects|unreachables|enable)( .*)?",
    r"ipv6 nd ra hop-limit (unspecified|6[4-9]|[7-9][0-9]|[12][0-9]{2})",
    r"ipv6 nd (ra interval|reachable-time|ns-interval|dad|cache expire|router-preference (high|medium))( .*)?",
    r"ipv6 nd (other-config-flag|managed-config-flag)",
)

"""What may stand inside a port of ours on AlliedWare Plus beside our own lines: it changes nothing of its meaning.

Everything else is a conflict by name, also what nobody looked up. Sources: Command Reference for x310 Series 5.4.4C
(C613-50046-01) and for IE340 Series 5.5.3-0.x (C613-50631-01), chapters on switching (speed, duplex, flowcontrol,
storm-control, loop-protection, thrash-limiting: they act on a fault; a level below 1 % drops what hosts need), spanning
tree, LLDP, Power over Ethernet, DHCP snooping and ARP security (trust and what follows a violation), QoS (marks and
queues), AMF (links of its own VLANs), SNMP. Not here, since hosts that our filters permit are kept out or cut short:
max-bindings 0, egress-rate-limit (of a port or of its queues), queues that are off or have no buffers, raguard (which
drops what a router must send).
"""

from __future__ import annotations

import re

from controller.platforms.dialect.paths.words import ROOM


def _compile(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(words)})")


ON_PORTS = _compile(
    r"no (?!sw|mac[ -]).*",
    r"switchport( (atmf-link|atmf-crosslink|atmf-arealink remote-area \S+ vlan [0-9]+|resiliencylink))?",
    r"(channel-group|static-channel-group|lacp) .*",  # read as a way of its own
    r"(speed|duplex|polarity|mdix|flowcontrol|backpressure|jumbo|fec|ecofriendly|linkflap) .*",
    rf"mtu {ROOM}",
    r"(spanning-tree|lldp|udld|power-inline|snmp|logging|loop-protection|thrash-limiting|findme)( .*)?",
    r"storm-control \S+ level [1-9][0-9]*(\.[0-9]+)?",
    r"wrr-queue (weight|group) .*|wrr-queue queue-limit( [1-9][0-9]*)+( queues [0-7 ]+)?",
    r"(mls qos|priority-queue|trust|platform|ptp|sflow|rmon)( .*)?",
    r"(ip(v6)? dhcp snooping(?! max-bindings 0)|arp security)( .*)?",
    r"(ip igmp|ipv6 mld) (snooping|immediate-leave|static-group|flood)( .*)?",
    r"(ip igmp|ipv6 mld) (version|query-[a-z-]+|querier-timeout|last-member-query-[a-z]+|robustness-variable) .*",
)

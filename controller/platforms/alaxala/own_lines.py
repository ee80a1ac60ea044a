"""What may stand inside an object of ours on an AlaxalA switch beside our own lines: it changes nothing of its meaning.

Everything else is a conflict by name, also what nobody looked up. Sources: AX3660S 12.1 configuration command
reference, chapters on Ethernet (media-type, speed, duplex, mtu, mdix, flowcontrol, bandwidth, link debounce), spanning
tree, LLDP, storm control and L2 loop detection (each closes a port or drops frames only on a fault; a limit below 1 %,
100 packets or 100 kilobits a second drops what hosts need), DHCP snooping (trust, and a rate of ten packets a second or
more), ARP and IPv4 (redirects, unreachable, timers). Not verified on a device.
"""

from __future__ import annotations

import re


def _compile(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(words)})")


IN_VLANS = _compile(r"state active", r"no (shutdown|protocol|mac-address|l2-isolation)")

ON_PORTS = _compile(
    r"no (?!switchport\b|mac[ -]).*",
    r"channel-group .*",  # read as a way of its own
    r"(media-type|speed|duplex|mtu|mdix|flowcontrol|bandwidth|link debounce|linkscan-mode|snmp|system mtu) .*",
    r"(spanning-tree|lldp|power|efmoam|loop-detection|frame-error-notice)( .*)?",
    r"storm-control (broadcast|multicast|unicast) level ((percent )?[1-9][0-9.]*|(pps|kbps) [1-9][0-9]{2,})",
    r"ip (dhcp snooping|arp inspection) (trust|limit rate [1-9][0-9]+)",
)

ON_VLAN_INTERFACES = _compile(
    r"no .*",
    r"(ip mtu|ipv6 mtu|mtu|bandwidth|arp timeout|arp max-send-count) .*",
    r"ip (redirects|unreachables|icmp .*)",
)

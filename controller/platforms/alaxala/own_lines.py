"""What may stand inside an object of ours on an AlaxalA switch beside our own lines: it changes nothing of its meaning.

Everything else is a conflict by name, also what nobody looked up. Sources: AX3660S 12.1 configuration command
reference, chapters on Ethernet (media-type, speed, duplex, mtu, mdix, flowcontrol, bandwidth, link debounce), spanning
tree, LLDP, storm control and L2 loop detection (each closes a port or drops frames only on a fault; a limit below 1 %,
100 packets or 100 kilobits a second drops what hosts need), DHCP snooping (trust, and a rate of ten packets a second or
more), ARP and IPv4 (redirects, unreachable, timers). Not verified on a device.
"""

from __future__ import annotations

import re

from controller.platforms.dialect.paths.words import ROOM


def _compile(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(words)})")


IN_VLANS = _compile(r"state active", r"no (shutdown|protocol|mac-address|l2-isolation)")

ON_PORTS = _compile(
    r"no (?!switchport\b|mac[ -]).*",
    r"channel-group .*",  # read as a way of its own
    r"(media-type|speed|duplex|mdix|flowcontrol|bandwidth|linkscan-mode|snmp) .*",
    rf"mtu {ROOM}",
    r"link debounce( time [0-9]{1,4})?",
    r"(spanning-tree|lldp|power|frame-error-notice)( .*)?",
    r"efmoam (active|passive|disable)|loop-detection (send-port|uplink-port|exception-port)",
    r"storm-control (broadcast|multicast|unicast) level ((percent )?[1-9][0-9.]*|(pps|kbps) [1-9][0-9]{2,})",
    r"ip (dhcp snooping|arp inspection) (trust|limit rate [1-9][0-9]+)",
)

ON_VLAN_INTERFACES = _compile(
    r"no .*",
    rf"(ip |ipv6 )?mtu {ROOM}",
    r"(bandwidth|arp timeout) .*",
    r"arp max-send-count [1-9][0-9]*",
    r"ip (redirects|unreachables|icmp .*)",
)

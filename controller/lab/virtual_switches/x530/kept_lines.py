"""Lines of configuration mode that decide nothing of what is modelled, and those that nothing here models."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.lab.virtual_switches.x530.command_line import X530CommandLine

_KEPT = (
    r"(service password-encryption)",
    r"(banner motd) .+", r"(username [\w.-]+) .+", r"(service (?:ssh|telnet|http))(?: ip| ipv6)?",
    r"(service dhcp-server)", r"(snmp-server)", r"(snmp-server (?:contact|location)) .+",
    r"(ip domain-lookup)", r"(ip name-server [\d.]+)", r"(ip multicast-routing)",
    r"(spanning-tree mode) (?:stp|rstp|mstp)",
    r"(lacp system-priority) \d+", r"(switch provision)", r"(ntp server [\w.:-]+)", r"(clock timezone) .+",
    r"(log buffered).*", r"(log host [\w.:-]+).*", r"(ssh server [a-z-]+).*",
)  # fmt: skip
KEPT = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _KEPT)
"""Lines that decide nothing of what is modelled: kept and shown, by what they are about (S7, S3d)."""


_PASSWORD = re.compile(r"(username \S+ (?:privilege \d+ )?password )(\S+)", re.IGNORECASE)


def hide_password(word: str) -> str:
    """Return what the switch shows of a password; the device's own hash is another one."""
    return f"8 $1$virtual${hashlib.sha256(word.encode()).hexdigest()[:22]}"


def _hide_password(words: str) -> str:
    """Return a line as it is shown: a password in clear becomes a hash (`username`, C613-50046-01 5.36)."""
    found = _PASSWORD.fullmatch(words)
    return f"{found[1]}{hide_password(found[2])}" if found else words


def keep_line(line: X530CommandLine, text: str) -> bool:
    """Keep a line that decides nothing of what is modelled; tell if it was one."""
    words = _hide_password(" ".join(text.split()))
    positive = words.removeprefix("no ")
    if re.fullmatch(r"switch [1-8] provision [\w-]+", positive):
        line.running.kept["switch provision"] = words
        return True
    key = next((found[1].lower() for pattern in KEPT if (found := pattern.fullmatch(positive))), None)
    if key is None and words != positive and positive.lower() in {*line.running.kept, "banner motd"}:
        key = positive.lower()
    if key is None:
        return False
    if words != positive and key.split()[0] not in {"service", "banner", "ip", "snmp-server"}:
        line.running.kept.pop(key, None)
    else:
        line.running.kept[key] = words
    return True


UNMODELLED = (
    "aaa", "access-list", "atmf", "auth", "class-map", "crypto", "cvlan", "dos", "dot1x", "ecofriendly", "epsr",
    "ip dhcp", "ip prefix-list", "ip radius", "ip route", "ip igmp", "ip pim", "ip vrf", "ip domain-name", "ipv6 mld",
    "ipv6 access-list", "ipv6 prefix-list", "ipv6 route", "ipv6 pim", "lacp global-passive-mode", "license", "lldp",
    "loop-protection", "mac", "max-fib-routes", "mirror", "mls", "no aaa", "openflow", "platform", "policy-map",
    "port-vlan", "power-inline", "privilege", "radius-server", "route-map", "router", "sflow", "snmp-server",
    "spanning-tree", "no spanning-tree", "no lacp", "stack", "storm-control", "system", "tacacs-server", "tunnel",
    "udld", "username", "virtual-server", "vrrp", "wireless", "vlan classifier", "vlan mode", "vlan statistics",
    "private-vlan", "no ip", "no ipv6", "no service", "service", "ip address", "ip local-proxy-arp", "ip source",
    "arp", "arp-security", "bfd", "cable-diagnostics", "control-plane", "debug", "exception",
    "gvrp", "key", "l2-unicast", "log", "nat", "no snmp-server", "ntp", "ping-poll", "psp", "qos",
    "ssh", "switch", "telnet", "undebug", "weblogin", "banner", "clock", "enable", "reload", "trap",
)  # fmt: skip
"""Beginnings of commands that the device has in configuration mode and that nothing here models."""

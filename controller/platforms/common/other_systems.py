"""Lines by which a text of another system is known: each stands so in the texts of that system and of no other here.

Sources: running configurations in public test data (ntc-templates, Batfish, oxidized, ansible_awplus) and the command
references named at each platform. A line that two systems print alike is no sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class SystemSign:
    """What a text is of, and a line at the margin that says so; `platforms` are those for which it is their own."""

    title: str
    line: re.Pattern[str]
    platforms: frozenset[str] = frozenset()


def _sign(title: str, *lines: str, platforms: str = "") -> SystemSign:
    return SystemSign(title, re.compile(rf"(?:{'|'.join(lines)})"), frozenset(platforms.split()))


_PORTS = "GigabitEthernet|FastEthernet|TenGigabitEthernet|TwoGigabitEthernet|FiveGigabitEthernet|TwentyFiveGigE"

SIGNS = (
    _sign(
        "AlliedWare Plus",
        r"interface (port[0-9]|sa[0-9]|po[0-9]).*",
        r"access-list hardware .*",
        r"vlan database",
        r"no banner motd",
        r"spanning-tree mode rstp",
        r"platform (hwfilter-size|load-balancing|stop-unreg-mc-flooding).*",
        platforms="allied_telesis_awplus",
    ),
    _sign(
        "Cisco NX-OS",
        r"vdc \S+ id [0-9]+.*",
        r"feature (interface-vlan|lacp|vpc|hsrp|ospf|bgp|nv overlay|telnet|dhcp|udld|lldp|vrrp|nxapi)",
        r"version [0-9]+\.[0-9]+\([0-9].*",
        r"vrf context .*",
        r"!Command: show (running|startup)-config.*",
    ),
    _sign("Cisco IOS XR", r"!! IOS XR .*", r"!! Last configuration change.*"),
    _sign("Cisco ASA", r": Saved", r"ASA Version .*", r"PIX Version .*"),
    _sign("Arista EOS", r"! device: .*EOS-.*", r"! Command: show (running|startup)-config.*", r"transceiver qsfp .*"),
    _sign(
        "Cisco IOS",
        rf"interface ({_PORTS})[0-9].*",
        r"service timestamps .*",
        r"vtp (mode|domain) .*",
        r"spanning-tree mode (rapid-)?pvst",
        r"ip access-list extended .*",
        platforms="cisco_ios alaxala",
    ),
    _sign("FRR", r"frr (version|defaults) .*", platforms="frr"),
    _sign(
        "AlaxalA",
        r"#(configuration list for|Last modified by) .*",
        r"interface (ten)?gigabitethernet [0-9]+/[0-9]+.*",
        platforms="alaxala",
    ),
    _sign(
        "Yamaha RTX",
        r"# ?RTX\S+ Rev.*",
        r"ip lan[0-9]+ .*",
        r"(pp|tunnel) select .*",
        r"provider \S+ .*",
        platforms="yamaha_rtx",
    ),
    _sign(
        "hostapd", r"==> /etc/hostapd/.*", r"(interface|bss|ssid|wpa_key_mgmt|ctrl_interface)=.*", platforms="hostapd"
    ),
    _sign("Open vSwitch", r"# (bridge|ports|flows)", platforms="ovs"),
    _sign("Huawei VRP or HPE Comware", r"sysname .*", r"interface (Vlanif|Vlan-interface)[0-9].*", r"undo .*"),
    _sign("Juniper JunOS", r"set (version|system|interfaces|vlans|protocols|firewall|security) .*"),
    _sign("FortiOS", r"#config-version=.*", r"config (system|firewall|vpn|router) .*"),
    _sign("ArubaOS", r"!Version ArubaOS-CX .*", r"; \S+ Configuration Editor; .*", r"interface [0-9]+/[0-9]+/[0-9]+"),
    _sign("NEC IX", r"! NEC Portable Internetwork Core.*", r"interface (GigaEthernet|FastEthernet)[0-9]+\.[0-9]+"),
    _sign("MikroTik RouterOS", r"/(interface|ip|system|routing)( .*)?", r"# .* by RouterOS .*"),
)


def find_other_system(platform: str, lines: list[tuple[int, str]]) -> tuple[int, str] | None:
    """Return the first line that another system prints, and that system's name; `lines` stand at the margin.

    >>> find_other_system("cisco_ios", [(1, "hostname a"), (2, "interface port1.0.1")])
    (2, 'AlliedWare Plus')
    >>> find_other_system("allied_telesis_awplus", [(2, "interface port1.0.1")])
    """
    foreign = [sign for sign in SIGNS if platform not in sign.platforms]
    found = ((number, sign.title) for number, words in lines for sign in foreign if sign.line.fullmatch(words))
    return next(found, None)

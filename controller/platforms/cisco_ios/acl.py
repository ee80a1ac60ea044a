"""The access lists of Cisco IOS, as data: `permit tcp 10.0.0.0 0.0.255.255 host 10.1.1.1 eq 443`.

Sources: Cisco IOS Security Command Reference, `permit (IP)` / `access-list (IP extended)`, and Cisco IOS IPv6 Command
Reference, `permit (IPv6)`; the port words as `permit tcp any any eq ?` lists them on IOS 12.4 to IOS XE 16. IPv4 uses
wildcard masks, IPv6 prefixes. `established` is TCP with ACK or RST set. IOS prints a word where it has one and the
number otherwise (22 and 443 have none). Words that stand for an ICMP type *and* code (`host-unreachable`,
`ttl-exceeded`) are left out: a filter of ours cannot say them, so they are refused when read. Protocol 0 cannot be
written: IOS takes the number 0 for `ip`, which would be every protocol.
"""

from __future__ import annotations

from controller.model.network.packets import Family, Protocol
from controller.platforms.dialect.acl import AclGrammar, AddressForm

_COMMON_PORTS = {
    "echo": 7,
    "discard": 9,
    "time": 37,
    "tacacs": 49,
    "domain": 53,
    "sunrpc": 111,
    "pim-auto-rp": 496,
    "talk": 517,
}
_TCP_PORTS = {
    "daytime": 13,
    "chargen": 19,
    "ftp-data": 20,
    "ftp": 21,
    "telnet": 23,
    "smtp": 25,
    "whois": 43,
    "gopher": 70,
    "finger": 79,
    "www": 80,
    "hostname": 101,
    "pop2": 109,
    "pop3": 110,
    "ident": 113,
    "nntp": 119,
    "bgp": 179,
    "irc": 194,
    "exec": 512,
    "login": 513,
    "cmd": 514,
    "lpd": 515,
    "uucp": 540,
    "klogin": 543,
    "kshell": 544,
}
_UDP_PORTS = {
    "nameserver": 42,
    "bootps": 67,
    "bootpc": 68,
    "tftp": 69,
    "ntp": 123,
    "netbios-ns": 137,
    "netbios-dgm": 138,
    "netbios-ss": 139,
    "snmp": 161,
    "snmptrap": 162,
    "xdmcp": 177,
    "dnsix": 195,
    "mobile-ip": 434,
    "isakmp": 500,
    "biff": 512,
    "who": 513,
    "syslog": 514,
    "rip": 520,
    "non500-isakmp": 4500,
}
_OTHER_PORTS: dict[int, dict[str, int]] = {
    Protocol.TCP: {"syslog": 514, "msrpc": 135, "onep-plain": 15001, "onep-tls": 15002, "drip": 3949},
    Protocol.UDP: {"ripv6": 521},
}
"""Words that some releases print (`msrpc` for 135 since 16) and others do not know, and second words for one number.

They are read; what is written is the number, which every release takes.
"""
_PORTS: dict[int, dict[str, int]] = {
    Protocol.TCP: {**_COMMON_PORTS, **_TCP_PORTS},
    Protocol.UDP: {**_COMMON_PORTS, **_UDP_PORTS},
}

_ICMP_TYPES: dict[Family, dict[str, int]] = {
    Family.V4: {
        "echo-reply": 0,
        "unreachable": 3,
        "source-quench": 4,
        "redirect": 5,
        "alternate-address": 6,
        "echo": 8,
        "router-advertisement": 9,
        "router-solicitation": 10,
        "time-exceeded": 11,
        "parameter-problem": 12,
        "timestamp-request": 13,
        "timestamp-reply": 14,
        "information-request": 15,
        "information-reply": 16,
        "mask-request": 17,
        "mask-reply": 18,
        "traceroute": 30,
        "conversion-error": 31,
        "mobile-redirect": 32,
    },
    Family.V6: {
        "unreachable": 1,
        "packet-too-big": 2,
        "time-exceeded": 3,
        "parameter-problem": 4,
        "echo-request": 128,
        "echo-reply": 129,
        "mld-query": 130,
        "mld-report": 131,
        "mld-reduction": 132,
        "router-solicitation": 133,
        "router-advertisement": 134,
        "nd-ns": 135,
        "nd-na": 136,
        "redirect": 137,
        "router-renumbering": 138,
    },
}

_PROTOCOLS: dict[Family, dict[str, int | None]] = {
    Family.V4: {
        "ip": None,
        "icmp": 1,
        "igmp": 2,
        "ipinip": 4,
        "tcp": 6,
        "udp": 17,
        "gre": 47,
        "esp": 50,
        "ahp": 51,
        "eigrp": 88,
        "ospf": 89,
        "nos": 94,
        "pim": 103,
        "pcp": 108,
    },
    Family.V6: {"ipv6": None, "icmp": 58, "tcp": 6, "udp": 17, "esp": 50, "ahp": 51, "pcp": 108, "sctp": 132},
}

ACCESS_LISTS = AclGrammar(
    title="Cisco IOS",
    lists={Family.V4: "ip access-list extended", Family.V6: "ipv6 access-list"},
    addresses={
        Family.V4: (AddressForm.HOST, AddressForm.WILDCARD),
        Family.V6: (AddressForm.HOST, AddressForm.LENGTH),
    },
    protocols=_PROTOCOLS,
    ports=_PORTS,
    read_ports=_OTHER_PORTS,
    read_protocols={Family.V4: {"sctp": 132, "igrp": 9}, Family.V6: {}},
    icmp_types=_ICMP_TYPES,
    established="established",
    numbered={Family.V4: "", Family.V6: "sequence"},
    remark="remark",
    capitals=True,
    unmatched="an empty list permits everything",
)

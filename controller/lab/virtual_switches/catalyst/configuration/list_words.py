"""The words of ports, protocols and ICMP types in access lists of IOS, as its configuration shows them.

TCP and UDP: IOS XE 16.9, cisco-acl `port_name.py`; a port without a word is shown as its number. ICMP types: public
tables of IOS' words; those of IPv6: the IPv6 lists of Catalyst 9000 (17.x).
"""

from __future__ import annotations

PROTOCOLS_4 = {
    "ahp": 51,
    "eigrp": 88,
    "esp": 50,
    "gre": 47,
    "icmp": 1,
    "igmp": 2,
    "ipinip": 4,
    "nos": 94,
    "ospf": 89,
    "pcp": 108,
    "pim": 103,
    "sctp": 132,
    "tcp": 6,
    "udp": 17,
}
PROTOCOLS_6 = {"ahp": 51, "esp": 50, "icmp": 58, "pcp": 108, "sctp": 132, "tcp": 6, "udp": 17}

_TCP = """echo 7 discard 9 daytime 13 chargen 19 ftp-data 20 ftp 21 telnet 23 smtp 25 time 37 whois 43 tacacs 49
domain 53 gopher 70 finger 79 www 80 hostname 101 pop2 109 pop3 110 sunrpc 111 ident 113 nntp 119 msrpc 135 bgp 179
irc 194 pim-auto-rp 496 exec 512 login 513 cmd 514 lpd 515 talk 517 uucp 540 klogin 543 kshell 544
onep-plain 15001 onep-tls 15002"""
_UDP = """echo 7 discard 9 time 37 nameserver 42 tacacs 49 domain 53 bootps 67 bootpc 68 tftp 69 sunrpc 111 ntp 123
netbios-ns 137 netbios-dgm 138 netbios-ss 139 snmp 161 snmptrap 162 xdmcp 177 dnsix 195 mobile-ip 434 pim-auto-rp 496
isakmp 500 biff 512 who 513 syslog 514 talk 517 rip 520 ripv6 521 non500-isakmp 4500"""


def _pairs(text: str) -> dict[str, int]:
    words = text.split()
    return {name: int(number) for name, number in zip(words[::2], words[1::2], strict=True)}


PORTS = {6: _pairs(_TCP), 17: _pairs(_UDP)}
ALIASES = {6: {"syslog": 514}, 17: dict[str, int]()}
"""Words that are taken and shown as another."""

ICMP_4: dict[str, tuple[int] | tuple[int, int]] = {
    "echo-reply": (0,),
    "unreachable": (3,),
    "net-unreachable": (3, 0),
    "host-unreachable": (3, 1),
    "protocol-unreachable": (3, 2),
    "port-unreachable": (3, 3),
    "packet-too-big": (3, 4),
    "source-route-failed": (3, 5),
    "network-unknown": (3, 6),
    "host-unknown": (3, 7),
    "host-isolated": (3, 8),
    "dod-net-prohibited": (3, 9),
    "dod-host-prohibited": (3, 10),
    "net-tos-unreachable": (3, 11),
    "host-tos-unreachable": (3, 12),
    "administratively-prohibited": (3, 13),
    "host-precedence-unreachable": (3, 14),
    "precedence-unreachable": (3, 15),
    "source-quench": (4,),
    "redirect": (5,),
    "net-redirect": (5, 0),
    "host-redirect": (5, 1),
    "net-tos-redirect": (5, 2),
    "host-tos-redirect": (5, 3),
    "alternate-address": (6,),
    "echo": (8,),
    "router-advertisement": (9,),
    "router-solicitation": (10,),
    "time-exceeded": (11,),
    "ttl-exceeded": (11, 0),
    "reassembly-timeout": (11, 1),
    "parameter-problem": (12,),
    "general-parameter-problem": (12, 0),
    "option-missing": (12, 1),
    "no-room-for-option": (12, 2),
    "timestamp-request": (13,),
    "timestamp-reply": (14,),
    "information-request": (15,),
    "information-reply": (16,),
    "mask-request": (17,),
    "mask-reply": (18,),
    "traceroute": (30,),
    "conversion-error": (31,),
    "mobile-redirect": (32,),
}
ICMP_6: dict[str, tuple[int] | tuple[int, int]] = {
    # Errors: in public `ipv6 access-list` texts (`permit icmp any any unreachable`, `packet-too-big`), and among the
    # choices of the vendor's Ansible collection for either family; the types are those of RFC 4443.
    "unreachable": (1,),
    "packet-too-big": (2,),
    "time-exceeded": (3,),
    "parameter-problem": (4,),
    "echo-request": (128,),
    "echo-reply": (129,),
    "router-solicitation": (133,),
    "router-advertisement": (134,),
    "nd-ns": (135,),
    "nd-na": (136,),
    "redirect": (137,),
    # Known from the vendor's IPv6 command reference (`permit`), without a page that was read for this.
    "no-route": (1, 0),
    "no-admin": (1, 1),
    "beyond-scope": (1, 2),
    "port-unreachable": (1, 4),
    "hop-limit": (3, 0),
    "reassembly-timeout": (3, 1),
    "header": (4, 0),
    "next-header": (4, 1),
    "parameter-option": (4, 2),
    "mld-query": (130,),
    "mld-report": (131,),
    "mld-reduction": (132,),
    "router-renumbering": (138,),
    "renum-command": (138, 0),
    "renum-result": (138, 1),
    "renum-seq-number": (138, 255),
}

NEWER = frozenset({"msrpc", "ripv6", "sctp"})
"""Words that images before 16 have not (`port_name.py`; of `sctp` in IPv4 lists no document read says since when)."""


def choose_words(words: dict[str, int], *, newer: bool) -> dict[str, int]:
    """Return the words that an image has."""
    return words if newer else {name: number for name, number in words.items() if name not in NEWER}

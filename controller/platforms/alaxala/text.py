"""The running configuration of an AlaxalA box switch, as data; what is ours in it is told in `dialect.switch`.

Sources: AX3660S 12.1.K configuration command reference, `ip access-list extended` (names of 31 characters, 2,048
entries) and `ip access-group`; AX3650S configuration guide, filters (`ipv6 traffic-filter`; no port ranges on what is
sent); AX3640S 11.14 configuration guide (`switchport`); the sample configurations of AlaxalA's Ansible guide book (the
form of `show running-config`: two spaces, names in quotes, the mode of a port before its VLANs, numbered entries, the
port words telnet and ftp); AX8600S 12.9.B configuration command reference vol. 2, table of port names of TCP (of the
chassis, whose words the box switches share as far as was seen; they are read and never written). Not found, and so not
there: the words for ports of UDP and for ICMP types that a switch may print, the words for TCP flags, how it writes
ICMP types, relays of DHCP, isolation of ports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from controller.model.network.device_state import PREFIX
from controller.model.network.packets import Family, Protocol
from controller.platforms.alaxala import own_lines
from controller.platforms.base import ConfigLine
from controller.platforms.common.whole_text import TextForm
from controller.platforms.dialect.acl import AclGrammar, AddressForm
from controller.platforms.dialect.blocks import Layout
from controller.platforms.dialect.paths.reader import PathGrammar
from controller.platforms.dialect.paths.words import KnownLines
from controller.platforms.dialect.switch import SwitchGrammar, compile_conflicts

MAXIMUM_ENTRIES = 2048
LONGEST_FILTER_NAME = 31
_PORTS: dict[int, dict[str, int]] = {Protocol.TCP: {"ftp": 21, "telnet": 23}, Protocol.UDP: {}}
_READ_PORTS: dict[int, dict[str, int]] = {
    Protocol.TCP: {
        "echo": 7, "discard": 9, "daytime": 13, "chargen": 19, "ftp-data": 20, "ssh": 22, "smtp": 25, "domain": 53,
        "gopher": 70, "finger": 79, "http": 80, "hostname": 101, "pop2": 109, "pop3": 110, "sunrpc": 111,
        "ident": 113, "nntp": 119, "bgp": 179, "irc": 194, "imap3": 220, "ldap": 389, "https": 443, "smtps": 465,
        "exec": 512, "login": 513, "shell": 514, "lpd": 515, "klogin": 543, "kshell": 544, "pop3s": 995, "raw": 9100,
    }
}  # fmt: skip
_PORTED: dict[str, int | None] = {"tcp": Protocol.TCP, "udp": Protocol.UDP}


def _find_end_faults(text: str) -> Iterator[tuple[ConfigLine, str]]:
    """Yield where a text ends in the middle of a block; what it breaks off between two is not noticed."""
    lines = [(number, line.rstrip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    said = [one for one in lines if not _PROMPT.fullmatch(one[1])]
    framed = any(_BEGINS.match(line) for _, line in said)
    if framed and said[-1][1] != "!":
        yield (
            ConfigLine(*said[-1]),
            "the text ends here, within a block, which '!' ends: a part of it is missing",
        )


_BEGINS = re.compile(r"#configuration list for |#Last modified by |hostname |Date [0-9]{4}/")
_PROMPT = re.compile(r"!?\S{0,64}[>#] ?(?:exit|logout|quit|show .{0,80})?")
TEXT_FORM = TextForm(
    _BEGINS,
    "'#Last modified by', '#configuration list for' or 'hostname'",
    end="",
    faults=_find_end_faults,
    begins_always=True,
)


def _find_name_fault(name: str) -> str:
    """Say why a name is of no one port; a switch prints each port by itself."""
    several = re.search(r"[0-9]\s?[-,]\s?\S", name) is not None
    return "names several ports, and no device prints that; write each by its name" if several else ""


SWITCH = SwitchGrammar(
    acl=AclGrammar(
        title="AlaxalA",
        lists={Family.V4: "ip access-list extended", Family.V6: "ipv6 access-list"},
        addresses={
            Family.V4: (AddressForm.HOST, AddressForm.WILDCARD),
            Family.V6: (AddressForm.HOST, AddressForm.LENGTH),
        },
        protocols={
            Family.V4: {"ip": None, **_PORTED, "icmp": Protocol.ICMP},
            Family.V6: {"ipv6": None, **_PORTED, "icmp": Protocol.ICMPV6},
        },
        ports=_PORTS,
        read_ports=_READ_PORTS,
        step=10,
        unmatched="what an empty list does is not written",
    ),
    bindings={Family.V4: "ip access-group", Family.V6: "ipv6 traffic-filter"},
    port_name=re.compile(r"(?:ten|forty|hundred)?gigabitethernet [0-9]+/[0-9]+(?:/[0-9]+)?|port-channel [0-9]+"),
    port_example="gigabitethernet 1/0/1",
    port_joiner=" ",
    vlan_interface="vlan {}",
    maximum_entries=MAXIMUM_ENTRIES,
    layout=Layout(ignored=re.compile(r"#|Date [0-9]{4}/")),
    port_conflicts=compile_conflicts(
        (rf"(ip access-group|ipv6 traffic-filter)(?! {PREFIX}-)( .*)?", "is filtered by a list that is not ours"),
        (r"mac access-group( .*)?", "is filtered by a list that is not ours"),
        (r"switchport (mode )?(dot1q-tunnel|protocol-vlan|mac-vlan|mac)( .*)?", "puts frames into another VLAN"),
        (r"switchport vlan mapping( .*)?", "puts frames into another VLAN"),
        (r"(dot1x|authentication) .*", "puts hosts into another VLAN"),
        (r"ip(v6)? address( .*)?", "has an address, as a routed port has"),
    ),
    paths=PathGrammar(
        re.compile(r"(?:ten|forty|hundred)?gigabitethernet[0-9]+/[0-9]+(?:/[0-9]+)?|port-channel[0-9]+"),
        trunks_carry_all=True,
        undecided_mode=True,
        channels={"channel-group": "port-channel"},
    ),
    known_lines=KnownLines(own_lines.IN_VLANS, own_lines.ON_PORTS, own_lines.ON_VLAN_INTERFACES),
    find_name_fault=_find_name_fault,
    mode_first=True,
    quotes=True,
    indent="  ",
)

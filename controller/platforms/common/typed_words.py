"""Tells a line that somebody typed from one that a device printed: by capitals, or by a word that is cut short.

A vendor's command line takes `VLAN FILTER M` and `vl fil M` for `vlan filter M`; what it prints has whole words in
small letters. A reader that knows the printed form alone would leave a typed one alone. So a line whose first words are
a known command in another spelling is never taken for one that changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping


def _list_words(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ADDRESS_WORDS = _list_words(
    "route routing nat policy local address access-list access-group default-gateway default-network dhcp arp wccp "
    "forwarding unicast-routing prefix-list inspect vrf traffic-filter router filter keepalive helper-address "
    "neighbor forward-protocol hop-limit igmp mld multicast options tcp"
)
_SECOND: Mapping[str, frozenset[str]] = {
    "ip": _ADDRESS_WORDS,
    "ipv6": _ADDRESS_WORDS,
    "vlan": frozenset({"filter", "configuration", "access-map", "database", "classifier"}),
    "monitor": frozenset({"session", "capture"}),
    "system": frozenset({"mtu"}),
    "pnp": frozenset({"profile"}),
    "stack": frozenset({"management", "resiliencylink"}),
    "mls": frozenset({"qos"}),
    "atmf": frozenset({"management", "domain"}),
    "event": frozenset({"manager"}),
    "mac": frozenset({"static", "address-table", "access-list", "access-group"}),
    "mac-address-table": frozenset({"static", "learning", "limit"}),
    "mvrp": frozenset({"global"}),
    "dot1x": frozenset({"vlan"}),
    "web-authentication": frozenset({"vlan"}),
    "mac-authentication": frozenset({"vlan"}),
    "aaa": frozenset({"authorization"}),
    "auth": frozenset({"profile"}),
    "application-proxy": frozenset({"ip-filter", "quarantine-vlan"}),
    "wireless": frozenset({"profile"}),
    "sdm": frozenset({"prefer"}),
    "boot": frozenset({"host", "network", "config", "config-file"}),
    "cns": frozenset({"config", "exec"}),
    "schedule-power-control": frozenset({"shutdown"}),
    "scripting": frozenset({"tcl"}),
    "autoconf": frozenset({"enable"}),
    "shell": frozenset({"trigger"}),
    "ethernet": frozenset({"ring"}),
    "flow": frozenset({"detection"}),
    "platform": frozenset({"hwfilter-size", "routingratio", "stop-unreg-mc-flooding"}),
    "switchport": frozenset({"access", "mode", "trunk", "voice", "private-vlan", "isolation", "mac", "vlan"}),
    "vrf": frozenset({"forwarding", "definition"}),
    "service": frozenset({"instance", "dhcp", "config"}),
}
"""Words that decide what a command of this first word is about."""
_FIRST = frozenset(_SECOND) | _list_words(
    "interface access-list access-group router macro gvrp kron cts bridge bridge-domain bridge-group l2vpn l2tp "
    "xconnect nat64 arp route-map class-map policy-map vtp line snmp-server spanning-tree hostname mpls shutdown lan "
    "channel-group static-channel-group encapsulation standby vrrp glbp tunnel schedule ospf bgp rip zone-member "
    "axrp gsrp epsr g8032 openflow mirror policy-based-routing description action cli option default-router "
    "trigger script boot schedule-power-control remote-mirror source destination cns scripting resident-script "
    "event-script wlan client service-template service-policy control-plane override relay origin template "
    "parameter-map vlan-dot1q-ethertype network subnet-mask"
)
_WHOLE = _list_words("auto class host nat no policy prefix snmp switch zone")
"""Words that only look short: each is a command, or what a command is about, on one of these systems."""
_SHORTEST = 2
"""Letters of a word that is cut short: one alone is no command that any of these systems takes."""


def describe_typed_words(words: str) -> str:
    """Return how the first words of a line differ from what a device prints; nothing where they do not.

    >>> describe_typed_words("vlan filte DROP vlan-list 10")
    "'filte' is short for 'filter'"
    >>> describe_typed_words("INTERFACE VLAN 20")
    "'INTERFACE' is 'interface' in capitals"
    >>> describe_typed_words("vlan filter DROP vlan-list 10")
    ''
    """
    first, *rest = words.removeprefix("no ").split()[:2] or [""]
    return _describe_word(first, _FIRST) or (_describe_word(rest[0], _SECOND.get(first, frozenset())) if rest else "")


def _describe_word(word: str, known: frozenset[str]) -> str:
    small = word.lower()
    if small != word and small in known:
        return f"{word!r} is {small!r} in capitals"
    if small in known | _WHOLE or len(word) < _SHORTEST or not small.replace("-", "").isalpha():
        return ""
    whole = sorted(one for one in known if one.startswith(small))
    return f"{word!r} is short for {' or '.join(map(repr, whole))}" if whole else ""

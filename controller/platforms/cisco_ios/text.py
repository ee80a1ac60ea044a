"""The running configuration of Cisco IOS, as data; what of it is ours is told in `controller.platforms.dialect.switch`.

A description is the only free text that every IOS keeps with an interface, so it marks what is ours. An isolated port
is a protected one: two protected ports of a switch exchange no packet, of whatever kind, but through a router. The
switch next to it does not know of it. A list of our prefix on a port is refused where bindings are read.

Sources: Cisco IOS Security Command Reference (`ip access-group`, `mac access-group`, `authentication event`,
`dot1x guest-vlan`), IPv6 Command Reference (`ipv6 traffic-filter`, `ipv6 address`, `ipv6 dhcp relay destination`), LAN
Switching Command Reference (`switchport`, `switchport private-vlan`, `switchport vlan mapping`), IP Addressing Command
Reference (`ip address`, `ip helper-address`), Interface Command Reference (`shutdown`). IOS prints the secondary
addresses before the primary one, and of `ipv6 address` the prefix length with the address in capitals.
"""

from __future__ import annotations

import re

from controller.model.network.device_state import PREFIX
from controller.model.network.packets import Family
from controller.platforms.cisco_ios.acl import ACCESS_LISTS
from controller.platforms.dialect.blocks import Layout
from controller.platforms.dialect.switch import SwitchGrammar, compile_conflicts
from controller.platforms.dialect.unmanaged_paths import PathGrammar
from controller.platforms.dialect.vlan_interface import AddressGrammar

MAXIMUM_ENTRIES = 1000
"""A bound of this project: how many entries fit is the model's."""

SWITCH = SwitchGrammar(
    acl=ACCESS_LISTS,
    bindings={Family.V4: "ip access-group", Family.V6: "ipv6 traffic-filter"},
    port_name=re.compile(r"(?!Vlan|Loopback|Tunnel)[A-Z][A-Za-z-]*\d+(/\d+)*"),
    port_example="GigabitEthernet1/0/1",
    maximum_entries=MAXIMUM_ENTRIES,
    layout=Layout(
        ignored=re.compile(r"Building configuration|Current configuration|Last configuration change|NVRAM config last"),
        banner=re.compile(r"banner \S+ (\^C|\S)(.*)"),
    ),
    isolated="switchport protected",
    paths=PathGrammar(
        re.compile(r"[a-z][a-z-]*\d+(/\d+)*"),
        trunks_carry_all=True,
        undecided_mode=True,
        routes_by_itself=False,
        isolated="switchport protected",
        channels={"channel-group": "port-channel"},
    ),
    port_conflicts=compile_conflicts(
        (r"no switchport", "is a routed port"),
        (r"ip(v6)? (address|unnumbered)( .*)?", "has an address, as a routed port has"),
        (rf"(ip access-group|ipv6 traffic-filter)(?! {PREFIX}-)( .*)?", "is filtered by a list that is not ours"),
        (r"mac access-group( .*)?", "is filtered by a list that is not ours"),
        (r"switchport (mode )?private-vlan( .*)?", "is in a private VLAN"),
        (r"switchport voice vlan( .*)?", "carries another VLAN beside ours"),
        (r"switchport vlan mapping( .*)?", "puts frames into another VLAN"),
        (r"authentication event .* vlan( .*)?", "puts hosts into another VLAN"),
        (r"dot1x (guest-vlan|(auth-fail|critical) vlan)( .*)?", "puts hosts into another VLAN"),
    ),
    addresses=AddressGrammar(
        relays={Family.V4: "ip helper-address", Family.V6: "ipv6 dhcp relay destination"},
        relay_lines=re.compile(r"(?:ip helper-address|ipv6 dhcp relay) .*"),
        conflicts=compile_conflicts(
            (r"(ip )?vrf forwarding .*", "is in a routing table of others"),
            (r"ip(v6)? policy route-map .*", "routes packets by a policy of others"),
        ),
        capitals=True,
    ),
)

"""The running configuration of Cisco IOS, as data; what of it is ours is told in `controller.platforms.dialect.switch`.

A description is the only free text that every IOS keeps with an interface, so it marks what is ours. An isolated port
is a protected one: two protected ports of a switch exchange no packet, of whatever kind, but through a router. The
switch next to it does not know of it. A list of our prefix on a port is refused where bindings are read.

Sources: Cisco IOS Security Command Reference (`ip access-group`, `mac access-group`, `authentication event`,
`dot1x guest-vlan`), IPv6 Command Reference (`ipv6 traffic-filter`, `ipv6 address`, `ipv6 dhcp relay destination`), LAN
Switching Command Reference (`switchport`, `switchport private-vlan`, `switchport vlan mapping`), IP Addressing Command
Reference (`ip address`, `ip helper-address`), Interface Command Reference (`shutdown`). IOS prints the secondary
addresses before the primary one, and of `ipv6 address` the prefix length with the address in capitals. Catalyst 3650
Command Reference (IOS XE 16.5), `switchport trunk`: `add` and `remove` change the list that is set, of VLANs 1 to 4094;
Catalyst 3750 Metro Command Reference (OL-9645), the same: `encapsulation` stands only where the hardware has ISL, too,
and its default is `negotiate`, with which a port cannot be set to trunk. `channel-group`: Catalyst 4500 Command
Reference (OL-28738, 15.1(1)XO: the port-channel interface is made when its first port joins, and what is set on it is
set on its ports, too), IEEE 802.3ad Link Bundling, IOS 12.2(27)SBC (numbers 1 to 256), Catalyst 2960-CX / 3560-CX guide
15.2(4)E, "Configuring EtherChannels" (up to eight ports, all in one VLAN or all trunks).
"""

from __future__ import annotations

import re

from controller.model.network.device_state import PREFIX
from controller.model.network.lags import LagMode, LagSupport
from controller.model.network.packets import Family
from controller.platforms.cisco_ios import own_lines
from controller.platforms.cisco_ios.acl import ACCESS_LISTS
from controller.platforms.cisco_ios.interface_names import complete_interface_name, find_name_fault
from controller.platforms.cisco_ios.vlan_database import may_stand_behind, read_vlan_table
from controller.platforms.common.whole_text import TextForm
from controller.platforms.dialect.blocks import Layout, find_layout_faults
from controller.platforms.dialect.lags import LagGrammar
from controller.platforms.dialect.paths.reader import PathGrammar
from controller.platforms.dialect.paths.words import KnownLines
from controller.platforms.dialect.switch import SwitchGrammar, compile_conflicts
from controller.platforms.dialect.vlan_interface import AddressGrammar

MAXIMUM_ENTRIES = 1000
"""A bound of this project: how many entries fit is the model's."""

LAGS = LagGrammar(
    support=LagSupport(lacp="Port-channel{n}", static="Port-channel{n}", highest_lacp=256, highest_static=256),
    joins={LagMode.LACP: "channel-group {n} mode active", LagMode.STATIC: "channel-group {n} mode on"},
    leaves=dict.fromkeys(LagMode, "no channel-group"),
    pattern=re.compile(r"channel-group (?P<number>[0-9]{1,4})( .*)?"),
)
"""How many LAGs a model has is its own (6 of a Catalyst 2950, 48 of an ME 3400): beyond that it refuses the command."""
LAYOUT = Layout(
    ignored=re.compile(r"Building configuration|Current configuration|Last configuration change|NVRAM config last"),
    banner=re.compile(
        r"(?:banner \S+|aaa authentication (?:banner|fail-message)|(?:refuse|vacant|busy)-message(?: \S+)??) "
        r"(\^C|\S)(.*)"
    ),
    macro=re.compile(r"macro name .*"),
)
TEXT_FORM = TextForm(
    re.compile(r"version [0-9]|hostname \S|Building configuration|Current configuration|! Last configuration change"),
    "'version' or 'hostname'",
    behind=may_stand_behind,
    faults=lambda text: find_layout_faults(text, LAYOUT),
)

SWITCH = SwitchGrammar(
    acl=ACCESS_LISTS,
    bindings={Family.V4: "ip access-group", Family.V6: "ipv6 traffic-filter"},
    port_name=re.compile(r"(?!Vlan|Loopback|Tunnel)[A-Z][A-Za-z-]*[0-9]+(/[0-9]+)*"),
    port_example="GigabitEthernet1/0/1",
    maximum_entries=MAXIMUM_ENTRIES,
    layout=LAYOUT,
    isolated="switchport protected",
    lags=LAGS,
    encapsulation="switchport trunk encapsulation dot1q",
    paths=PathGrammar(
        re.compile(r"[a-z][a-z-]*[0-9]+(/[0-9]+)*"),
        trunks_carry_all=True,
        undecided_mode=True,
        routing_off=frozenset({"no ip routing"}),
        routing_on=("ip routing", "ipv6 unicast-routing"),
        isolated="switchport protected",
        channels={"channel-group": "port-channel"},
        complete_name=complete_interface_name,
    ),
    known_lines=KnownLines(vlans=own_lines.IN_VLANS, ports=own_lines.ON_PORTS),
    complete_name=complete_interface_name,
    find_name_fault=find_name_fault,
    read_vlan_table=read_vlan_table,
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
        known=own_lines.ON_VLAN_INTERFACES,
        capitals=True,
    ),
)

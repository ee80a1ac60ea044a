"""An invented switch of the dialect layer: what a new IOS-like platform of another package costs.

A test and no product: no maker builds it. It is a class with data alone; what a real one needs beside it is seen in
`controller/platforms/alaxala`.
"""

from __future__ import annotations

import re

from controller.model.network.device_state import PREFIX, Attachment, Capabilities
from controller.model.network.packets import Family, Protocol
from controller.platforms.dialect.acl import AclGrammar, AddressForm
from controller.platforms.dialect.blocks import Layout
from controller.platforms.dialect.platform import SwitchPlatform
from controller.platforms.dialect.switch import SwitchGrammar, compile_conflicts

_PORTS: dict[int, dict[str, int]] = {Protocol.TCP: {"ftp": 21, "telnet": 23}, Protocol.UDP: {}}
_PORTED: dict[str, int | None] = {"tcp": Protocol.TCP, "udp": Protocol.UDP}


class InventedSwitch(SwitchPlatform):
    """The platform `invented_switch`."""

    name = "invented_switch"
    capabilities = Capabilities(
        attachment=Attachment.VLAN_INTERFACE,
        vlan_database=True,
        reads_port_roles=False,
        maximum_entries=2048,
        over_ssh=False,
        established=False,
        longest_filter_name=31,
    )
    grammar = SwitchGrammar(
        acl=AclGrammar(
            title="Invented",
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
            step=10,
            unmatched="what an empty list does is not written",
        ),
        bindings={Family.V4: "ip access-group", Family.V6: "ipv6 traffic-filter"},
        port_name=re.compile(r"(?:ten|forty)?gigabitethernet \d/\d+(?:/\d+)?|port-channel \d+"),
        port_example="gigabitethernet 1/0/1",
        port_joiner=" ",
        vlan_interface="vlan {}",
        maximum_entries=2048,
        layout=Layout(ignored=re.compile("#")),
        port_conflicts=compile_conflicts(
            (rf"(ip access-group|ipv6 traffic-filter)(?! {PREFIX}-)( .*)?", "is filtered by a list that is not ours"),
            (r"mac access-group( .*)?", "is filtered by a list that is not ours"),
            (r"switchport (mode )?(dot1q-tunnel|protocol-vlan|mac-vlan|mac)( .*)?", "puts frames into another VLAN"),
            (r"dot1x .*", "puts hosts into another VLAN"),
        ),
        mode_first=True,
        quotes=True,
        indent="  ",
    )

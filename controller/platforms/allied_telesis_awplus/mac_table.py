"""The table of MAC addresses of an AlliedWare Plus switch, `show mac address-table`.

Entries of the switch itself stand at `CPU` or `unknown`, or under `ARP` instead of a VLAN.

Sources: AlliedWare Plus Command Reference, "Bridging Commands", `show mac address-table`; an example in ntc-templates
(tests/allied_telesis_awplus/show_mac_address-table). The heading of the last column differs between them.
"""

from __future__ import annotations

import re

from controller.platforms.common.mac_table import MAC, MacTableForm

MAC_TABLE = MacTableForm(
    command="show mac address-table",
    header=re.compile(r"VLAN +[Pp]ort +(?:mac|MAC) +(?:fwd|[Ss]tate)"),
    entry=re.compile(
        rf"(?P<vlan>[0-9]{{1,4}}|ARP) +(?P<port>[A-Za-z][A-Za-z0-9.]*|-) +{MAC} +(?:(?:forward|discard) +)?"
        "(?:dynamic|static)"
    ),
    others=re.compile(r"-+"),
    own=re.compile(r"CPU|unknown"),
)

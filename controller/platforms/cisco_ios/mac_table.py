"""The table of MAC addresses of a Catalyst, `show mac address-table`.

A host that 802.1X or port security let in stands there as `STATIC`, so the type of an entry says nothing; entries of
the switch itself stand at `CPU`, `Vl10` and the like, and in the VLAN `All`. The tables of Catalyst 4500 and 6500, with
other columns, are refused.

Sources: Cisco IOS LAN Switching Command Reference, `show mac address-table`; Catalyst 9300 IOS XE 17.x Layer 2 Command
Reference, the same; examples of 2960, 3560 and 3850 in ntc-templates (tests/cisco_ios/show_mac-address-table).
"""

from __future__ import annotations

import re

from controller.platforms.cisco_ios.interface_names import complete_interface_name
from controller.platforms.common.mac_table import MAC, MacTableForm

MAC_TABLE = MacTableForm(
    command="show mac address-table",
    header=re.compile(r"Vlan +Mac Address +Type +Ports"),
    entry=re.compile(rf" *(?P<vlan>[0-9]{{1,4}}|All) +{MAC} +(?:DYNAMIC|STATIC) +(?P<port>[A-Za-z][A-Za-z0-9/.-]*)"),
    others=re.compile(r" *Mac Address Table|-+|-+ +-+ +-+ +-+"),
    total=re.compile(r"Total Mac Addresses for this criterion: *(?P<count>[0-9]{1,9})"),
    own=re.compile(r"CPU|Vl[0-9]+|Router|Switch"),
    name_port=complete_interface_name,
)

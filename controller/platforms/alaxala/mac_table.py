"""The table of MAC addresses of an AlaxalA box switch, `show mac-address-table`.

A port is shown by its numbers alone (`0/1`), which the names of policies end with (`gigabitethernet 0/1`); a channel
group is shown as the list of its ports (`0/49-50`).

Source: AX3660S operation command reference, `show mac-address-table` (its place and that of `clear mac-address-table`
were found; its example was not read, and the columns are those that are commonly shown). What differs is refused.
"""

from __future__ import annotations

import re

from controller.platforms.common.mac_table import MAC, MacTableForm

_PORTS = r"[0-9]{1,3}(?:/[0-9]{1,3}){1,2}(?:-[0-9]{1,3})?"

MAC_TABLE = MacTableForm(
    command="show mac-address-table",
    header=re.compile(r"MAC address +VLAN +Type +Port-list"),
    entry=re.compile(
        rf"{MAC} +(?P<vlan>[0-9]{{1,4}}) +(?:Dynamic|Static|Snoop|Dot1x|Wa|Macauth) +(?P<port>{_PORTS}(?:,{_PORTS})*)"
    ),
    others=re.compile(r"Date [0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8} [A-Z]{1,5}|Aging time *: *(?:[0-9]+|infinity)"),
    empty="No mac-address-table entry.",
)

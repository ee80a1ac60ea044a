"""All commands of configuration mode, known once this is imported."""

from __future__ import annotations

from controller.lab.virtual_switches.catalyst.configuration import (
    address_commands,
    global_commands,
    interface_commands,
    list_commands,
    vlan_commands,
)

ALL = (address_commands, global_commands, interface_commands, list_commands, vlan_commands)

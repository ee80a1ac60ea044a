"""Cisco IOS: a switch of `controller.platforms.dialect.switch`, as text."""

from __future__ import annotations

from controller.model.network.device_state import Attachment, Capabilities
from controller.platforms.cisco_ios.text import MAXIMUM_ENTRIES, SWITCH
from controller.platforms.common.cli_reading import CliReading
from controller.platforms.dialect.platform import SwitchPlatform


class CiscoIos(CliReading, SwitchPlatform):
    """The platform `cisco_ios`; see `controller.platforms.base.Platform` for what each member promises."""

    name = "cisco_ios"
    device_type = "cisco_ios"
    grammar = SWITCH
    capabilities = Capabilities(
        attachment=Attachment.VLAN_INTERFACE,
        vlan_database=True,
        reads_port_roles=False,
        maximum_entries=MAXIMUM_ENTRIES,
        over_ssh=False,
        isolates=True,
        interfaces=True,
    )

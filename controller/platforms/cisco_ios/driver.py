"""Cisco IOS: a switch of `controller.platforms.dialect.switch`, as text."""

from __future__ import annotations

from controller.model.network.device_state import Attachment, Capabilities
from controller.platforms.base import Session
from controller.platforms.cisco_ios.mac_table import MAC_TABLE
from controller.platforms.cisco_ios.operation import ARCHIVE_PATH, CiscoIosOperation
from controller.platforms.cisco_ios.text import LAGS, MAXIMUM_ENTRIES, SWITCH, TEXT_FORM
from controller.platforms.cisco_ios.vlan_database import read_vlan_database
from controller.platforms.common.cli_reading import CliReading
from controller.platforms.common.device_operation import OperationContext, has_line
from controller.platforms.common.mac_table import MacTableReading
from controller.platforms.common.timed_operation import RestoreWay
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.dialect.platform import SwitchPlatform


class CiscoIos(CliReading, MacTableReading, SwitchPlatform):
    """The platform `cisco_ios`; see `controller.platforms.base.Platform` and `common.timed_operation.Controlled`."""

    name = "cisco_ios"
    device_type = "cisco_ios"
    grammar = SWITCH
    text_form = TEXT_FORM
    mac_table = MAC_TABLE
    capabilities = Capabilities(
        attachment=Attachment.VLAN_INTERFACE,
        vlan_database=True,
        reads_port_roles=False,
        maximum_entries=MAXIMUM_ENTRIES,
        over_ssh=True,
        isolates=True,
        interfaces=True,
        trunk_encapsulation=True,
        lags=LAGS.support,
    )

    def read(self, session: Session) -> DeviceText:
        """Return the running configuration, with the VLANs behind it where it does not hold them.

        Raises:
            CommandFailed: it does not end as a whole one does.
            DeviceTextRefused: the device does not say which VLANs it has.
        """
        return read_vlan_database(super().read(session), session)

    def read_saved(self, session: Session) -> DeviceText:
        """Return what the device would boot with; VLANs that a VTP server or client keeps are kept at once."""
        saved = super().read_saved(session)
        return read_vlan_database(saved, session) if saved else saved

    def find_restore_way(self, text: DeviceText) -> RestoreWay:
        """Return the revert timer where an archive is kept, else a reload."""
        return RestoreWay.REVERT_TIMER if has_line(text, ARCHIVE_PATH) else RestoreWay.RELOAD

    def begin_operation(self, context: OperationContext) -> CiscoIosOperation:
        """Return the operation of one switch."""
        return CiscoIosOperation(self, context)

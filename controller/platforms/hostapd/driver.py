"""hostapd (Linux access points), operated over SSH: its networks as text, and the one command that changes them.

A change is one step and one command: all networks of ours as a whole. The access point writes the VLAN files of the
wanted networks, puts our networks in the place of ours in hostapd.conf by one rename, restarts hostapd, and asks it
what it serves. hostapd reads its files as a whole, so there is no state between.

What runs on the access point for itself is `access_point.sh`, see `platforms.common.own_restore`. The secret of the
admission servers stays there: in our text it is a mark.
"""

from __future__ import annotations

import re

from controller.model.network.device_state import Attachment, Capabilities, DeviceState
from controller.platforms.base import EXEC, Command, Observation, Step
from controller.platforms.common.managed import refuse_unsupported
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.common.whole_text import TextForm
from controller.platforms.hostapd.parse import parse
from controller.platforms.hostapd.text import render

REPLACE = "replace networks"
"""A command's line; our part of the files goes in as standard input."""


class Hostapd(OwnRestore):
    """The platform `hostapd`; see `controller.platforms.base.Operable` for what each member promises."""

    name = "hostapd"
    text_form = TextForm(re.compile(r"==> /\S+ <==$|interface=\S"), "'==> FILE <==' or 'interface='", end="")
    device_type = EXEC
    agent = "hostapd_access_point"
    script = "access_point.sh"
    home = "TSUNAGU_ACCESS_POINT"
    capabilities = Capabilities(
        attachment=Attachment.PORT,
        vlan_database=False,
        reads_port_roles=False,
        maximum_entries=0,
        over_ssh=True,
        isolates=True,
        switches=False,
        wireless=True,
    )

    def render(self, state: DeviceState) -> str:
        """Return our part of the files."""
        refuse_unsupported(state, self.capabilities, "hostapd")
        return render(state)

    def parse(self, text: str, source: str) -> Observation:
        """Understand the files; what is ours in them is told in `controller.platforms.hostapd.text`."""
        return parse(text, source)

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """Return the one step; see the module.

        Raises:
            ValueError: hostapd cannot hold the wanted state.
        """
        text = self.render(wanted)
        return (Step("replace wireless networks", (Command(REPLACE, text),), wanted),) if now != wanted else ()

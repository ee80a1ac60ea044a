"""hostapd (Linux access points), as text: what its files say, what ours would be, and the commands.

A change is one step: the VLAN files of the wanted networks are written, our networks take the place of ours in
hostapd.conf by one rename, hostapd reads it again (`systemctl reload`), and files that no network needs any more go.
hostapd re-reads as a whole, so there is no state between.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.network.device_state import Attachment, Capabilities, DeviceState
from controller.platforms.base import Command, Observation, Step
from controller.platforms.common.managed import refuse_unsupported
from controller.platforms.hostapd.parse import parse
from controller.platforms.hostapd.text import (
    MAIN,
    OURS,
    SECRET,
    SECRET_FILE,
    SECRET_KEY,
    name_vlan_file,
    render,
    write_main,
    write_vlan_line,
)

_REPLACE = (
    f"umask 077; SECRET=$(cat {SECRET_FILE}) && export SECRET && {{ "
    f"awk '/^bss=/ {{ ours = /^bss={OURS}/ }} !ours' {MAIN} && "
    f'awk \'$0 == "{SECRET_KEY}={SECRET}" {{ $0 = "{SECRET_KEY}=" ENVIRON["SECRET"] }} 1\'; '
    f"}} > {MAIN}.new && mv {MAIN}.new {MAIN} && systemctl reload hostapd"
)
"""Takes our networks on standard input; the secret stays on the access point, and out of every command line."""


class Hostapd:
    """The platform `hostapd`; see `controller.platforms.base.Platform` for what each member promises."""

    name = "hostapd"
    capabilities = Capabilities(
        attachment=Attachment.PORT,
        vlan_database=False,
        reads_port_roles=False,
        maximum_entries=0,
        over_ssh=False,
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
        self.render(wanted)
        return (
            (Step("replace wireless networks", tuple(_write_commands(now, wanted)), wanted),) if now != wanted else ()
        )


def _write_commands(now: DeviceState, wanted: DeviceState) -> Iterator[Command]:
    files = {name_vlan_file(one.vlan): f"{write_vlan_line(one.vlan)}\n" for one in wanted.networks if one.servers}
    for path, text in files.items():
        yield Command(f"cat > {path}", text)
    yield Command(_REPLACE, write_main(wanted.networks))
    for path in sorted({name_vlan_file(one.vlan) for one in now.networks if one.servers} - files.keys()):
        yield Command(f"rm {path}")

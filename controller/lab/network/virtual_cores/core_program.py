"""The program of one virtual switch: its SSH server, its timers, and its packets, in its school's namespace.

Started as `python -m controller.lab.network.virtual_cores.core_program STATE SCHOOL`; it prints its number once it
serves. A line is answered only when packets do what the device says since that line: between two commands, packets see
what the device would show. SIGUSR1 says that its clock was set ahead.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import asyncssh

from controller.errors import LabError
from controller.lab.network.data_plane.data_plane import DataPlane
from controller.lab.network.data_plane.port_wires import PortWire
from controller.lab.network.ssh_servers import HOST_KEY
from controller.lab.network.virtual_cores.core_devices import CoreClock, CoreDevice, Flash, boot_core, write_flash
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Layout, SchoolLayout
from controller.lab.virtual_switches.forwarding import Forwarding
from controller.lab.virtual_switches.ssh_server import Access, SwitchServer
from controller.lab.virtual_switches.terminal import DeviceSite


class ForwardingCore:
    """A virtual switch whose packets follow it, and whose flash is kept."""

    def __init__(self, core: CoreDevice, plane: DataPlane, kept: Path) -> None:
        """Carry out what the device does now."""
        self._core = core
        self._plane = plane
        self._kept = kept
        self._flash = Flash()
        self._forwarding = Forwarding()
        plane.start()
        core.switch.list_learnt = plane.list_learnt
        self.follow()

    def follow(self) -> None:
        """Carry out what has changed since the last time, and keep the flash where that has changed."""
        forwarding = self._core.switch.get_forwarding()
        if forwarding != self._forwarding:
            self._plane.carry_out(forwarding)
            self._forwarding = forwarding
        flash = self._core.copy_flash()
        if flash != self._flash:
            write_flash(self._kept, flash)
            self._flash = flash


async def serve(layout: Layout, school: SchoolLayout, state: Path) -> None:
    """Serve until the program is ended."""
    files = paths.SwitchFiles(state, school.id)
    flash = Flash.model_validate_json(files.flash.read_bytes())
    secret = (state / paths.ENABLE_SECRET).read_text(encoding="ascii").strip()
    clock = CoreClock(files.clock)
    core = boot_core(school.platform, flash, secret, clock)
    wires = [PortWire(one.interface, one.port, one.tag) for one in school.wires]
    follower = ForwardingCore(core, DataPlane(school.switch, wires), files.flash)
    keys = [
        asyncssh.import_public_key((state / key).with_suffix(".pub").read_text(encoding="ascii"))
        for key in (paths.CONTROLLER_KEY, paths.READ_KEY)
    ]
    server = SwitchServer(
        DeviceSite(core.switch, on_line=follower.follow),
        Access(layout.user, keys=keys),
        asyncssh.read_private_key(files.folder / HOST_KEY),
        clock,
    )

    def set_clock() -> None:
        clock.follow()
        if server.site.on_line is not None:  # what is due by now happens
            server.site.on_line()

    # Everywhere: the address that it answers at is a matter of its configuration, and may change.
    await server.start("", layout.ssh_port)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, set_clock)
    print(os.getpid(), flush=True)  # noqa: T201 whoever started it waits for this
    await ended.wait()
    await server.stop()


def main(arguments: list[str]) -> int:
    """Run the program; 1: it cannot serve, and has said why."""
    state, name = Path(arguments[0]), arguments[1]
    record = undo_log.read_record(state)
    if record is None:
        print("no lab is up", file=sys.stderr)  # noqa: T201 its log
        return 1
    try:
        asyncio.run(serve(record.layout, record.layout.school(name), state))
    except LabError as error:
        print(error, file=sys.stderr)  # noqa: T201 its log
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

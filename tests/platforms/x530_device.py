"""A virtual x530 that takes commands one by one, and raises where it refuses one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.lab.virtual_switches.forwarding import SampledPacket, permits_packet
from controller.lab.virtual_switches.x530.device import X530, is_refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.platforms.base import Command

BARE = """vlan database
 vlan 4093 name OTHERS
interface port1.0.23
 static-channel-group 1
"""
"""A switch with a static group, and a VLAN of somebody else."""


class CommandRefused(Exception):
    """The switch does not take the command."""


class TypedX530:
    """A switch, and a user who types at it in privileged mode."""

    def __init__(self, startup: str = BARE) -> None:
        self.switch = X530(startup)
        assert not self.switch.rejected, self.switch.rejected
        self.line = self.switch.open_command_line("tsunagu")
        self.line.enter("enable")

    def enter(self, commands: Iterable[str]) -> None:
        """Type commands."""
        for command in commands:
            said = self.line.enter(command)
            refused = [one for one in said.lines if is_refusal(one)]
            if refused or said.question is not None:
                message = f"{command}: {refused or said.question}"
                raise CommandRefused(message)

    def run(self, command: Command) -> None:
        """Type a command of a step."""
        assert command.stdin is None
        self.enter([command.line])

    def text(self) -> str:
        """Return the running configuration."""
        return self.switch.show_running()

    def break_off(self) -> None:
        """Lose the session, and log in anew."""
        self.line.hang_up()
        self.line = self.switch.open_command_line("tsunagu")
        self.line.enter("enable")

    def permits(self, port: str, packet: SampledPacket) -> bool:
        """Tell if the lists on a port let a packet in that comes in the packet's VLAN."""
        (found,) = (one for one in self.switch.get_forwarding().ports if one.name == port)
        return permits_packet(found.lists, packet)

    def forwards(self, port: str, packet: SampledPacket) -> bool:
        """Tell if a port takes a tagged packet, and its lists let it in."""
        (found,) = (one for one in self.switch.get_forwarding().ports if one.name == port)
        return found.up and packet.vlan in found.tagged and permits_packet(found.lists, packet)

"""The emulated Open vSwitch as the configuration of a device in memory."""

from __future__ import annotations

from collections.abc import Iterable

from controller.platforms.base import Command
from controller.platforms.transport.in_memory_device.configuration import Refused
from tests.emulators import ovs

FACTORY_FLOW = "add priority=0 actions=NORMAL"


class Switch:
    """A factory-new bridge; see `controller.platforms.transport.in_memory_device.configuration.Configuration`."""

    def __init__(self, ports: Iterable[str]) -> None:
        self._bridge = ovs.OpenVSwitch(sorted(ports))
        ovs.change(self._bridge.flows, FACTORY_FLOW)

    def show(self) -> str:
        """What `ovs_switch.sh read` prints."""
        return self._bridge.running()

    def load(self, text: str) -> None:
        """Become what a running text says; a port that is not there is left out."""
        ports, _, flows = text.partition("# ports\n")[2].partition("# flows\n")
        for row in ports.splitlines():
            name, tag, mode, trunks = row.split(",")
            if name in self._bridge.ports:
                self._bridge.ports[name] = (tag, mode, trunks)
        self._bridge.flows.clear()
        for flow in flows.splitlines():
            ovs.change(self._bridge.flows, f"add {flow.strip()}")

    def split(self, command: Command) -> tuple[Command, ...]:
        """The command: neither a bundle nor a transaction has halves."""
        return (command,)

    def execute(self, command: Command) -> str:
        """Carry a bundle of flows or a transaction of ports out.

        Raises:
            Refused: it is none, or a part of it cannot be; then nothing has changed.
        """
        try:
            self._bridge.run(command.line, command.stdin)
        except ovs.Refused as error:
            raise Refused(str(error)) from None
        return ""

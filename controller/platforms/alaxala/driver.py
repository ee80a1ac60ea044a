"""AlaxalA box switches (AX2600S, AX3600S): the platform as text, read and changed over SSH.

A list is bound in the place of another by one line. Whether a switch takes that, or wants the old one taken off first,
is not written in what was read: where it refuses the line the change ends there, with the old list in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from controller.model.network.device_state import Attachment, Capabilities, DeviceState, PortMode, PortState
from controller.model.network.packets import ANY_PORTS, Direction, Match, Protocol
from controller.platforms.alaxala.flow_detection import find_unfiltered
from controller.platforms.alaxala.mac_table import MAC_TABLE
from controller.platforms.alaxala.operation import ANSWER, AlaxalaOperation
from controller.platforms.alaxala.text import LONGEST_FILTER_NAME, MAXIMUM_ENTRIES, SWITCH, TEXT_FORM
from controller.platforms.base import Command, Observation, Step
from controller.platforms.common.cli_reading import CliReading
from controller.platforms.common.device_operation import ENTER, LEAVE, OperationContext
from controller.platforms.common.mac_table import MacTableReading
from controller.platforms.dialect.blocks import read_blocks
from controller.platforms.dialect.platform import SwitchPlatform
from controller.platforms.dialect.steps import Change, change_switch, plan_steps
from controller.platforms.dialect.switch import PORT_MARK, write_allowed_vlans

LEAVING = (LEAVE, ANSWER)
"""`end` asks whether to leave without saving; `y` leaves, and what was changed stays in force."""


class Alaxala(CliReading, MacTableReading, SwitchPlatform):
    """The platform `alaxala`; see `controller.platforms.base.Platform` for what each member promises."""

    name = "alaxala"
    device_type = "alaxala_ax36s"
    last_line = "!"
    """As of each block, too: a text that breaks off between two is not noticed by it."""
    grammar = SWITCH
    text_form = TEXT_FORM
    mac_table = MAC_TABLE
    capabilities = Capabilities(
        attachment=Attachment.VLAN_INTERFACE,
        vlan_database=True,
        reads_port_roles=False,
        maximum_entries=MAXIMUM_ENTRIES,
        over_ssh=True,
        restores_itself=False,
        established=False,
        longest_filter_name=LONGEST_FILTER_NAME,
    )

    def begin_operation(self, context: OperationContext) -> AlaxalaOperation:
        """Return the operation of one switch."""
        return AlaxalaOperation(self, context)

    def render(self, state: DeviceState) -> str:
        """Return our part of `show running-config`.

        Raises:
            ValueError: the switch cannot hold the state.
        """
        text = super().render(state)
        for one in state.filters:
            for entry in one.entries:
                if one.direction is Direction.TO and _has_port_range(entry.match):
                    message = f"{one.name}: AlaxalA has no port ranges in filters on what it sends: {entry}"
                    raise ValueError(message)
        return text

    def parse(self, text: str, source: str) -> Observation:
        """Understand a running configuration; what is ours in it is told in `dialect.switch`.

        Raises:
            ConfigRefused: see `controller.platforms.base.Platform`.
        """
        seen = super().parse(text, source)
        lines, _ = read_blocks(text, SWITCH.layout)
        return replace(seen, unfiltered=find_unfiltered(text, lines))

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """Return the ordered steps; see `dialect.steps` for the order.

        Raises:
            ValueError: the switch cannot hold the wanted state.
        """
        self.render(wanted)
        return plan_steps(now, wanted, _changes, _write)


def _has_port_range(match: Match) -> bool:
    ported = match.protocol in {Protocol.TCP, Protocol.UDP}
    return ported and any(ports != ANY_PORTS and ports[0] != ports[1] for ports in _ports(match))


def _ports(match: Match) -> tuple[tuple[int, int], tuple[int, int]]:
    return match.source_ports, match.destination_ports


def _write(lines: Sequence[str]) -> tuple[Command, ...]:
    return tuple(map(Command, (ENTER, *lines, *LEAVING)))


def _changes(now: DeviceState, wanted: DeviceState) -> Iterator[Change]:
    """Yield every kind of change in its order; a `no` only for what stands, since the switch refuses any other."""
    before = {port.name: port for port in now.ports}
    for title, lines, state in change_switch(SWITCH, now, wanted):
        if title == "set ports":
            gone = sorted(before.keys() - {port.name for port in wanted.ports})
            own = [line for port in wanted.ports for line in _set_port(before.get(port.name), port)]
            own += [line for name in gone for line in (f"interface {name}", "no description")]
            yield title, own, state
        else:
            yield title, lines, state


def _set_port(old: PortState | None, port: PortState) -> Iterator[str]:
    """Yield VLANs before the mode, so that the port never carries the default ones."""
    if old == port:
        return
    yield f"interface {port.name}"
    yield f"description {SWITCH.quote(PORT_MARK)}"
    if port.mode is PortMode.ACCESS:
        yield f"switchport access vlan {port.vlans[0]}"
    else:
        yield from write_allowed_vlans(port.vlans)
    yield f"switchport mode {port.mode}"
    if old is not None and old.mode is not port.mode:
        if old.mode is PortMode.TRUNK:
            yield "no switchport trunk allowed vlan"
        elif old.vlans != (1,):
            yield "no switchport access vlan"

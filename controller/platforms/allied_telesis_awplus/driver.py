"""AlliedWare Plus (Allied Telesis x-series): what a configuration says, what ours would be, and the commands.

What of a configuration is ours, and where filters stand, is told in `text`. Each step is
complete by itself: it begins with `configure terminal` and ends with `end`.

The order keeps every state between inside what the old or the new one permits, also after each single command. New
VLANs come first; then new access lists, in force nowhere. Then ports that face hosts leave VLANs, with their old lists
on them; ports that stay get their lists: the new list after the old one, whose last entry covers everything, so that
the removal of the old one puts the new one in force at once. Only then do ports enter VLANs, each with its lists
already on it, and the way to the gateway that is left goes last of all: make before break. A port never has a new list
of a VLAN that it is about to leave. At last what is no longer needed goes. A list is never edited: see
`controller.platforms.common.replacement_names`.

A port that leaves our care is left as a trunk without VLANs: with its VLANs and without its lists it would be open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from controller.model.network.device_state import (
    Attachment,
    Capabilities,
    DeviceState,
)
from controller.platforms.allied_telesis_awplus.acl import ACCESS_LISTS, MAXIMUM_ENTRIES
from controller.platforms.allied_telesis_awplus.mac_table import MAC_TABLE
from controller.platforms.allied_telesis_awplus.operation import AwplusOperation
from controller.platforms.allied_telesis_awplus.parse import parse
from controller.platforms.allied_telesis_awplus.port_steps import change_ports, keep_in_force
from controller.platforms.allied_telesis_awplus.text import LAGS, TEXT_FORM, render
from controller.platforms.base import Observation, Step
from controller.platforms.common.cli_reading import CliReading
from controller.platforms.common.device_operation import OperationContext
from controller.platforms.common.lag_changes import hold_back_carrying
from controller.platforms.common.mac_table import MacTableReading
from controller.platforms.common.managed import refuse_unsupported
from controller.platforms.dialect.steps import (
    Change,
    add_new,
    find_kept_bindings,
    plan_steps,
    remove_unneeded,
    write_filters,
)

MAXIMUM_DEVICE_ENTRIES = 2048
"""A bound of this project, not of a data sheet: the references only say that the room for entries is limited."""


class AlliedTelesisAwplus(CliReading, MacTableReading):
    """The platform `allied_telesis_awplus`; see `controller.platforms.base.Platform` for what each member promises."""

    name = "allied_telesis_awplus"
    device_type = "allied_telesis_awplus"
    text_form = TEXT_FORM
    mac_table = MAC_TABLE
    capabilities = Capabilities(
        attachment=Attachment.PORT,
        vlan_database=True,
        reads_port_roles=True,
        maximum_entries=MAXIMUM_ENTRIES,
        over_ssh=True,
        restores_itself=False,
        established=False,
        maximum_device_entries=MAXIMUM_DEVICE_ENTRIES,
        lags=LAGS.support,
    )

    def begin_operation(self, context: OperationContext) -> AwplusOperation:
        """Return the operation of one switch."""
        return AwplusOperation(self, context)

    def render(self, state: DeviceState) -> str:
        """Return our part of `show running-config`."""
        refuse_unsupported(state, self.capabilities, ACCESS_LISTS.title)
        return render(state)

    def parse(self, text: str, source: str) -> Observation:
        """Understand a running configuration; what is ours in it is told in `text`."""
        return parse(text, source)

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """Return the ordered steps; see the module for the order.

        Raises:
            ValueError: AlliedWare Plus cannot hold the wanted state.
        """
        self.render(wanted)
        return plan_steps(now, wanted, _changes)


def _changes(now: DeviceState, wanted: DeviceState) -> Iterator[Change]:
    """Yield every kind of change in its order, also those with nothing to do."""
    together, vlans, filters = add_new(now, wanted)
    lines = [f"vlan {one.number} name {one.name}" for one in vlans]
    yield "make VLANs", ["vlan database", *lines], replace(now, vlans=together.vlans)

    state = together
    yield "make access lists", write_filters(ACCESS_LISTS, filters), state

    # One step for lists and ports: in a state between them, a port would have the new list of a VLAN that it leaves.
    both = [*wanted.bindings, *find_kept_bindings(now, wanted)]
    begun = hold_back_carrying(now, wanted)
    title = "bind access lists" if (now.ports, now.lags) == (begun.ports, begun.lags) else "set ports"
    for name, goal in ((title, begun), ("put ports into LAGs", wanted)):
        held = DeviceState(ports=goal.ports, lags=goal.lags)
        changed = replace(state, ports=goal.ports, lags=goal.lags, bindings=keep_in_force(held, both))
        yield name, change_ports(state, changed), changed
        state = changed

    changed = replace(state, bindings=wanted.bindings)
    yield "unbind access lists", change_ports(state, changed), changed
    state = changed

    yield from remove_unneeded(ACCESS_LISTS, state, wanted, "vlan database")

"""AlliedWare Plus (Allied Telesis x-series), as text: what a configuration says, what ours would be, and the commands.

What of a configuration is ours, and where filters stand, is told in `text`. Each step is
complete by itself: it begins with `configure terminal` and ends with `end`.

The order keeps every state between inside what the old or the new one permits. New VLANs come first; then new access
lists, in force nowhere; then they are attached to the ports that are in service: the new list after the old one, whose
last entry covers everything, so that the removal of the old one puts the new one in force at once. Only then do ports
enter VLANs, each with its lists already on it; a port leaves a VLAN before its list goes. At last what is no longer
needed goes. A list is never edited: see `controller.platforms.common.replacement_names`.

A port that leaves our care is left as a trunk without VLANs: with its VLANs and without its lists it would be open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from controller.model.network.device_state import (
    Attachment,
    Capabilities,
    DeviceState,
    FilterBinding,
    PortMode,
    PortState,
)
from controller.platforms.allied_telesis_awplus.acl import ACCESS_LISTS, MAXIMUM_ENTRIES
from controller.platforms.allied_telesis_awplus.parse import parse
from controller.platforms.allied_telesis_awplus.text import (
    MARKS,
    find_misfits,
    list_attached,
    render,
    write_attachment,
)
from controller.platforms.base import Observation, Step
from controller.platforms.common.cli_reading import CliReading
from controller.platforms.common.managed import refuse_unsupported, write_vlan_list
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


class AlliedTelesisAwplus(CliReading):
    """The platform `allied_telesis_awplus`; see `controller.platforms.base.Platform` for what each member promises."""

    name = "allied_telesis_awplus"
    device_type = "allied_telesis_awplus"
    capabilities = Capabilities(
        attachment=Attachment.PORT,
        vlan_database=True,
        reads_port_roles=True,
        maximum_entries=MAXIMUM_ENTRIES,
        over_ssh=False,
        established=False,
        maximum_device_entries=MAXIMUM_DEVICE_ENTRIES,
    )

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

    kept = find_kept_bindings(now, wanted)
    bindings = _keep_in_force(now.ports, [*wanted.bindings, *kept])
    yield "bind access lists", *_attach(state, now.ports, bindings)
    state = replace(state, bindings=bindings)

    bindings = _keep_in_force(wanted.ports, [*wanted.bindings, *kept])
    yield "set ports", *_attach(state, wanted.ports, bindings)
    state = replace(state, ports=wanted.ports, bindings=bindings)

    yield "unbind access lists", *_attach(state, wanted.ports, wanted.bindings)
    state = replace(state, bindings=wanted.bindings)

    yield from remove_unneeded(ACCESS_LISTS, state, wanted, "vlan database")


def _keep_in_force(ports: Iterable[PortState], bindings: Iterable[FilterBinding]) -> tuple[FilterBinding, ...]:
    """Return the bindings that these ports can hold: a filter stands on a port, or nowhere."""
    ports = tuple(ports)
    return tuple(sorted(one for one in bindings if not any(find_misfits(DeviceState(ports=ports, bindings=(one,))))))


def _attach(
    state: DeviceState, ports: tuple[PortState, ...], bindings: tuple[FilterBinding, ...]
) -> tuple[list[str], DeviceState]:
    """Return the lines that give ports their VLANs and lists, and the state that they lead to."""
    before = {port.name: port for port in state.ports}
    after = {port.name: port for port in ports}
    lines: list[str] = []
    for name in sorted(before.keys() | after.keys()):
        here = list(_change_port(before.get(name), after.get(name), state.bindings, bindings))
        lines += [f"interface {name}", *here] if here else []
    return lines, replace(state, ports=ports, bindings=bindings)


def _change_port(
    old: PortState | None, new: PortState | None, now: tuple[FilterBinding, ...], wanted: tuple[FilterBinding, ...]
) -> Iterator[str]:
    """Yield the lines of a port: new lists before the VLANs, old lists after them."""
    stand = [write_attachment(one) for one in list_attached(old, now)] if old else []
    needed = [write_attachment(one) for one in list_attached(new, wanted)] if new else []
    if new is not None and (old is None or old.role is not new.role):
        yield f"description {MARKS[new.role]}"
    yield from (line for line in needed if line not in stand)
    if new is None:
        yield from ("switchport mode trunk", "switchport trunk native vlan none", "switchport trunk allowed vlan none")
    elif old is None or (old.mode, old.vlans) != (new.mode, new.vlans):
        yield from _change_vlans(old, new)
    yield from (f"no {line}" for line in stand if line not in needed)
    if new is None:
        yield "no description"


def _change_vlans(old: PortState | None, new: PortState) -> Iterator[str]:
    if new.mode is PortMode.ACCESS:
        if old is None or old.mode is not new.mode:
            yield "switchport mode access"
        yield f"switchport access vlan {new.vlans[0]}"
        return
    if old is None or old.mode is not new.mode:
        yield from ("switchport mode trunk", "switchport trunk native vlan none", "switchport trunk allowed vlan none")
        yield f"switchport trunk allowed vlan add {write_vlan_list(new.vlans)}"
        return
    lost, gained = set(old.vlans) - set(new.vlans), set(new.vlans) - set(old.vlans)
    if lost:
        yield f"switchport trunk allowed vlan remove {write_vlan_list(lost)}"
    if gained:
        yield f"switchport trunk allowed vlan add {write_vlan_list(gained)}"

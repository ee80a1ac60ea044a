"""Open vSwitch: ports by `ovs-vsctl`, filters as OpenFlow flows changed in atomic bundles, operation over SSH.

What runs on the switch for itself (lock, armed restore, boot file) is `switch.sh`, see
`platforms.common.own_restore`; nothing has to be installed there but Open vSwitch, a POSIX shell and util-linux.

A bundle changes all flows at once, but ports are not in it, and between the two an old filter could meet a new VLAN.
So that no moment permits what neither state permits, and nothing is cut that both permit:

1. a port that changes its VLAN is first taken out of service by a bundle (what arrives on it is dropped);
2. a trunk that loses VLANs loses them before its flows do;
3. ports that are out of service get their VLANs, then one bundle puts all wanted flows in force;
4. a trunk that gains VLANs gains them when their filters stand.

Steps that have nothing to do are left out: a changed filter is one bundle. Each of the steps is one command, but the
third, whose parts before the last leave the state as it was.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace

from controller.model.network.device_state import Attachment, Capabilities, DeviceState, PortMode, PortState
from controller.platforms.base import EXEC, Command, Observation, Session, Step
from controller.platforms.common.mac_table import LearntAddress
from controller.platforms.common.managed import refuse_unsupported
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.ovs.filters import MAXIMUM_ENTRIES
from controller.platforms.ovs.flows import OURS, OURS_MASK, PORTS, Flow, write_in_port
from controller.platforms.ovs.mac_table import parse_learnt_table
from controller.platforms.ovs.text import BRIDGE, parse, render, write_state_flows

_TITLE = "Open vSwitch"
_BUNDLE = f"ovs-ofctl -t 30 -O OpenFlow14 --bundle add-flows {BRIDGE} -"
_OURS = f"cookie={OURS:#x}/{OURS_MASK:#x}"


class OpenVSwitch(OwnRestore):
    """The platform `ovs`; see `controller.platforms.base.Operable` for what each member promises."""

    name = "ovs"
    agent = "ovs_switch"
    script = "switch.sh"
    home = "TSUNAGU_SWITCH"
    device_type = EXEC
    capabilities = Capabilities(
        attachment=Attachment.PORT,
        vlan_database=False,
        reads_port_roles=True,
        maximum_entries=MAXIMUM_ENTRIES,
        over_ssh=True,
        passes_unfiltered=False,
    )

    def render(self, state: DeviceState) -> str:
        """The running text of a switch with this state and nothing else."""
        refuse_unsupported(state, self.capabilities, _TITLE)
        return render(state)

    def parse(self, text: str, source: str) -> Observation:
        """Understand a running text; what stands in it is told in `controller.platforms.ovs.text`."""
        return parse(text, source)

    def read_learnt_addresses(self, session: Session) -> tuple[LearntAddress, ...]:
        """Return the hosts that the switch has learnt.

        Raises:
            CommandFailed: see `controller.platforms.common.mac_table.ReadsLearntAddresses`.
        """
        return parse_learnt_table(self._run_known(session, "learnt").reveal(), session.device)

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """The ordered steps; see the module for the order.

        Raises:
            ValueError: an Open vSwitch cannot hold the wanted state.
        """
        refuse_unsupported(wanted, self.capabilities, _TITLE)
        flows = write_state_flows(wanted)
        return tuple(_steps(now, wanted, flows)) if now != wanted else ()


def _steps(now: DeviceState, wanted: DeviceState, flows: Iterable[Flow]) -> Iterator[Step]:
    before = {port.name: port for port in now.ports}
    after = {port.name: port for port in wanted.ports}
    moved = [port for port in now.ports if port.name in after and not _common(port, after[port.name])]
    fresh = [port for port in wanted.ports if port.name not in before or before[port.name] in moved]
    if moved:
        now = replace(now, ports=tuple(port for port in now.ports if port not in moved))
        yield Step(f"close {_listed(moved)}, to be moved", (_bundle(_closed(moved)),), now)
    narrowed = tuple(replace(port, vlans=_common(port, after.get(port.name, port))) for port in now.ports)
    if narrowed != now.ports:
        fewer = [port for port in narrowed if port not in now.ports]
        now = replace(now, ports=narrowed)
        yield Step(f"take VLANs from {_listed(fewer)}", (_set(fewer),), now)
    # A port that somebody changed by hand is no part of the state, yet flows may still pass what arrives on it.
    prepared = (_bundle(_closed(fresh)), _set(fresh)) if fresh else ()
    replaced = _bundle((f"delete {_OURS}", *(f"add {str(flow).strip()}" for flow in flows)))
    active = tuple(
        port if port in fresh else replace(port, vlans=_common(before[port.name], port)) for port in wanted.ports
    )
    title = f"{f'set {_listed(fresh)}, then ' if fresh else ''}put all flows in force at once"
    yield Step(title, (*prepared, replaced), replace(wanted, ports=active))
    if active != wanted.ports:
        more = [port for port in wanted.ports if port not in active]
        yield Step(f"give VLANs to {_listed(more)}", (_set(more),), wanted)


def _common(now: PortState, wanted: PortState) -> tuple[int, ...]:
    """The VLANs that a port carries in the same way before and after; none: it has to be closed in between."""
    return tuple(vlan for vlan in wanted.vlans if now.mode is wanted.mode and vlan in now.vlans)


def _closed(ports: Iterable[PortState]) -> Iterator[str]:
    return (f"delete {_OURS},table={PORTS},{write_in_port(port.name)}" for port in ports)


def _bundle(lines: Iterable[str]) -> Command:
    return Command(_BUNDLE, "".join(f"{line}\n" for line in lines))


def _set(ports: Iterable[PortState]) -> Command:
    """One transaction; it fails as a whole when one of the ports is not there."""
    words = ["ovs-vsctl", "-t", "10"]
    for port in ports:
        tag, trunks = ([*port.vlans], []) if port.mode is PortMode.ACCESS else ([], [*port.vlans])
        columns = (f"tag={tag}", f"vlan_mode={port.mode}", f"trunks={trunks}")
        words += ["--", "set", "Port", port.name, *(column.replace(" ", "") for column in columns)]
    return Command(shlex.join(words))


def _listed(ports: Iterable[PortState]) -> str:
    return ", ".join(port.name for port in ports)

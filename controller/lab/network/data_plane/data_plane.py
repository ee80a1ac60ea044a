"""Carrying out a `Forwarding` in the namespace of a virtual switch, change by change."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping

from controller.lab.network import kernel_settings
from controller.lab.network.data_plane.bridges import NOWHERE, Bridges, plan_bridge_change, plan_bridges
from controller.lab.network.data_plane.learnt_hosts import find_learnt_hosts
from controller.lab.network.data_plane.packet_filters import (
    Chains,
    render_chains,
    render_empty_tables,
    render_transaction,
)
from controller.lab.network.data_plane.port_wires import PortWire, choose_wires
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.virtual_switches.forwarding import Forwarding, LearntHost

_SETTINGS = {
    # When the first address of an interface goes, the next one takes its place, as on a switch.
    "net/ipv4/conf/all/promote_secondaries": "1",
    "net/ipv4/conf/default/promote_secondaries": "1",
}


class DataPlane:
    """The packets of one virtual switch; what it does changes only by `carry_out`."""

    def __init__(self, namespace: str, wires: Iterable[PortWire]) -> None:
        self._namespace = namespace
        self._wires = tuple(wires)
        self._key = zlib.crc32(namespace.encode()) & 0xFFFF
        self._bridges = Bridges()
        self._chains: Chains = {}

    def start(self) -> None:
        """Let nothing through, as a switch without power; what an earlier run left is removed.

        Raises:
            LabError: a program of the machine refused; with its words.
        """
        said = run_program(("ip", "-n", self._namespace, "-j", "link", "show", "type", "bridge"))
        left = [str(one["ifname"]) for one in json.loads(said or "[]")]
        self._batch([f"link del dev {name}" for name in left])
        self._change_filters(render_empty_tables())
        kernel_settings.apply_namespace_settings(self._namespace, {**_SETTINGS, "net/ipv4/ip_forward": "0"})
        kernel_settings.apply_namespace_settings(self._namespace, {"net/ipv6/conf/all/forwarding": "0"})
        self._batch([f"link add name {NOWHERE} type bridge stp_state 0 mcast_snooping 0"])
        self._bridges, self._chains = Bridges(), {}
        self.carry_out(Forwarding())

    def carry_out(self, forwarding: Forwarding) -> None:
        """Let packets pass as this says and no other way; a change of lists is one transaction.

        Where ways change too, those that go do so before the lists change, and new ones come after it.

        Raises:
            LabError: a rule that the kernel cannot carry out, or a program of the machine refused.
        """
        wires = choose_wires(self._wires, forwarding)
        chains = render_chains(wires, forwarding)
        bridges = plan_bridges(wires, forwarding)
        change = plan_bridge_change(self._bridges, bridges, self._key)
        self._batch(change.before)
        self._write_settings(change.closing)
        self._change_filters(render_transaction(self._chains, chains))
        self._write_settings(change.settings)
        self._batch(change.after)
        self._bridges, self._chains = bridges, chains

    def list_learnt(self) -> tuple[LearntHost, ...]:
        """Return the hosts that the kernel's bridges have learnt, each at its port and in its VLAN.

        Raises:
            LabError: a program of the machine refused.
        """
        said = run_program(("bridge", "-n", self._namespace, "-j", "fdb", "show"))
        return tuple(find_learnt_hosts(said, self._wires, self._bridges))

    def _batch(self, words: Iterable[str]) -> None:
        text = "".join(f"{line}\n" for line in words)
        if text:
            run_program(("ip", "-n", self._namespace, "-batch", "-"), text=text)

    def _write_settings(self, settings: Mapping[str, str]) -> None:
        if settings:
            kernel_settings.apply_namespace_settings(self._namespace, settings)

    def _change_filters(self, text: str) -> None:
        if text:
            run_program(("nft", "-f", "-"), text=text, around=ProgramContext(self._namespace))

"""What the filters of a switch have denied so far, and switching them off for a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from controller.lab.network.data_plane import filter_counters
from controller.lab.network.data_plane.packet_filters import name_chain
from controller.lab.network.ovs_switches import BRIDGE, SWITCH, run_ovs_ofctl
from controller.lab.network.programs import ProgramContext, run_program
from controller.lab.state import paths
from controller.lab.state.layout import SchoolLayout
from controller.model.network.packets import Direction, Family
from controller.platforms.ovs.flows import DROP, FlowKind, parse_cookie, parse_flow

Lane = tuple[str, int, Family]
"""A filter that hosts send through: school, VLAN, family."""

_COOKIE = 0x6C61_6200_0000_0001
_OPEN_SECONDS = 30
"""The switch itself takes the open flow away after so long, should the lab be killed meanwhile."""
_PACKETS = "n_packets="


def count_denied_packets(dump: str) -> Counter[tuple[int, Direction, Family]]:
    """Packets that each filter's deny entries have dropped, from the text of `ovs-ofctl --names dump-flows`."""
    counts: Counter[tuple[int, Direction, Family]] = Counter()
    for line in dump.splitlines():
        if " actions=" not in line:
            continue  # the head of the answer
        flow = parse_flow(line)
        if not flow.ours or flow.actions != DROP:
            continue
        cookie = parse_cookie(flow.cookie)
        if cookie.kind is FlowKind.FILTER and cookie.direction is not None and cookie.family is not None:
            packets = next((word for word in flow.extra if word.startswith(_PACKETS)), f"{_PACKETS}0")
            counts[cookie.vlan, cookie.direction, cookie.family] += int(packets.removeprefix(_PACKETS))
    return counts


class FilteringSwitches:
    """The switches of some schools, asked and changed all at once, past SSH and every filter."""

    def __init__(self, schools: Iterable[SchoolLayout], state: Path, pool: ThreadPoolExecutor) -> None:
        self._schools = tuple(schools)
        self._state = state
        self._pool = pool

    def denied(self) -> Counter[Lane]:
        """What has been denied of what hosts sent; the switch counts a packet up to half a second late.

        Raises:
            LabError: a switch does not answer.
        """
        found: Counter[Lane] = Counter()
        for counted in self._pool.map(self._count, self._schools):
            found += counted
        return found

    def settle(self) -> None:
        """Wait until every packet of the past is in the counters.

        Raises:
            LabError: a switch does not answer.
        """
        list(self._pool.map(self._settle, self._schools))

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let everything through for the length of a `with` block; the filters stay as they are below.

        Raises:
            LabError: a switch does not answer.
        """
        try:
            list(self._pool.map(self._open, self._schools))
            yield
        finally:
            self.close()

    def close(self) -> None:
        """Take the open flow away, also one that a killed run left.

        Raises:
            LabError: a switch does not answer.
        """
        list(self._pool.map(self._close, self._schools))

    def _count(self, school: SchoolLayout) -> Counter[Lane]:
        found: Counter[Lane] = Counter()
        if school.is_virtual:
            vlans = map_chains_to_vlans(school)
            for (chain, version), packets in filter_counters.count_denied_packets(school.switch).items():
                if chain in vlans:
                    found[school.id, vlans[chain], Family(version)] += packets
            return found
        dump = run_ovs_ofctl(school, self._state, "--names", "dump-flows", BRIDGE)
        for (vlan, direction, family), packets in count_denied_packets(dump).items():
            if direction is Direction.FROM:
                found[school.id, vlan, family] += packets
        return found

    def _open(self, school: SchoolLayout) -> None:
        if school.is_virtual:
            for name in (school.switch, school.router):
                filter_counters.suspend_filters(name, _OPEN_SECONDS)
            return
        flow = f"cookie={_COOKIE:#x},table=0,priority=65535,hard_timeout={_OPEN_SECONDS},actions=NORMAL"
        run_ovs_ofctl(school, self._state, "add-flow", BRIDGE, flow)

    def _close(self, school: SchoolLayout) -> None:
        if school.is_virtual:
            for name in (school.switch, school.router):
                filter_counters.resume_filters(name)
            return
        run_ovs_ofctl(school, self._state, "del-flows", BRIDGE, f"cookie={_COOKIE:#x}/-1")

    def _settle(self, school: SchoolLayout) -> None:
        if school.is_virtual:
            return  # the kernel counts at once
        control = paths.SwitchFiles(self._state, school.id).runtime / f"{SWITCH}.ctl"
        run_program(
            ("ovs-appctl", "-T", "10", "-t", str(control), "revalidator/wait"), around=ProgramContext(school.switch)
        )


def map_chains_to_vlans(school: SchoolLayout) -> dict[str, int]:
    """Return the chains of a virtual switch that see what hosts send, each with its hosts' VLAN."""
    vlans = {port.name: port.vlan for port in school.ports}
    at_ports = {wire.interface: vlans[wire.port] for wire in school.wires if wire.port in vlans}
    return {**at_ports, **{name_chain("in", vlan): vlan for vlan in vlans.values()}}

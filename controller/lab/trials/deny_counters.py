"""What the filters of a switch have denied so far, and switching them off for a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

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
        for school, dump in zip(self._schools, self._each("--names", "dump-flows", BRIDGE), strict=True):
            for (vlan, direction, family), packets in count_denied_packets(dump).items():
                if direction is Direction.FROM:
                    found[school.id, vlan, family] += packets
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
            flow = f"cookie={_COOKIE:#x},table=0,priority=65535,hard_timeout={_OPEN_SECONDS},actions=NORMAL"
            self._each("add-flow", BRIDGE, flow)
            yield
        finally:
            self.close()

    def close(self) -> None:
        """Take the open flow away, also one that a killed run left.

        Raises:
            LabError: a switch does not answer.
        """
        self._each("del-flows", BRIDGE, f"cookie={_COOKIE:#x}/-1")

    def _each(self, *words: str) -> list[str]:
        return list(self._pool.map(lambda school: run_ovs_ofctl(school, self._state, *words), self._schools))

    def _settle(self, school: SchoolLayout) -> None:
        control = paths.SwitchFiles(self._state, school.id).runtime / f"{SWITCH}.ctl"
        run_program(
            ("ovs-appctl", "-T", "10", "-t", str(control), "revalidator/wait"), around=ProgramContext(school.switch)
        )

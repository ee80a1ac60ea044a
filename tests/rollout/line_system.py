"""A system whose configuration is a set of `vlan NUMBER NAME` lines; what is known of it is all here.

It is operated like every system with a POSIX shell, so a device in memory understands it.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.model.network.device_state import Attachment, Capabilities, DeviceState, Vlan, build_device_state
from controller.platforms.base import Command, ConfigLine, Observation, Step
from controller.platforms.common.own_restore import OwnRestore


class LineSystem(OwnRestore):
    """Operable, and of nobody's registry."""

    name = "lines"
    agent = "line_system"
    home = "LINE_SYSTEM"
    device_type = "linux"
    capabilities = Capabilities(
        attachment=Attachment.PORT, vlan_database=True, reads_port_roles=False, maximum_entries=0, over_ssh=True
    )

    def build_program(self) -> str:
        """The device has its part already."""
        return ""

    def render(self, state: DeviceState) -> str:
        return "".join(sorted(f"vlan {vlan.number} {vlan.name}\n" for vlan in state.vlans))

    def parse(self, text: str, source: str) -> Observation:
        del source
        lines = text.splitlines()
        ours = [line.split() for line in lines if line.startswith("vlan ")]
        foreign = tuple(
            ConfigLine(number, line) for number, line in enumerate(lines, 1) if not line.startswith("vlan ")
        )
        state = build_device_state(vlans=(Vlan(int(number), name) for _, number, name in ours))
        return Observation(state, foreign, len(ours), len(lines))

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """New lines first, all in one command; then the old ones go, one by one."""
        new = [vlan for vlan in wanted.vlans if vlan not in now.vlans]
        old = [vlan for vlan in now.vlans if vlan not in wanted.vlans]
        steps = []
        state = now
        if new:
            state = build_device_state(vlans=(*state.vlans, *new))
            lines = "".join(f"vlan {vlan.number} {vlan.name}\n" for vlan in new)
            steps.append(Step("add VLANs", (Command("configure", lines),), state))
        for vlan in old:
            state = build_device_state(vlans=(one for one in state.vlans if one != vlan))
            command = Command("configure", f"no vlan {vlan.number} {vlan.name}\n")
            steps.append(Step(f"remove VLAN {vlan.number}", (command,), state))
        return tuple(steps)


LINES = LineSystem()


@dataclass(frozen=True)
class Ends:
    """The text before a plan, and the one that it leads to."""

    old: str
    wanted: str


def read_ends(ends: Ends) -> tuple[DeviceState, DeviceState]:
    """The states that two texts hold."""
    return LINES.parse(ends.old, "").state, LINES.parse(ends.wanted, "").state


def list_known_states(ends: Ends) -> frozenset[str]:
    """The digests of the states that lead from one text to the other."""
    old, wanted = read_ends(ends)
    states = (old, wanted, *(step.result for step in LINES.plan_steps(old, wanted)))
    return frozenset(state.compute_digest() for state in states)


def derive_lines(ends: Ends, seen: Observation) -> tuple[Step, ...]:
    """The steps from what was seen to the text that is wanted."""
    return LINES.plan_steps(seen.state, read_ends(ends)[1])

"""Link aggregation groups (LAGs): several ports of a switch that are one port to everything else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

LARGEST_LAG = 8
"""Ports that a LAG may have (Cisco: 'up to eight compatibly configured Ethernet ports', Catalyst 2960-CX guide)."""


NO_LAG = ""
"""The name under which a state holds ports that bear the mark of a member and are in no LAG: a change broke off."""


class LagMode(StrEnum):
    """How the two ends of a LAG agree: by LACP (IEEE 802.1AX), or not at all."""

    LACP = "lacp"
    STATIC = "static"


@dataclass(frozen=True, slots=True, order=True)
class Lag:
    """The ports that one port of a device state stands for: `name` is the name of that port.

    `members` ascend by name. `idle` are those that are in the group and pass nothing: they carry other VLANs than the
    port, or are shut down. A wanted LAG has none. Under the name `NO_LAG` stand marked ports that are in no LAG, idle.
    """

    name: str
    mode: LagMode
    members: tuple[str, ...]
    idle: tuple[str, ...] = ()

    @property
    def held(self) -> tuple[str, ...]:
        """All ports that are in the group."""
        return (*self.members, *self.idle)


@dataclass(frozen=True, slots=True)
class LagSupport:
    """What a platform can do with LAGs.

    `lacp` and `static` name the port that a LAG of the mode is, with `{n}` for its number; `highest_lacp` and
    `highest_static` are the highest numbers.
    """

    lacp: str
    static: str
    highest_lacp: int
    highest_static: int

    def find_highest(self, mode: LagMode) -> int:
        """Return the highest number of a LAG of a mode."""
        return self.highest_lacp if mode is LagMode.LACP else self.highest_static

    def name(self, mode: LagMode, number: int) -> str:
        """Return the name of the port that a LAG is.

        >>> LagSupport("po{n}", "sa{n}", 32, 96).name(LagMode.STATIC, 2)
        'sa2'
        """
        return (self.lacp if mode is LagMode.LACP else self.static).format(n=number)

    def find_number(self, name: str, mode: LagMode) -> int | None:
        """Return the number of the LAG of a mode that has this name; None if none can.

        >>> LagSupport("po{n}", "sa{n}", 32, 96).find_number("po33", LagMode.LACP) is None
        True
        """
        head = self.name(mode, 0).removesuffix("0")
        digits = name.removeprefix(head)
        if digits == name or not re.fullmatch(r"[1-9][0-9]{0,3}", digits):
            return None
        return int(digits) if int(digits) <= self.find_highest(mode) else None

    def is_lag_name(self, name: str) -> bool:
        """Say if a port of this name is a LAG, of whatever number."""
        return any(re.fullmatch(re.escape(self.name(mode, 0)[:-1]) + r"[0-9]+", name) is not None for mode in LagMode)

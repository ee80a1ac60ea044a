"""What a text says of VLANs outside of its blocks: a table, and why it may say nothing."""

from __future__ import annotations

from dataclasses import dataclass

from controller.platforms.base import ConfigLine


@dataclass(frozen=True, slots=True)
class VlanRow:
    """A VLAN in a table of the device; `state` is `active` where it forwards."""

    line: ConfigLine
    number: int
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class VlanTable:
    """The rows of a table.

    `gap` is the line of a text that says nothing of its VLANs (None: it says them), `client` the line by which the
    device takes its VLANs from another one, `understood` are lines that can hold no secret.
    """

    rows: tuple[VlanRow, ...] = ()
    gap: ConfigLine | None = None
    client: ConfigLine | None = None
    understood: tuple[ConfigLine, ...] = ()

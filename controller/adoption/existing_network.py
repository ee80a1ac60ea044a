"""What a running configuration holds that is not ours, as data: VLANs, ports, interfaces in VLANs, access lists."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.model.network.device_state import Entry, Filter
from controller.model.network.packets import Direction, Effect, Family, Match
from controller.platforms.base import ConfigLine

UNMATCHED = "what no entry matches"
"""The origin of the entry that stands for what the system does where no entry matches."""


@dataclass(frozen=True, slots=True)
class ExistingVlan:
    """A VLAN by its number; `name` is empty where it has none."""

    number: int
    name: str
    line: ConfigLine


@dataclass(frozen=True, slots=True)
class AttachedList:
    """A line that puts a list in force for what comes in or goes out; `direction` as the VLAN's hosts see it."""

    name: str
    family: Family
    direction: Direction
    line: ConfigLine


@dataclass(frozen=True, slots=True)
class ExistingPort:
    """A switch port. `vlans` are those that it carries, () where that cannot be told; `native` is untagged on a trunk.

    `own_lines` are all its lines, for what somebody may have to be asked about.
    """

    name: str
    line: ConfigLine
    description: str = ""
    mode: str = ""
    vlans: tuple[int, ...] = ()
    native: int | None = None
    voice: int | None = None
    lists: tuple[AttachedList, ...] = ()
    own_lines: tuple[ConfigLine, ...] = ()


@dataclass(frozen=True, slots=True)
class ExistingInterface:
    """The switch's own interface in a VLAN; `addresses` with their lengths."""

    vlan: int
    line: ConfigLine
    description: str = ""
    addresses: tuple[str, ...] = ()
    lists: tuple[AttachedList, ...] = ()


@dataclass(frozen=True, slots=True)
class ExistingEntry:
    """An entry of a list as it is written. `entry` is None where a filter of ours cannot say it; `problem` says why.

    `vlan` is the VLAN that it is for, where it names one.
    """

    line: ConfigLine
    entry: Entry | None
    problem: str = ""
    vlan: int | None = None


@dataclass(frozen=True, slots=True)
class ExistingList:
    """An access list of others. `last` are the entries that the system adds by itself behind the written ones."""

    name: str
    family: Family
    line: ConfigLine
    entries: tuple[ExistingEntry, ...]
    last: tuple[Entry, ...]

    @property
    def problems(self) -> tuple[ExistingEntry, ...]:
        """The entries that a filter of ours cannot say."""
        return tuple(one for one in self.entries if one.entry is None)

    def build_filter(self, vlan: int, direction: Direction) -> Filter | None:
        """Return the list as a filter at a place; None where an entry cannot be said, so that nothing is judged."""
        if self.problems:
            return None
        written = tuple(one.entry for one in self.entries if one.entry is not None and one.vlan in (None, vlan))
        return Filter(self.name, vlan, direction, self.family, (*written, *self.last))


@dataclass(frozen=True, slots=True)
class ExistingNetwork:
    """All of it, of one device; `source` is where it was read."""

    device: str
    source: str
    vlans: dict[int, ExistingVlan] = field(default_factory=dict)
    ports: dict[str, ExistingPort] = field(default_factory=dict)
    interfaces: dict[int, ExistingInterface] = field(default_factory=dict)
    lists: dict[tuple[Family, str], ExistingList] = field(default_factory=dict)


def make_last_entry(effect: Effect, family: Family, what: str = UNMATCHED) -> Entry:
    """Return the entry for every packet of a family, as a system that says nothing more applies it.

    >>> str(make_last_entry(Effect.FORBID, Family.V4).match.source)
    '0.0.0.0/0'
    """
    return Entry(effect, Match(family, None, family.everything, family.everything), what)

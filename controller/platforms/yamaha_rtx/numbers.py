"""Which numbers of a Yamaha RTX are ours: its filters, keepalives and tunnels have numbers and no names.

The operators reserve a range of each kind; everything in it is ours. A filter's number says what it is for: its VLAN,
its direction, one of four generations, and the place of the entry in it. A filter that changes takes the numbers of
another generation, so that new entries never stand under numbers in use; which one follows from the filter's name.

Sources: Yamaha command reference ed. 12.01, 8.1.10 (`ip filter`: numbers to 21474836; IPv6 counts by itself, 30.7),
8.5.8 (`ip keepalive`: 1 to 100 on the smallest models), 8.1.25 (129 filters on an interface and direction).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from controller.model.network.packets import Direction
from controller.model.sites.contracted_lines import ACCESS_LINE_NAMES

LARGEST_FILTER = 21_474_836
MAXIMUM_ENTRIES = 128
GENERATIONS = 4
KEEPALIVES = 2
LARGEST_KEEPALIVE = 100
_DIRECTIONS = tuple(Direction)
_PER_DIRECTION = MAXIMUM_ENTRIES * GENERATIONS
_PER_VLAN = _PER_DIRECTION * len(_DIRECTIONS)
FILTERS = _PER_VLAN * 4096
_NAME = re.compile(r"TSN-([0-9]{1,4})-(from|to)-([46])-([0-9a-f]{8})(?:-mend([0-2]))?")


@dataclass(frozen=True, slots=True, order=True)
class FilterBlock:
    """The numbers of one generation of the filters of a VLAN and direction."""

    vlan: int
    direction: Direction
    generation: int


@dataclass(frozen=True, slots=True)
class ReservedNumbers:
    """The first number of each range that is ours.

    >>> DEFAULT_NUMBERS.list_numbers(FilterBlock(20, Direction.FROM, 0), 2)
    (16020606, 16020607)
    >>> DEFAULT_NUMBERS.find_block(16020607).generation
    0
    """

    filters: int = 16_000_000
    keepalives: int = 91
    tunnels: int = 11

    def __post_init__(self) -> None:
        """Refuse ranges that no router has."""
        last_filters, last_keepalives = LARGEST_FILTER - FILTERS, LARGEST_KEEPALIVE + 1 - KEEPALIVES
        if not 1 <= self.filters <= last_filters or not 1 <= self.keepalives <= last_keepalives or self.tunnels < 1:
            message = f"reserved numbers: filters from 1 to {last_filters}, keepalives from 1 to {last_keepalives}"
            raise ValueError(message)

    @property
    def mark(self) -> int:
        """The number of the filter that says the ranges are ours; it is in force nowhere."""
        return self.filters

    def holds_filter(self, number: int) -> bool:
        """Say if a filter of this number is ours."""
        return self.filters <= number < self.filters + FILTERS

    def holds_keepalive(self, number: int) -> bool:
        """Say if a keepalive of this number is ours."""
        return self.keepalives <= number < self.keepalives + KEEPALIVES

    def find_line(self, tunnel: int) -> str | None:
        """Return the line whose tunnel has this number; None if it is not ours."""
        place = tunnel - self.tunnels
        return ACCESS_LINE_NAMES[place] if 0 <= place < len(ACCESS_LINE_NAMES) else None

    def get_tunnel(self, line: str) -> int:
        """Return the number of a line's tunnel."""
        return self.tunnels + [str(name) for name in ACCESS_LINE_NAMES].index(line)

    def find_block(self, number: int) -> FilterBlock:
        """Return what a number of ours is for."""
        vlan, rest = divmod(number - self.filters, _PER_VLAN)
        side, rest = divmod(rest, _PER_DIRECTION)
        return FilterBlock(vlan, _DIRECTIONS[side], rest // MAXIMUM_ENTRIES)

    def list_numbers(self, block: FilterBlock, entries: int) -> tuple[int, ...]:
        """Return the numbers of a filter with so many entries: the last ones of its block.

        An entry more is put before the others, and one that goes is the first: what stands is always whole to its end.
        """
        side = _DIRECTIONS.index(block.direction)
        first = self.filters + block.vlan * _PER_VLAN + side * _PER_DIRECTION + block.generation * MAXIMUM_ENTRIES
        return tuple(range(first + MAXIMUM_ENTRIES - entries, first + MAXIMUM_ENTRIES))


DEFAULT_NUMBERS = ReservedNumbers()


def find_block_of_name(name: str) -> FilterBlock | None:
    """Return the block that a filter's name leads to; None if it is no name of a filter of ours.

    >>> find_block_of_name("TSN-20-from-4-00000001").generation
    1
    >>> find_block_of_name("TSN-20-from-4-00000001-mend0").generation
    2
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    moved = 0 if found[5] is None else int(found[5]) + 1
    return FilterBlock(int(found[1]), Direction(found[2]), (int(found[4], 16) + moved) % GENERATIONS)


def name_in_block(plain: str, block: FilterBlock) -> str:
    """Return the name of a filter that stands in a block, from the name that its entries give it.

    >>> name_in_block("TSN-20-from-4-00000001", FilterBlock(20, Direction.FROM, 3))
    'TSN-20-from-4-00000001-mend1'
    """
    own = find_block_of_name(plain)
    moved = (block.generation - (own.generation if own else 0)) % GENERATIONS
    return plain if moved == 0 else f"{plain}-mend{moved - 1}"

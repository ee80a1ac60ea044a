"""Brown-outs: lines that are alive and carry too little for some slots; a state machine with no clock and no probe.

A slot is one planned measurement. One slow figure is a busy minute; the same for several slots is a brown-out, which is
told once. It is over when the line carries clearly more for several slots: between the two bounds nothing changes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class LineSupply(StrEnum):
    """Whether a line that is alive carries what is expected of it."""

    FULL = "full"
    BROWN_OUT = "brown-out"


@dataclass(frozen=True, slots=True)
class BrownOutRule:
    """A brown-out begins after `slots` figures in a row below `enter` of what is expected.

    It ends after as many in a row of at least `leave` of it.
    """

    slots: int = 3
    enter: float = 0.5
    leave: float = 0.7

    def __post_init__(self) -> None:
        if self.slots < 1 or not 0 < self.enter < self.leave:
            message = f"slots must be 1 or more, and 0 < enter < leave: {self}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class SupplyChange(Generic[Key]):
    """A brown-out that began or ended; `shares` are the figures that showed it, as parts of what is expected."""

    key: Key
    supply: LineSupply
    shares: tuple[float, ...]


@dataclass
class BrownOutMachine(Generic[Key]):
    """Lines by any key; a slot without a figure counts neither way: a dead line has a state of its own.

    `supplies` and `shown` (the figures in a row that may turn a line) are all that it knows, so they may be kept.

    >>> machine = BrownOutMachine(BrownOutRule(slots=2))
    >>> [str(one.supply) for share in (0.4, None, 0.3, 0.6, 0.9, 0.8) for one in machine.apply_slot({"a": share})]
    ['brown-out', 'full']
    """

    rule: BrownOutRule = field(default_factory=BrownOutRule)
    supplies: dict[Key, LineSupply] = field(default_factory=dict)
    shown: dict[Key, list[float]] = field(default_factory=dict)

    def weigh_least(self, key: Key, share: float) -> float | None:
        """Return what a test counts that something beside the line held back: it can show a line good, never slow.

        >>> machine = BrownOutMachine(supplies={"a": LineSupply.BROWN_OUT})
        >>> [machine.weigh_least(key, share) for key, share in (("a", 0.6), ("a", 0.7), ("b", 0.4), ("b", 0.6))]
        [None, 0.7, None, 0.6]
        """
        is_full = self.supplies.get(key, LineSupply.FULL) is LineSupply.FULL
        return share if share >= (self.rule.enter if is_full else self.rule.leave) else None

    def apply_slot(self, shares: Mapping[Key, float | None]) -> Iterator[SupplyChange[Key]]:
        """Take in one slot: what each line carried as a part of what is expected; gives what changed by it."""
        for key, share in shares.items():
            if share is None:
                continue
            before = self.supplies.setdefault(key, LineSupply.FULL)
            turned = share < self.rule.enter if before is LineSupply.FULL else share >= self.rule.leave
            in_row = [*self.shown.get(key, []), share] if turned else []
            self.shown[key] = in_row
            if len(in_row) >= self.rule.slots:
                now = LineSupply.BROWN_OUT if before is LineSupply.FULL else LineSupply.FULL
                self.supplies[key], self.shown[key] = now, []
                yield SupplyChange(key, now, tuple(in_row))

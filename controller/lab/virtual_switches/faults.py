"""What goes wrong at a line that is entered: the faults of a device, of its other users and of the way to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens when a line is entered; without an argument nothing does.

    `happens` runs before the line is carried out: another user configures, the clock jumps, the device reboots, its
    flash is full. `noise` are log lines before the answer. `refused`: the line is not carried out, and the device says
    this instead. `dropped`: the session ends before or after the line is carried out. `silent`: the line is carried
    out, and nothing comes back. `piece`: bytes that leave at once, with a gap behind each.
    """

    happens: Callable[[], None] | None = None
    noise: tuple[str, ...] = ()
    refused: tuple[str, ...] | None = None
    dropped: Literal["before", "after"] | None = None
    silent: bool = False
    piece: int = 0


class Faults(Protocol):
    """Which fault happens at a line."""

    def find_fault(self, line: str) -> Fault | None:
        """Return what goes wrong at this line, the next of a device; None: nothing does."""


@dataclass
class NumberedFaults:
    """Faults by the number of the line, counted from 0 over all sessions of a device."""

    faults: Mapping[int, Fault]
    lines: list[str] = field(default_factory=list)

    def find_fault(self, line: str) -> Fault | None:
        """Return the fault of this line's number."""
        self.lines.append(line)
        return self.faults.get(len(self.lines) - 1)


@dataclass
class MatchingFaults:
    """A fault at a line that starts with these words, at its nth time from 0."""

    start: str
    fault: Fault
    nth: int = 0

    def find_fault(self, line: str) -> Fault | None:
        """Return the fault where the line is the one."""
        if not line.startswith(self.start):
            return None
        self.nth -= 1
        return self.fault if self.nth == -1 else None

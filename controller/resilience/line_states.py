"""From rounds of echoes to lines and regions that are up or down: a state machine with no clock and no sockets."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from controller.measure.assessment.assess import LineState
from controller.measure.measurement import LinePath
from controller.model.sites.contracted_lines import AccessLineName

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class StateChange(Generic[Key]):
    """What came up or went down."""

    key: Key
    state: LineState


@dataclass
class LineStateMachine(Generic[Key]):
    """Things that are down after so many rounds in a row without an answer, and up after one with.

    The first state that is found out is a change, too, unless it is what everybody expects: up.
    """

    down_after: int
    states: dict[Key, LineState] = field(default_factory=dict)
    _silent: dict[Key, int] = field(default_factory=dict)

    def apply_round(self, answered: Mapping[Key, bool]) -> Iterator[StateChange[Key]]:
        """Take in a round; gives what changed by it."""
        for what, answer in answered.items():
            before = self.states.get(what, LineState.UNKNOWN)
            self._silent[what] = 0 if answer else self._silent.get(what, 0) + 1
            believed = LineState.DOWN if self._silent[what] >= self.down_after else before
            now = LineState.UP if answer else believed
            self.states[what] = now
            if now is not before and (before, now) != (LineState.UNKNOWN, LineState.UP):
                yield StateChange(what, now)


SchoolLine = tuple[str, AccessLineName]
"""A school's id and the name of its line."""


def summarize_lines(answers: Mapping[LinePath, float | None]) -> dict[SchoolLine, bool]:
    """A line answers if any region does over it, in either family."""
    found: dict[SchoolLine, bool] = {}
    for path, took in answers.items():
        line = (path.school, path.line)
        found[line] = found.get(line, False) or took is not None
    return found


def summarize_regions(answers: Mapping[LinePath, float | None]) -> dict[str, bool]:
    """A region answers if any school hears it; of lines over which nobody answers a region is not to blame."""
    alive = {line for line, answered in summarize_lines(answers).items() if answered}
    found: dict[str, bool] = {}
    for path, took in answers.items():
        if (path.school, path.line) in alive:
            found[path.region] = found.get(path.region, False) or took is not None
    return found

"""From rounds of echoes to lines, regions and paths that are up or down: a state machine with no clock and no sockets.

A round gives each thing the fastest answer that came over it, in milliseconds, late answers too, or None: only where
nothing at all came has a round been silent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from controller.measure.assessment.assess import LineState

Key = TypeVar("Key", bound=Hashable)
_CALM_ROUNDS = 10
"""Rounds in a row that bring a slow line back to up, and, all silent, a flapping one to down at the earliest."""


@dataclass(frozen=True, slots=True)
class StateLimits:
    """When a thing is down (`down_after` silent rounds in a row), slow (as many slow ones), and flapping.

    >>> StateLimits(down_after=2, slow_ms=500, changes=6, within=60).down_after
    2
    """

    down_after: int
    slow_ms: float
    changes: int
    within: float


@dataclass(frozen=True, slots=True)
class StateChange(Generic[Key]):
    """What became of a thing. `changes` in `seconds` are those of a flapping one, as it begins and as it ends."""

    key: Key
    before: LineState
    state: LineState
    changes: int = 0
    seconds: float = 0.0


class _Change(NamedTuple):
    """When a thing changed, and how many silent rounds that ended."""

    at: float
    silent: int


@dataclass(slots=True)
class _Thing:
    """What is known of one thing. `state` is that of the last rounds; `shown` is what is told, flapping too."""

    state: LineState = LineState.UNKNOWN
    shown: LineState = LineState.UNKNOWN
    silent: int = 0
    slow: int = 0
    fast: int = 0
    changed: deque[_Change] = field(default_factory=deque)
    flapping_since: float = 0.0
    flaps: int = 0


@dataclass
class LineStateMachine(Generic[Key]):
    """Things that are up, slow, down or flapping, by the rounds in which something or nothing came.

    The first state that is found out is a change, too, unless it is what everybody expects: up.
    """

    limits: StateLimits
    _things: dict[Key, _Thing] = field(default_factory=dict)

    @property
    def states(self) -> dict[Key, LineState]:
        """The state of each thing, as it was told."""
        return {key: thing.shown for key, thing in self._things.items()}

    def apply_round(
        self, heard: Mapping[Key, float | None], at: float, lone: Collection[Key] = ()
    ) -> Iterator[StateChange[Key]]:
        """Take in a round of a time in seconds; gives what changed by it.

        A single silent round is no state, but with many of them a line flaps between the rounds. Of `lone` things, that
        have one path only, it may as well be a lost packet, so there it does not count.
        """
        for key, took in heard.items():
            thing = self._things.setdefault(key, _Thing())
            ended = thing.silent if took is not None else 0
            blip = 0 < ended < self.limits.down_after and key not in lone
            before, thing.state = thing.state, self._next_state(thing, took)
            known = before is not LineState.UNKNOWN
            if (known and (before is LineState.DOWN) != (thing.state is LineState.DOWN)) or (known and blip):
                self._count_change(thing, _Change(at, ended))
            yield from self._tell(key, thing, at)

    def _next_state(self, thing: _Thing, took: float | None) -> LineState:
        limits = self.limits
        thing.silent = thing.silent + 1 if took is None else 0
        if took is None:
            return LineState.DOWN if thing.silent >= limits.down_after else thing.state
        late = took > limits.slow_ms
        thing.slow, thing.fast = (thing.slow + 1, 0) if late else (0, thing.fast + 1)
        if thing.state is LineState.UP:
            return LineState.SLOW if thing.slow >= limits.down_after else LineState.UP
        if thing.state is LineState.SLOW:
            return LineState.UP if thing.fast >= _CALM_ROUNDS else LineState.SLOW
        return LineState.SLOW if late else LineState.UP

    def _count_change(self, thing: _Thing, change: _Change) -> None:
        thing.changed.append(change)
        thing.flaps += 1
        while change.at - thing.changed[0].at > self.limits.within:
            thing.changed.popleft()

    def _tell(self, key: Key, thing: _Thing, at: float) -> Iterator[StateChange[Key]]:
        if thing.shown is LineState.FLAPPING:
            if self._is_steady(thing, at):
                thing.shown = thing.state
                thing.changed.clear()
                yield StateChange(key, LineState.FLAPPING, thing.state, thing.flaps, at - thing.flapping_since)
        elif len(thing.changed) >= self.limits.changes and at - thing.changed[0].at <= self.limits.within:
            thing.flaps, thing.flapping_since = len(thing.changed), thing.changed[0].at
            before, thing.shown = thing.shown, LineState.FLAPPING
            yield StateChange(key, before, LineState.FLAPPING, thing.flaps, at - thing.flapping_since)
        elif thing.state is not thing.shown:
            before, thing.shown = thing.shown, thing.state
            if (before, thing.state) != (LineState.UNKNOWN, LineState.UP):
                yield StateChange(key, before, thing.state)

    def _is_steady(self, thing: _Thing, at: float) -> bool:
        calm = at - thing.changed[-1].at >= self.limits.within / 2
        if thing.state is not LineState.DOWN:
            return calm and thing.silent == 0
        # A line that is silent for long each time it flaps is dead only after a silence that none of those had.
        longest = max(one.silent for one in thing.changed)
        return thing.silent >= max(_CALM_ROUNDS, self.limits.down_after) and (calm or thing.silent >= 2 * longest)

"""Faults of a device in memory: what goes wrong with one command, and scripts of them drawn from a seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a command does on the device."""

    WHOLE = "whole"
    NONE = "none"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a command.

    `answer` is given where it has no effect. `breaks`: the connection breaks and no answer comes. `says_error` is said
    in spite of the effect. `seconds_before` it takes effect and `seconds_after` pass; past 30 s the session breaks.
    `away_seconds` the device answers nobody afterwards. `restarts`: it starts anew, without what was not saved.
    """

    kind: str
    effect: Effect = Effect.WHOLE
    answer: str = ""
    breaks: bool = False
    says_error: str = ""
    seconds_before: float = 0.0
    seconds_after: float = 0.0
    away_seconds: float = 0.0
    restarts: bool = False


NO_FAULT = Fault("none")

SUCCESS = {
    "lock": "held\n",
    "unlock": "free\n",
    "arm": "armed\n",
    "push": "",
    "cancel": "cancelled\n",
    "restored": "yes\n",
    "save": "saved\n",
}
"""What a device says of its own success, by the command. Not in it: what shows its state (`read`, `saved`, `armed`). A
device that shows a state that it is not in cannot be found out by anybody."""

VERBS = ("open", "read", "saved", "armed", *SUCCESS)


def _lie_about_success(verb: str, _: float) -> Fault:
    return Fault("lies about success", effect=Effect.NONE, answer=SUCCESS[verb])


_MAKERS: Mapping[str, Callable[[str, float], Fault]] = {
    "breaks before": lambda _, __: Fault("breaks before", effect=Effect.NONE, breaks=True),
    "breaks after": lambda _, __: Fault("breaks after", breaks=True),
    "is slow before": lambda _, seconds: Fault("is slow before", seconds_before=seconds),
    "is slow after": lambda _, seconds: Fault("is slow after", seconds_after=seconds),
    "does half, says so": lambda _, __: Fault("does half, says so", effect=Effect.HALF, says_error="only half"),
    "does half, breaks": lambda _, __: Fault("does half, breaks", effect=Effect.HALF, breaks=True),
    "does half, says all": lambda _, __: Fault("does half, says all", effect=Effect.HALF),
    "lies about success": _lie_about_success,
    "lies about failure": lambda _, __: Fault("lies about failure", says_error="failed"),
    "refuses": lambda _, __: Fault("refuses", effect=Effect.NONE, says_error="refused"),
    "restarts before": lambda _, s: Fault("restarts before", effect=Effect.NONE, restarts=True, away_seconds=s),
    "restarts after": lambda _, s: Fault("restarts after", restarts=True, away_seconds=s),
    "leaves before": lambda _, s: Fault("leaves before", effect=Effect.NONE, away_seconds=s),
    "leaves after": lambda _, s: Fault("leaves after", away_seconds=s),
}
KINDS = tuple(_MAKERS)


def make_fault(kind: str, verb: str, seconds: float) -> Fault:
    r"""Return the fault of a kind at a command of a verb; `seconds` is how long it is slow, or away.

    Raises:
        ValueError: there is no such kind, or not at this verb: only a push has halves, and no state is lied about.

    >>> make_fault("lies about success", "save", 0.0).answer
    'saved\n'
    >>> make_fault("leaves after", "push", 90.0).away_seconds
    90.0
    """
    if kind not in kinds_at(verb):
        message = f"no kind of fault {kind!r} at {verb!r}; there are: {', '.join(kinds_at(verb))}"
        raise ValueError(message)
    return _MAKERS[kind](verb, seconds)


def kinds_at(verb: str) -> tuple[str, ...]:
    """Return the kinds of faults that a command of a verb can have."""
    return tuple(
        kind
        for kind in KINDS
        if ("half" not in kind or verb == "push") and (kind != "lies about success" or verb in SUCCESS)
    )


class FaultScript:
    """Faults at chosen commands: the n-th command (from 0) of a verb is hit by the fault under (verb, n).

    Call it with a command's verb, as `MemoryDevice.draw_fault`; everything that is not in the script goes well.
    """

    def __init__(self, faults: Mapping[tuple[str, int], Fault]) -> None:
        self.faults = dict(faults)
        self._seen: Counter[str] = Counter()

    def __call__(self, verb: str) -> Fault:
        """The fault of the next command of this verb."""
        number = self._seen[verb]
        self._seen[verb] += 1
        return self.faults.get((verb, number), NO_FAULT)

    def __repr__(self) -> str:
        return (
            ", ".join(f"{verb}[{number}] {fault.kind}" for (verb, number), fault in self.faults.items()) or "no fault"
        )


def draw_faults(rng: random.Random, longest: float) -> FaultScript:
    """Draw a script of up to four faults; none is slower, or away for longer, than `longest` seconds.

    >>> draw_faults(random.Random(4), 60.0)
    lock[1] refuses
    """
    script: dict[tuple[str, int], Fault] = {}
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        verb = rng.choice((*VERBS, "push", "push", "cancel", "save"))
        seconds = rng.choice((0.05, 0.3, 1.0)) * longest
        script[verb, rng.choice((0, 0, 0, 1, 1, 2))] = make_fault(rng.choice(kinds_at(verb)), verb, seconds)
    return FaultScript(script)

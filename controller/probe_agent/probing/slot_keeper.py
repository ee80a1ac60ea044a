"""Which planned test is due: the last slots that the monitor gave, kept in a file, by the monitor's clock.

A slot is claimed in the file before its test begins, so that no restart makes two of it. While the monitor cannot be
reached the last known slots count; when they have run out, nothing is tested.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from pathlib import Path

from controller.probe_agent.probing.planned_slots import PlannedSlot, PlannedSlots, parse_planned_slots
from controller.probe_agent.problems import ProbeProblem, tell
from controller.probe_agent.whole_file import write_file

FILE = "planned-tests.json"
_PUT_BACK = 3_600.0
"""What was claimed further ahead than this was so by a clock of the monitor's that has been put back since."""

_UNUSABLE = (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError, OverflowError, ProbeProblem)
"""What reading a damaged file of its own leads to."""


class SlotKeeper:
    """The slots of a probe with these lines. `clock` may be set by anybody, `timer` never goes back."""

    def __init__(
        self, state: Path, lines: Collection[str], clock: Callable[[], float], timer: Callable[[], float]
    ) -> None:
        self._file = state / FILE
        self._lines = frozenset(lines)
        self._clock = clock
        self._timer = timer
        self._answer = ""
        self._known: PlannedSlots | None = None
        self._claimed = 0.0
        self._offset = 0.0
        self._load()
        # From here on a clock that is set changes nothing, until the monitor says again what time it is.
        self._began = (self._clock() + self._offset, self._timer())

    @property
    def until(self) -> float:
        """Until when the slots are known, by the monitor's clock; 0 where none ever were."""
        return 0.0 if self._known is None else self._known.until

    @property
    def regions(self) -> tuple[str, ...]:
        """Where tests go, the first that answers."""
        return () if self._known is None else self._known.regions

    def take_answer(self, content: bytes, took: float = 0.0) -> None:
        """Keep to these slots from now on; the answer took so many seconds, half of them on its way here.

        Raises:
            ProbeProblem: they are none that this probe can keep to; it stays with those that it had.
            OSError: they cannot be written down; they count until this process ends.
        """
        known = parse_planned_slots(content, self._lines)
        self._known, self._answer = known, content.decode()
        now = known.now + took / 2
        self._began = (now, self._timer())
        self._offset = now - self._clock()
        if self._claimed > known.now + _PUT_BACK:
            self._claimed = known.now
        self._save()

    def tell_time(self) -> float:
        """What the monitor's clock shows now, as far as is known."""
        at, then = self._began
        return at + self._timer() - then

    def find_open_slot(self) -> PlannedSlot | None:
        """The slot in which a test may begin now."""
        now = self.tell_time()
        slots = self._list_unclaimed()
        return next((one for one in slots if one.begins <= now <= one.latest), None)

    def list_passed_slots(self) -> list[PlannedSlot]:
        """The slots that went by without a test."""
        now = self.tell_time()
        return [one for one in self._list_unclaimed() if one.latest < now]

    def claim_slots(self, last: PlannedSlot) -> None:
        """Never test in this slot again, nor in one before it.

        Raises:
            OSError: it cannot be written down, so no test may begin.
        """
        self._claimed = last.begins
        self._save()

    def count_wait(self) -> float:
        """Seconds until the next slot begins; without end where none is known."""
        now = self.tell_time()
        return min((one.begins - now for one in self._list_unclaimed() if one.begins > now), default=math.inf)

    def _list_unclaimed(self) -> list[PlannedSlot]:
        """None while it is earlier than the monitor said it was: that clock is wrong, as a board's that has none."""
        if self._known is None or self.tell_time() < max(self._known.now, self._claimed) - 1:
            return []
        return [one for one in self._known.slots if one.begins > self._claimed]

    def _save(self) -> None:
        document = {"answer": self._answer, "claimed": self._claimed, "offset": self._offset}
        write_file(self._file, json.dumps(document).encode())

    def _load(self) -> None:
        try:
            document = json.loads(self._file.read_bytes())
            answer, claimed, offset = document["answer"], float(document["claimed"]), float(document["offset"])
            known = parse_planned_slots(answer.encode(), self._lines)
        except FileNotFoundError:
            return
        except _UNUSABLE as error:
            tell(f"{self._file.name} cannot be used ({error}): no throughput is tested until the monitor gives slots")
            return
        if math.isfinite(claimed) and math.isfinite(offset):
            self._answer, self._known, self._claimed, self._offset = answer, known, claimed, offset

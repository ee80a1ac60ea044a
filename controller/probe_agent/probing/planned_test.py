"""One planned test of a line: both directions in each family to one region, within the slot's time and bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from controller.probe_agent.configuration import Configuration, ProbedPath
from controller.probe_agent.probing.measuring_round import Clock, RoundRecorder, measure_idle, measure_rate
from controller.probe_agent.probing.planned_slots import PlannedSlot
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.probe_agent.probing.throughput import BUSY_SECONDS, DIRECTIONS, RateLimits, hold_throughput_lock
from controller.probe_agent.problems import tell
from controller.probe_agent.result_store import Result

_BITS, _MEGA = 8, 1e6


@dataclass(frozen=True, slots=True)
class PlannedFindings:
    """What a planned test found, and what became of it."""

    results: tuple[Result, ...]
    outcome: SlotOutcome


def choose_paths(
    paths: Sequence[ProbedPath], line: str, regions: Sequence[str], alive: Collection[ProbedPath]
) -> list[ProbedPath]:
    """The paths of a line that a planned test takes: to the first of the regions that answers on it."""
    answering = [one for one in paths if one.line == line and one.region in regions and one in alive]
    first = min((regions.index(one.region) for one in answering), default=0)
    return [one for one in answering if one.region == regions[first]]


@dataclass(frozen=True, slots=True)
class PlannedTest:
    """Tests in slots. `clock` dates results; `tell_time` is the monitor's clock, by which slots are."""

    configuration: Configuration
    state: Path
    clock: Clock
    tell_time: Callable[[], float]

    def measure(self, slot: PlannedSlot, paths: Sequence[ProbedPath]) -> PlannedFindings:
        """Test these paths one after the other; nothing begins that the slot has no time or no bytes for.

        Bytes are counted after each test, and the next one is taken to carry as many as the largest so far.

        Raises:
            ProbeProblem: iperf3 is not installed, or this user may send no echoes.
        """
        if not paths:
            return PlannedFindings((), SlotOutcome.NO_ANSWER)
        with hold_throughput_lock(self.state) as is_alone:
            return self._measure(slot, paths) if is_alone else PlannedFindings((), SlotOutcome.BUSY)

    def _measure(self, slot: PlannedSlot, paths: Sequence[ProbedPath]) -> PlannedFindings:
        wanted, recorder = self.configuration.throughput, RoundRecorder(self.configuration.school, self.clock)
        results: list[Result] = []
        outcomes: list[SlotOutcome] = []
        carried = largest = 0.0
        idle = measure_idle(self.configuration, paths)
        for path, direction in product(paths, DIRECTIONS):
            spare = slot.ends - self.tell_time() - wanted.seconds - wanted.connect_within
            if spare < 0 or carried + largest > slot.megabytes * _MEGA or not slot.megabytes:
                outcomes.append(SlotOutcome.LATE if spare < 0 else SlotOutcome.OVER_BUDGET)
                tell(f"the planned test of {slot.line} ends early: its {'time' if spare < 0 else 'bytes'} are used up")
                break
            limits = RateLimits(idle.get(path), min(BUSY_SECONDS, spare))
            found = measure_rate(self.configuration, recorder, path, direction, limits)
            if isinstance(found, SlotOutcome):
                # How far it came is not known.
                carried += largest
                outcomes.append(found)
                continue
            size = found[0].value * wanted.seconds / _BITS
            carried, largest = carried + size, max(largest, size)
            results += found
            if direction == DIRECTIONS[0]:
                outcomes.append(SlotOutcome.MADE)
        return PlannedFindings(tuple(results), choose_outcome(outcomes))


def choose_outcome(outcomes: Collection[SlotOutcome]) -> SlotOutcome:
    """What became of a slot as a whole: one download makes it; else a server without room says more than silence.

    >>> choose_outcome([SlotOutcome.NO_ANSWER, SlotOutcome.BUSY])
    <SlotOutcome.BUSY: 2>
    """
    order = (SlotOutcome.MADE, SlotOutcome.BUSY, SlotOutcome.LATE, SlotOutcome.OVER_BUDGET)
    return next((one for one in order if one in outcomes), SlotOutcome.NO_ANSWER)

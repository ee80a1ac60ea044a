"""Begins tests of throughput by the slots of the day's plan, and notes the slots that were missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from controller.measure.measurement import MeasurementKind
from controller.measure.measurement_store import MeasurementStore
from controller.measure.schedule.city_day import build_wish, find_latest_beginning, plan_city_day
from controller.measure.schedule.day_plan import DayPlan, LineWish, SlotKind, TestSlot
from controller.measure.schedule.slot_ledger import ClaimAnswer, ClaimLimits, SlotLedger
from controller.measure.schedule.slot_records import SlotState, find_slot_states
from controller.measure.schedule.timetable import MayTest, TestedLine, TestRequests
from controller.model.city import City
from controller.model.sites.schools import School
from controller.storage.steady_clock import SteadyClock

_LOOK_BACK = timedelta(days=7)
"""So far back missed slots are noted after a time in which nothing ran."""
_PLANS_KEPT = 10
_REQUEST_SECONDS = 3_600.0
"""So long a test that was asked for waits for a free slot."""


@dataclass
class SlotTimetable:
    """Yields what has a slot now. `schools` are all whose lines may share links, `mine` those that are tested here.

    `clock` is the wall clock that slots are planned by, `timer` one that nobody sets; `steady` holds one against the
    other, for as long as the process lasts.
    """

    city: City
    schools: Sequence[School]
    mine: frozenset[str]
    store: MeasurementStore
    ledger: SlotLedger
    clock: Callable[[], datetime]
    timer: Callable[[], float]
    steady: SteadyClock = field(default_factory=SteadyClock)
    _requests: TestRequests = field(default_factory=TestRequests)
    _asked: dict[str, float] = field(default_factory=dict)
    _plans: dict[date, DayPlan] = field(default_factory=dict)
    _looked: datetime | None = None
    _settled: set[TestSlot] = field(default_factory=set)

    def request_test(self, school: str) -> None:
        """A school shall be tested in the next slot in which its lines and links are free, within the same limits."""
        self._requests.add_school(school)

    def list_due(self, may_test: MayTest) -> Iterator[TestedLine]:
        """Yield the lines whose slot is now, then those that were asked for; each slot is claimed before.

        A slot whose line is dead or flapping, or whose turn comes too late, is left, and noted as missed afterwards.

        Raises:
            TsunaguError: the store cannot be read or written.
        """
        self._note_missed(self.clock())
        for school in self._requests.take_all():
            self._asked.setdefault(school, self.timer())
        for slot in [*self._list_planned(self.clock()), *self._list_asked(self.clock())]:
            now = self.clock()
            if slot in self._settled or not self._is_in_time(slot, now) or not may_test((slot.school, slot.line)):
                continue
            answer = self._claim(slot, now)
            if answer is not ClaimAnswer.BUSY:
                self._settled.add(slot)
            # Whoever kept the store locked may have taken the slot's time: a test would go on into the next one.
            if answer is ClaimAnswer.CLAIMED and self._is_in_time(slot, self.clock()):
                self._asked.pop(slot.school, None)
                yield slot.school, slot.line

    def _list_planned(self, now: datetime) -> list[TestSlot]:
        slots = self._plan(now.astimezone(self.city.timezone).date()).slots
        return [one for one in slots if one.school in self.mine and one.begins <= now < one.ends]

    def _list_asked(self, now: datetime) -> Iterator[TestSlot]:
        """Slots beside the plan for schools whose test was asked for: outside lessons, where nothing else has its slot.

        The grid is the plan's, so that such a slot lies over none of two planned ones.
        """
        self._asked = {name: at for name, at in self._asked.items() if self.timer() - at <= _REQUEST_SECONDS}
        day = now.astimezone(self.city.timezone).date()
        lasts = timedelta(seconds=self.city.measurement.schedule.slot_seconds)
        midnight = datetime.combine(day, datetime.min.time(), self.city.timezone)
        begins = midnight + (now - midnight) // lasts * lasts
        planned = [one for one in self._plan(day).slots if one.begins < begins + lasts and begins < one.ends]
        if len(planned) >= self.city.measurement.schedule.at_once:
            return
        taken = frozenset(link for one in planned for link in one.links)
        for school in [name for name in self._asked if name in self.mine]:
            wish = self._find_wish(school, day)
            free = any(span.begins <= begins and begins + lasts <= span.ends for span in wish.off_peak_spans)
            if wish.refused is None and free and not wish.links & taken:
                yield TestSlot(school, wish.line, SlotKind.OFF_PEAK, begins, begins + lasts, wish.links)

    def _is_in_time(self, slot: TestSlot, now: datetime) -> bool:
        """Whether a test that begins now ends in its slot, as far as anybody knows."""
        return slot.begins <= now <= find_latest_beginning(self.city, slot) and now < slot.ends

    def _claim(self, slot: TestSlot, now: datetime) -> ClaimAnswer:
        schedule, day = self.city.measurement.schedule, slot.begins.astimezone(self.city.timezone).date()
        limits = ClaimLimits(
            self._find_wish(slot.school, day).megabytes,
            schedule.megabytes_a_day,
            schedule.at_once,
            self.city.measurement.method.seconds,
        )
        return self.ledger.claim_slot(slot, limits, now)

    def _note_missed(self, now: datetime) -> None:
        """Keep the slots of all schools that ended since the last look and in which nobody tested.

        Until when they are known is kept once, whichever schools somebody tests with this store. What ended before this
        was looked at for the first time belongs to nobody. A test of another process may still run when its slot has
        ended, so each slot has the time of one more. A clock that is put back notes none twice, and one that is put
        ahead none at once: what ended by it may be yet to come.
        """
        lasts = timedelta(seconds=self.city.measurement.schedule.slot_seconds)
        if self._looked is not None and abs(now - self._looked) < lasts:
            return
        self._looked = now
        if not self.steady.is_steady(now, self.timer(), lasts):
            return
        known = self.ledger.read_noted_time()
        if known is None or known > now:
            self.ledger.keep_missed([], now)
            return
        until = now - lasts
        since = max(known, until - _LOOK_BACK)
        if since >= until:
            return
        first, last = (at.astimezone(self.city.timezone).date() for at in (since, until))
        days = [first + timedelta(days=one) for one in range((last - first).days + 1)]
        slots = [one for day in days for one in self._plan(day).slots if since < one.ends <= until]
        measured = self.store.read_period(since - lasts, until, [MeasurementKind.DOWNLOAD])
        states = find_slot_states(slots, measured, until, self.store.read_removed_time())
        self.ledger.keep_missed([one for one in slots if states[one] is SlotState.MISSED], until)

    def _plan(self, day: date) -> DayPlan:
        if day not in self._plans:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
                self._settled.clear()
            self._plans[day] = plan_city_day(self.city, self.schools, day)
        return self._plans[day]

    def _find_wish(self, school: str, day: date) -> LineWish:
        return build_wish(self.city, self.city.school_by_id[school], day)

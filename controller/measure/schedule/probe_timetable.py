"""The slots that a school's own probe is given: its part of the city's plan for today and the days after it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from threading import Lock

from controller.measure.schedule.city_day import find_latest_beginning, list_tested_schools, plan_city_day
from controller.measure.schedule.day_plan import DayPlan
from controller.model.city import City
from controller.probe_agent.probing.planned_slots import PlannedSlot, PlannedSlots

DAYS_AHEAD = 3
"""So many whole days after today: a probe that hears nobody meanwhile goes on for so long."""


@dataclass
class ProbeTimetable:
    """Says each probe when to test; safe for several threads. The plan of a day is made once."""

    city: City
    _plans: dict[date, DayPlan] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def list_slots(self, school: str, now: datetime) -> PlannedSlots:
        """A school's slots from now on; none for a school that is not in service, or on days without tests."""
        first = now.astimezone(self.city.timezone).date()
        days = [first + timedelta(days=one) for one in range(DAYS_AHEAD + 1)]
        end = datetime.combine(days[-1] + timedelta(days=1), time(), self.city.timezone)
        slots = [one for day in days for one in self._list_day(school, day) if one.ends > now.timestamp()]
        regions = self.city.measurement.judged.regions
        return PlannedSlots(now.timestamp(), end.timestamp(), regions, tuple(slots))

    def _list_day(self, school: str, day: date) -> list[PlannedSlot]:
        mine = [one for one in self._plan(day).slots if one.school == school]
        counts = Counter(one.line for one in mine)
        budget = float(self.city.measurement.schedule.megabytes_a_day)
        return [
            PlannedSlot(
                line=one.line,
                begins=one.begins.timestamp(),
                latest=find_latest_beginning(self.city, one).timestamp(),
                ends=one.ends.timestamp(),
                # Its part of the day's budget: whatever the contract says, all slots together keep to it.
                megabytes=budget / counts[one.line],
            )
            for one in mine
        ]

    def _plan(self, day: date) -> DayPlan:
        with self._lock:
            if day not in self._plans:
                self._plans = {one: plan for one, plan in self._plans.items() if abs(one - day) <= 2 * _KEPT}
                self._plans[day] = plan_city_day(self.city, list_tested_schools(self.city), day)
            return self._plans[day]


_KEPT = timedelta(days=DAYS_AHEAD)

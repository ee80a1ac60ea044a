"""A machine that tests by the slots, for tests: its clock may be set, and a test takes as long as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from controller.measure.measurement_store import MeasurementStore, open_measurement_store
from controller.measure.schedule.day_plan import TestSlot
from controller.measure.schedule.slot_ledger import SlotLedger, open_slot_ledger
from controller.measure.schedule.slot_records import list_missed_slots
from controller.measure.schedule.slot_timetable import SlotTimetable
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.measurement import TestSchedule
from controller.model.policy_files import MEASUREMENT
from tests.measure.findings import path, throughput
from tests.policies import SHIPPED

CITY = load_city(SHIPPED)
TOKYO = ZoneInfo("Asia/Tokyo")
SATURDAY, TUESDAY, EXAMS = date(2026, 12, 12), date(2026, 12, 8), date(2026, 12, 2)
ORIGIN = {"origin": {"file": "measurement.yaml", "line": 1}}
SCHOOLS = tuple(one.id for one in CITY.schools if one.ward == "asao")[:6]
RING = [{"name": "ring", "schools": SCHOOLS[:4], **ORIGIN}]


def at(hour: float, day: date = SATURDAY) -> datetime:
    return datetime.combine(day, time(0), TOKYO) + timedelta(hours=hour)


def make_city(**values: object) -> City:
    given_ = {
        "from": "07:00",
        "until": "22:00",
        "slot-seconds": 1800,
        "shared": RING,
        "megabytes-a-day": 1_000_000,
    } | values
    schedule = TestSchedule.model_validate(given_)
    return CITY.replace_file(MEASUREMENT, CITY.measurement.model_copy(update={"schedule": schedule}))


@dataclass
class MadeTest:
    """A test that was made: by whose clock when, and in true seconds from when to when."""

    school: str
    at: datetime
    begins: float
    ends: float


@dataclass
class Office:
    """A machine that tests by the slots, with a clock that somebody may set; a test takes `takes` seconds."""

    city: City
    store: MeasurementStore
    ledger: SlotLedger
    now: datetime
    seconds: float = 0.0
    takes: float = 20.0
    mine: frozenset[str] = frozenset(SCHOOLS)
    made: list[MadeTest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Everything that is only remembered is lost."""
        schools = [self.city.school_by_id[name] for name in SCHOOLS]
        self.timetable = SlotTimetable(
            *(self.city, schools, self.mine, self.store, self.ledger),
            clock=lambda: self.now,
            timer=lambda: self.seconds,
        )

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds

    def look(self, *, is_killed: bool = False, steady: frozenset[str] = frozenset(SCHOOLS)) -> list[str]:
        """Do what is due; a kill comes in the middle of a test, which then leaves no measurement."""
        done: list[str] = []
        for school, line in self.timetable.list_due(lambda one: one[0] in steady):
            began, seconds = self.now, self.seconds
            self.pass_time(self.takes)
            self.made.append(MadeTest(school, began, seconds, self.seconds))
            if is_killed:
                self.restart()
                return done
            self.store.add_measurement("r", began, path(school, line), throughput(100), in_lessons=False)
            done.append(school)
        return done


@contextmanager
def open_office(city: City, now: datetime) -> Iterator[Office]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "m.sqlite"
        with open_measurement_store(file, timezone=TOKYO) as store, open_slot_ledger(file, TOKYO) as ledger:
            yield Office(city, store, ledger, now)


def list_missed(office: Office, day: date) -> list[TestSlot]:
    return list_missed_slots(Path(office.store.file), at(0, day), at(24, day))


def run_day(office: Office, day: date, step: float = 600.0) -> None:
    while office.now < at(23, day):
        office.look()
        office.pass_time(step)

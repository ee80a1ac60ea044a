"""A school's probe is given its part of the city's plan, and what became of each slot is told with the reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from itertools import combinations
from pathlib import Path

import pytest

from controller.cli.measurement.probe_slots import MissReason, apply_probe_words, is_settled
from controller.measure.schedule.city_day import list_tested_schools, plan_city_day
from controller.measure.schedule.day_plan import SlotKind, TestSlot
from controller.measure.schedule.probe_timetable import ProbeTimetable
from controller.measure.schedule.slot_records import SlotState
from controller.probe_agent.probing.planned_slots import PlannedSlot, parse_planned_slots, write_planned_slots
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.telemetry.enrolled_probes import enrol_probe, find_enrolment_file, make_probe_token
from controller.telemetry.registry import LINE_LOSS, PROBE_SLOT, Metric, Writer
from monitoring.timeseries.records import GaugeValue, TelemetryBatch
from monitoring.timeseries.retention import roll_up
from monitoring.timeseries.time_series_store import TimeSeriesStore
from tests.cli.running import here
from tests.measure.slot_office import CITY, EXAMS, SATURDAY, SCHOOLS, TOKYO, at, make_city
from tests.monitoring.running import Running, bearer, until
from tests.policies import SHIPPED
from tests.probe_agent.scene import SCHOOL, Installed, configure, enrol, row

LINES = ("primary", "backup", "third")


def test_all_probes_together_keep_to_the_city_s_plan() -> None:
    city = make_city()
    timetable = ProbeTimetable(city)
    given = {one.id: timetable.list_slots(one.id, at(0)) for one in list_tested_schools(city)}
    days = [SATURDAY + timedelta(days=one) for one in range(4)]
    planned = [one for day in days for one in plan_city_day(city, list_tested_schools(city), day).slots]
    told = {(school, one.line, one.begins) for school, slots in given.items() for one in slots.slots}
    assert told == {(one.school, one.line, one.begins.timestamp()) for one in planned}
    assert len(given) == 176
    ring = [one for school in SCHOOLS[:4] for one in given[school].slots]  # they share a link
    assert ring
    assert not any(one.begins < other.ends and other.begins < one.ends for one, other in combinations(ring, 2))
    for slots in given.values():
        assert parse_planned_slots(write_planned_slots(slots), LINES) == slots
        assert slots.until == datetime.combine(days[-1] + timedelta(days=1), time(), TOKYO).timestamp()


def list_day(day: date, **schedule: object) -> list[PlannedSlot]:
    slots = ProbeTimetable(make_city(**schedule)).list_slots(SCHOOLS[0], at(0, day)).slots
    return [one for one in slots if one.begins < at(24, day).timestamp()]


def test_a_day_s_slots_share_its_budget_and_end_in_time_and_none_is_on_an_exam_day() -> None:
    found = list_day(SATURDAY, **{"off-peak": 4, "megabytes-a-day": 9000, "slot-seconds": 60})
    assert 0 < len(found) <= 4
    assert sum(one.megabytes for one in found) == pytest.approx(9000)
    assert all(one.begins < one.latest <= one.ends - 14 for one in found)  # four tests of 2 s, 1.5 s to connect
    assert list_day(EXAMS) == []
    later = ProbeTimetable(CITY).list_slots(SCHOOLS[0], at(23.9))
    assert all(one.ends > later.now for one in later.slots)
    assert ProbeTimetable(CITY).list_slots("no-such-school", at(12)).slots == ()


def ask(running: Running, headers: Mapping[str, str]) -> tuple[int, bytes]:
    status, _, body = running.ask("/v1/slots", headers=headers)
    return status, body


def test_the_monitor_tells_a_school_s_probe_its_own_slots_and_nobody_else(running: Running) -> None:
    status, body = ask(running, {"Authorization": f"Bearer {enrol()}"})
    assert status == 200
    told = parse_planned_slots(body, LINES)
    assert told.until > told.now + 3 * 24 * 3600
    for headers in ({}, bearer(Writer.PROBE), bearer(Writer.CONTROLLER), {"Authorization": "Bearer x"}):
        assert ask(running, headers)[0] == 401
    assert running.ask("/v1/slots", "POST", b"", bearer(Writer.PROBE))[0] == 404  # no signal of OTLP


def test_a_probe_takes_its_slots_from_the_monitor_and_says_until_when_it_knows_them(
    tmp_path: Path, running: Running
) -> None:
    installed = Installed(tmp_path)
    installed.install(configure(running.port, enrol()))
    with installed.running():
        until(lambda: row(running)["slots_until"] not in (None, 0))
    kept = json.loads((installed.state / "planned-tests.json").read_text("ascii"))
    slots = parse_planned_slots(kept["answer"].encode(), LINES)
    assert row(running)["slots_until"] == slots.until
    assert "Traceback" not in installed.said()


class Office:
    """The monitor's machine: what probes said, and who is enrolled."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "monitor.db"
        self.enrolments = find_enrolment_file(folder / "office/probe")

    def keep(self, metric: Metric, value: float, when: datetime, school: str = SCHOOL) -> None:
        place = {"school": school, "line": "primary", "region": "tokyo", "family": "ipv4"}
        attributes = tuple((one.name, place[one.name]) for one in metric.attributes)
        with TimeSeriesStore(self.store) as store:
            store.write([TelemetryBatch(values=[GaugeValue((metric, attributes), when.timestamp(), value)])])

    def roll_up(self, when: datetime) -> None:
        with TimeSeriesStore(self.store) as store:
            roll_up(store, when.timestamp())


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    folder = tmp_path / "office"
    folder.mkdir(mode=0o700)
    operators = folder / "operations.yaml"
    operators.write_text(f"format: 1\nstate: {tmp_path}/state\ntokens: {{probe: {folder}/probe}}\n", "utf-8")
    operators.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators))
    found = Office(tmp_path)
    enrol_probe(found.enrolments, SCHOOL, make_probe_token(), at(0))
    return found


def slot(hour: float, school: str = SCHOOL) -> TestSlot:
    return TestSlot(school, "primary", SlotKind.OFF_PEAK, at(hour), at(hour) + timedelta(minutes=1), frozenset())


def judge(office: Office, *slots: TestSlot) -> list[tuple[SlotState, MissReason | None]]:
    states = dict.fromkeys(slots, SlotState.MISSED)
    reasons = apply_probe_words(states, office.store, SHIPPED)
    return [(states[one], reasons.get(one)) for one in slots]


def test_a_slot_without_a_figure_is_missed_for_the_reason_that_is_known(office: Office) -> None:
    said = {
        8: (SlotOutcome.NO_ANSWER, MissReason.NO_ANSWER),
        9: (SlotOutcome.BUSY, MissReason.NO_ROOM),
        10: (SlotOutcome.LATE, MissReason.LATE),
        11: (SlotOutcome.OVER_BUDGET, MissReason.OVER_BUDGET),
        12: (SlotOutcome.UNABLE, MissReason.UNABLE),
    }
    for hour, (outcome, _) in said.items():
        office.keep(PROBE_SLOT, outcome, at(hour) + timedelta(seconds=20))
    office.keep(PROBE_SLOT, SlotOutcome.MADE, at(13) + timedelta(seconds=20))
    office.keep(LINE_LOSS, 1.0, at(14) + timedelta(seconds=20))
    missed = [(SlotState.MISSED, reason) for _, reason in said.values()]
    assert judge(office, *(slot(hour) for hour in said)) == missed
    assert judge(office, slot(13)) == [(SlotState.DONE, None)]
    assert judge(office, slot(14)) == [(SlotState.MISSED, MissReason.NOT_TESTED)]
    assert judge(office, slot(15)) == [(SlotState.MISSED, MissReason.SILENT)]
    assert judge(office, slot(13, "kw-s01")) == [(SlotState.MISSED, MissReason.NO_PROBE)]
    # A probe that was cut off says later what it did, for two weeks.
    assert not is_settled(slot(15), MissReason.SILENT, at(16) + timedelta(days=13))
    assert is_settled(slot(15), MissReason.SILENT, at(16) + timedelta(days=15))
    assert is_settled(slot(8), MissReason.NO_ANSWER, at(9))


def test_of_what_is_kept_by_the_hour_only_what_is_sure_is_said(office: Office) -> None:
    for hour in (8, 8.5, 9, 9.5, 11):
        office.keep(PROBE_SLOT, SlotOutcome.BUSY if hour == 9 else SlotOutcome.MADE, at(hour) + timedelta(seconds=20))
    office.roll_up(at(8) + timedelta(days=10))
    done, unknown = (SlotState.DONE, None), (SlotState.UNKNOWN, None)
    assert judge(office, *(slot(hour) for hour in (8, 8.5, 9, 9.5, 11))) == [done, done, unknown, unknown, done]
    assert judge(office, slot(11), slot(11.5)) == [unknown, unknown]  # one of them was made


def test_the_list_of_a_day_says_what_the_probe_said(office: Office) -> None:
    words = ("measure", "schedule", "--school", SCHOOL, "--day", SATURDAY.isoformat(), "--monitor-store")
    planned = json.loads(here(*words, str(office.store), "--json", cwd=SHIPPED.parent).said)["slots"]
    first, second, *_ = (datetime.fromisoformat(one["begins"]) for one in planned)
    office.keep(PROBE_SLOT, SlotOutcome.MADE, first + timedelta(seconds=20))
    office.keep(PROBE_SLOT, SlotOutcome.BUSY, second + timedelta(seconds=20))
    told = json.loads(here(*words, str(office.store), "--json", cwd=SHIPPED.parent).said)["slots"]
    assert [(one["state"], one["reason"]) for one in told[:2]] == [("done", ""), ("missed", "no-room")]
    assert "missed (the server had no room" in here(*words, str(office.store), "--lang", "en", cwd=SHIPPED.parent).said

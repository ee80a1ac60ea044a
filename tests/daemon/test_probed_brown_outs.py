"""Brown-outs at real schools: what their own probes told the monitor, read from its store with stepped clocks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.cli.daemon import supply_duty
from controller.cli.daemon.supply_duty import SupplyDuty
from controller.daemon.line_supply import NAME, SETTLED_AFTER, LineSupplyBook
from controller.daemon.probed_tests import ROUND, ProbedFigure, list_line_tests
from controller.errors import TsunaguError
from controller.measure.assessment.assess import LineState
from controller.measure.measurement import LinePath, MeasurementKind
from controller.model.city import City
from controller.model.network.packets import Family
from controller.platforms.transport.in_memory_device.clock import ManualClock
from controller.resilience.brown_out import LineSupply
from controller.resilience.line_parts import SchoolLine
from controller.telemetry.registry import (
    LINE_FLAPPING,
    LINE_HTTPS_LIMIT,
    LINE_HTTPS_THROUGHPUT,
    LINE_THROUGHPUT,
    LINE_THROUGHPUT_LIMIT,
    LINE_UP,
    EventKind,
    Metric,
)
from controller.telemetry.traces.phases import ENDPOINT
from controller.telemetry.units import bits_from_mbps
from monitoring.timeseries.records import EventRecord, GaugeValue, TelemetryBatch
from monitoring.timeseries.retention import roll_up
from monitoring.timeseries.schema import TIME_SERIES_STORE
from monitoring.timeseries.time_series_store import TimeSeriesStore

SCHOOL = "kw-s01"
KEY: SchoolLine = (SCHOOL, "primary")
BACKUP: SchoolLine = (SCHOOL, "backup")
EXPECTED = 188.6  # of 323 Mbit/s recommended and a contract of 200
NIGHT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
"""21:00 of a Friday in Tokyo, so that the next day has no lessons."""
HOUR = timedelta(hours=1)
NOTHING_HEARD = "nothing was heard of any line lately, so nothing new is proposed; does the monitor run?"
DOWN, UP = MeasurementKind.DOWNLOAD, MeasurementKind.UPLOAD


def tell(  # noqa: PLR0913 a path, what of it, and when
    share: float,
    *,
    at: datetime = NIGHT,
    limit: float | None = 0,
    families: Sequence[Family] = tuple(Family),
    region: str = "tokyo",
    kind: MeasurementKind = DOWN,
    metrics: tuple[Metric, Metric] = (LINE_THROUGHPUT, LINE_THROUGHPUT_LIMIT),
) -> Iterator[ProbedFigure]:
    """What a probe found in one round over one line."""
    for number, family in enumerate(families):
        path, later = LinePath(SCHOOL, "primary", region, family), at + timedelta(seconds=5 * number)
        yield ProbedFigure(metrics[0], path, kind, later, bits_from_mbps(share * EXPECTED))
        if limit is not None:
            yield ProbedFigure(metrics[1], path, kind, later, limit)


def judge(city: City, *found: Iterator[ProbedFigure]) -> list[tuple[float, bool]]:
    """The share of each slot, and whether the line may carry more."""
    tests = list_line_tests(city, [one for each in found for one in each], NIGHT + 72 * HOUR).get(KEY, [])
    return [(round(one.share, 2), one.is_least) for one in tests]


def test_a_slot_is_the_slower_family_to_the_first_region_down(city: City) -> None:
    assert judge(city, tell(0.4)) == [(0.4, False)]
    slower = [tell(0.4, families=[Family.V6]), tell(0.6, families=[Family.V4])]
    assert judge(city, *slower, tell(0.1, kind=UP), tell(0.1, region="osaka")) == [(0.4, False)]
    # One family alone shows that a line is slow, and never that it is good.
    assert judge(city, tell(0.3, families=[Family.V4])) == [(0.3, False)]
    assert judge(city, tell(2.0, families=[Family.V4])) == []
    assert judge(city, tell(0.1, kind=UP)) == []


def test_what_something_else_held_back_is_no_slow_line(city: City) -> None:
    for limit in (1, 2, None):  # loss, delay, and a probe that does not know
        assert judge(city, tell(0.2, limit=limit)) == [(0.2, True)]
    lesson = NIGHT.replace(hour=1)  # 10:00 in Tokyo: pupils may fill the line
    assert judge(city, tell(0.2, at=lesson)) == [(0.2, True)]
    assert judge(city, tell(0.2, at=lesson + timedelta(days=2))) == [(0.2, False)]  # on a Sunday they do not


def test_a_test_over_https_counts_where_there_is_no_other(city: City) -> None:
    https = LINE_HTTPS_THROUGHPUT, LINE_HTTPS_LIMIT
    assert judge(city, tell(0.2, metrics=https)) == [(0.2, False)]
    assert judge(city, tell(0.2, metrics=https), tell(0.9)) == [(0.9, False)]


def test_a_round_is_one_slot_and_none_before_it_is_over(city: City) -> None:
    twice = [*tell(0.4), *tell(0.3, at=NIGHT + ROUND / 2), *tell(0.9, at=NIGHT + ROUND)]
    after = NIGHT + 2 * ROUND
    assert [round(one.share, 1) for one in list_line_tests(city, twice, after)[KEY]] == [0.3, 0.9]
    assert len(list_line_tests(city, twice, after - timedelta(seconds=1))[KEY]) == 1
    assert list_line_tests(city, tell(0.4), NIGHT + ROUND / 2)[KEY] == []


@dataclass
class Office:
    """A monitor's store that probes fill, and the daemon that reads it; nobody listens to its events by network."""

    folder: Path
    city: City
    monkeypatch: pytest.MonkeyPatch
    clock: ManualClock = field(default_factory=lambda: ManualClock(NIGHT))
    sent: list[tuple[EventKind, str, str]] = field(default_factory=list)
    listens: bool = True
    is_named: bool = True

    def __post_init__(self) -> None:
        self.store, self.daemon = self.folder / "monitor.db", self.folder / "daemon"
        self.daemon.mkdir()
        self.monkeypatch.setattr(supply_duty, "open_telemetry", self.open_telemetry)
        self.monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:8600")
        self.begin()

    def begin(self) -> None:
        """Begin the daemon, anew."""
        folder, store = self.daemon, self.store
        self.duty = SupplyDuty(Path(), lambda: self.city, lambda: folder, self.clock, store, self.is_named)

    @contextmanager
    def open_telemetry(self, **_: object) -> Iterator[Office]:
        yield self

    def event(self, kind: EventKind, text: str, *, context: None, school: str, line: str) -> None:
        """What the monitor is told; it keeps that if it listens."""
        del context
        self.sent.append((kind, text, line))
        if self.listens:
            self.keep(events=[EventRecord(self.clock.now().timestamp(), str(kind), school, line, text)])

    def keep(self, **found: list[GaugeValue] | list[EventRecord]) -> None:
        with TimeSeriesStore(self.store) as store:
            store.write([TelemetryBatch(**found)])  # type: ignore[arg-type]

    def hear(self, *, up: float = 1.0, line: str = "primary", metric: Metric = LINE_UP) -> None:
        """A probe says now how a line is."""
        at = self.clock.now().timestamp()
        self.keep(values=[GaugeValue((metric, (("school", SCHOOL), ("line", line))), at, up, heard=at)])

    def probe(self, share: float, ago: timedelta = timedelta(), limit: float = 0) -> None:
        """A probe tested a line some time ago, which the monitor hears now."""
        values = []
        for one in tell(share, at=self.clock.now() - ago, limit=limit):
            place = ("kw-s01", "primary", one.path.region, f"ipv{int(one.path.family)}", str(one.kind))
            attributes = tuple(zip([each.name for each in one.metric.attributes], place, strict=True))
            values.append(GaugeValue((one.metric, attributes), one.at.timestamp(), one.value))
        self.keep(values=values)

    def wait(self, time: timedelta) -> None:
        self.clock.sleep(time.total_seconds())

    def test_line(self, *shares: float, limit: float = 0) -> str:
        """Test a line again and again, and let the daemon look after each."""
        said = ""
        for share in shares:
            self.probe(share, limit=limit)
            self.wait(HOUR)
            self.hear()
            said = self.duty.look()
        return said

    def find_supply(self) -> LineSupply | None:
        found = LineSupplyBook(self.daemon).find_lines().get(KEY)
        return found.supply if found is not None else None

    def list_told(self) -> list[str]:
        return [str(kind) for kind, _, _ in self.sent]


@pytest.fixture
def office(tmp_path: Path, city: City, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, city, monkeypatch)


def test_three_poor_tests_are_a_brown_out_and_three_good_ones_its_end_also_over_restarts(office: Office) -> None:
    for share in (0.4, 0.4):
        office.test_line(share)
        office.begin()
    assert (office.find_supply(), office.sent) == (LineSupply.FULL, [])
    assert office.test_line(0.3) == f"in a brown-out: {SCHOOL} primary"
    [(kind, text, line)] = office.sent
    assert (kind, line) == (EventKind.BROWN_OUT, "primary")
    assert text == "the primary line is alive and carries too little: 40%, 40%, 30% of what is expected"
    office.begin()
    office.test_line(0.6, 0.8, 0.6, 0.8, 0.8)
    assert office.find_supply() is LineSupply.BROWN_OUT
    assert office.test_line(0.8) == ""
    assert office.list_told() == ["brown-out", "brown-out-over"]


def test_tests_that_came_late_count_by_their_own_time_once(office: Office) -> None:
    """The probe was offline for some hours, and sends its newest results first."""
    office.test_line(0.9)
    office.wait(8 * HOUR)
    for hours in (1, 5):
        office.probe(0.4, hours * HOUR)
        office.duty.look()
    office.duty.look()
    office.probe(0.9, 3 * HOUR)
    office.test_line(0.4)
    assert office.find_supply() is LineSupply.FULL, "a good test was made between the poor ones"
    office.test_line(0.4)
    assert office.find_supply() is LineSupply.BROWN_OUT
    office.wait(SETTLED_AFTER)
    office.duty.look()
    for hours in (27, 29, 31):
        office.probe(0.9, hours * HOUR)
    office.duty.look()
    assert office.find_supply() is LineSupply.BROWN_OUT, "what comes more than a day late turns nothing"


def test_slots_far_apart_are_counted_though_the_monitor_rolls_up_what_is_old(office: Office) -> None:
    for _ in range(3):
        office.test_line(0.4)
        office.wait(25 * HOUR)
        with TimeSeriesStore(office.store) as store:
            roll_up(store, office.clock.now().timestamp())
        office.begin()
        office.duty.look()
    assert office.find_supply() is LineSupply.BROWN_OUT


def test_limited_tests_turn_nothing_however_many(office: Office) -> None:
    office.test_line(*[0.2] * 6, limit=1)
    assert office.find_supply() is None
    office.test_line(0.3, 0.3, 0.3)
    office.test_line(*[0.6] * 4, limit=1)
    assert office.find_supply() is LineSupply.BROWN_OUT
    office.test_line(0.8, 0.8, 0.8, limit=1)
    assert office.find_supply() is LineSupply.FULL, "what was held back and is good all the same is good"


def test_a_lost_store_is_no_all_clear(office: Office) -> None:
    office.test_line(0.4, 0.4, 0.4)
    for file in office.folder.glob("monitor.db*"):
        file.unlink()
    with pytest.raises(TsunaguError, match="no such file; name the monitor's store with --monitor-store"):
        office.duty.look()
    assert office.duty.states == {}
    office.test_line(0.8)
    assert office.find_supply() is LineSupply.BROWN_OUT
    # The new store knows of no brown-out, so the monitor is told again.
    assert office.list_told() == ["brown-out", "brown-out"]
    office.test_line(0.8, 0.8)
    assert office.find_supply() is LineSupply.FULL


def test_a_lost_record_begins_with_what_the_monitor_was_told(office: Office) -> None:
    office.test_line(0.4, 0.4, 0.4)
    (office.daemon / NAME).unlink()
    office.wait(3 * SETTLED_AFTER)
    office.begin()
    office.test_line(0.9, 0.9)
    assert office.find_supply() is LineSupply.BROWN_OUT
    office.test_line(0.9)
    assert office.list_told() == ["brown-out", "brown-out-over"]


def test_a_clock_that_was_ahead_hides_no_test_after_it_is_right_again(office: Office) -> None:
    office.test_line(0.4)
    office.wait(30 * SETTLED_AFTER)
    office.test_line(0.9)
    office.wait(-30 * SETTLED_AFTER)
    office.duty.look()
    office.test_line(0.4, 0.4, 0.4)
    assert office.find_supply() is LineSupply.BROWN_OUT


def test_a_monitor_that_does_not_hear_is_told_again_after_an_hour(office: Office) -> None:
    office.listens = False
    office.test_line(0.4, 0.4, 0.4)
    office.duty.look()
    assert office.list_told() == ["brown-out"]
    office.wait(HOUR)
    office.listens = True
    office.duty.look()
    office.duty.look()
    assert office.list_told() == ["brown-out", "brown-out"]


def test_a_daemon_that_knows_no_monitor_to_tell_says_so(office: Office) -> None:
    office.monkeypatch.delenv(ENDPOINT)
    said = office.test_line(0.4, 0.4, 0.4)
    assert said.endswith(f"the monitor's page does not know of it: {ENDPOINT} names no monitor")
    assert office.sent == []
    office.monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:8600")
    office.duty.look()
    assert office.list_told() == ["brown-out"]


def test_how_lines_are_is_believed_for_as_long_as_their_value_is_fresh(office: Office) -> None:
    office.hear()
    office.hear(line="backup", up=0.0)
    office.duty.look()
    assert office.duty.states == {KEY: LineState.UP, BACKUP: LineState.DOWN}
    office.hear(metric=LINE_FLAPPING)
    office.duty.look()
    assert office.duty.states[KEY] is LineState.FLAPPING
    office.wait(timedelta(seconds=LINE_UP.fresh + 1))
    assert office.duty.look() == NOTHING_HEARD
    assert office.duty.states == {KEY: LineState.UNKNOWN, BACKUP: LineState.DOWN}
    office.hear(line="backup")
    office.wait(timedelta(seconds=LINE_UP.fresh + 1))
    assert office.duty.look() == NOTHING_HEARD
    office.wait(-HOUR)
    office.duty.look()
    assert set(office.duty.states.values()) == {LineState.UNKNOWN}, "what is dated ahead of now is not of now"


def test_rows_that_are_damaged_and_of_nobody_known_are_passed_over(office: Office) -> None:
    office.test_line(0.4, 0.4, 0.4)
    texts = ['[["line", "primary"]]', '[["school", "gone"], ["line", "primary"]]', "[1]", "", '[["school", "kw-s01"]]']
    with TimeSeriesStore(office.store) as store, store.writing() as connection:
        rows = connection.execute("SELECT id, attributes FROM series").fetchall()
        for number, text in zip([one for one, _ in rows], texts, strict=False):
            connection.execute("UPDATE series SET attributes = ? WHERE id = ?", (text, number))
    office.begin()
    office.duty.look()
    assert office.find_supply() is LineSupply.BROWN_OUT


def test_without_a_store_that_anybody_named_it_is_said_and_nothing_is_made(office: Office) -> None:
    office.is_named = False
    office.begin()
    assert (
        office.duty.look()
        == f"{office.store}: no store of a monitor is here (--monitor-store), so no brown-out can be seen"
    )
    assert list(office.folder.iterdir()) == [office.daemon]


def spoil(file: Path, how: str) -> None:
    if how == "no database":
        file.write_text("notes", encoding="utf-8")
        return
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        format_number = TIME_SERIES_STORE.newest + (1 if how == "newer" else -1)
        if how != "cut short":
            connection.execute(f"PRAGMA user_version={format_number}")
    if how == "cut short":
        file.write_bytes(file.read_bytes()[:5000])


@pytest.mark.parametrize("how", ["no database", "cut short", "newer", "older"])
def test_a_store_that_cannot_be_used_is_named_left_alone_and_turns_nothing(office: Office, how: str) -> None:
    office.test_line(0.4, 0.4, 0.4)
    spoil(office.store, how)
    before = office.store.read_bytes(), (office.daemon / NAME).read_bytes()
    for _ in range(2):
        office.begin()
        with pytest.raises(TsunaguError, match=r"monitor\.db: is "):
            office.duty.look()
    assert (office.store.read_bytes(), (office.daemon / NAME).read_bytes()) == before
    assert (office.find_supply(), office.duty.states) == (LineSupply.BROWN_OUT, {})

"""A probe tests throughput in its planned slots alone, once each, by the monitor's clock, in their time and bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from controller.probe_agent import measuring_loop
from controller.probe_agent.configuration import Configuration, ProbedPath, ThroughputTests
from controller.probe_agent.measuring_loop import MeasuringLoop
from controller.probe_agent.probing import planned_test
from controller.probe_agent.probing.measuring_round import RoundRecorder
from controller.probe_agent.probing.planned_slots import (
    PlannedSlot,
    PlannedSlots,
    parse_planned_slots,
    write_planned_slots,
)
from controller.probe_agent.probing.planned_test import PlannedTest, choose_paths
from controller.probe_agent.probing.slot_keeper import FILE, SlotKeeper
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from controller.probe_agent.probing.throughput import RateLimits
from controller.probe_agent.problems import ProbeProblem
from controller.probe_agent.result_store import Result
from controller.probe_agent.sender import Answer, ProbeStatus, Reception, Sender
from controller.telemetry.registry import LINE_THROUGHPUT, PATH_UP, PROBE_SLOT
from tests.probe_agent.scene import configure

NOON = 1_800_000_000.0
"""By the monitor's clock."""
HOUR = 3_600.0
LINES = ("primary", "backup")
PATHS = tuple(
    ProbedPath(line, region, family, target)
    for line in LINES
    for region in ("tokyo", "osaka")
    for family, target in (("ipv4", "127.0.0.1"), ("ipv6", "::1"))
)


def slot(begins: float, line: str = "primary", megabytes: float = 1_000.0) -> PlannedSlot:
    return PlannedSlot(line, begins, begins + 40, begins + 60, megabytes)


def plan(*slots: PlannedSlot, now: float = NOON, until: float = NOON + 72 * HOUR) -> PlannedSlots:
    return PlannedSlots(now, until, ("tokyo", "osaka"), slots)


DAY = plan(slot(NOON + HOUR), slot(NOON + 5 * HOUR), slot(NOON + 9 * HOUR))


@dataclass
class Board:
    """A probe's machine; its clock is `wrong` seconds ahead of the monitor's."""

    state: Path
    true: float = NOON
    wrong: float = 0.0
    began: float = 0.0

    def start(self) -> SlotKeeper:
        self.began = self.true
        return SlotKeeper(self.state, LINES, lambda: self.true + self.wrong, lambda: self.true - self.began)


def claim_open(board: Board, keeper: SlotKeeper, until: float, step: float = 10.0) -> list[float]:
    """Go on until a time; gives in which slots a test began."""
    found = []
    while board.true < until:
        if (one := keeper.find_open_slot()) is not None:
            keeper.claim_slots(one)
            found.append(one.begins)
        board.true += step
    return found


@pytest.mark.parametrize("wrong", [0.0, 3 * 24 * HOUR, -400 * 24 * HOUR])
def test_each_slot_is_used_once_by_the_monitor_s_clock(tmp_path: Path, wrong: float) -> None:
    board = Board(tmp_path, wrong=wrong)
    keeper = board.start()
    keeper.take_answer(write_planned_slots(DAY))
    assert keeper.count_wait() == HOUR
    assert claim_open(board, keeper, NOON + 2 * HOUR) == [NOON + HOUR]
    board.wrong += 2.5 * HOUR  # somebody sets the clock meanwhile
    assert claim_open(board, keeper, NOON + 12 * HOUR) == [NOON + 5 * HOUR, NOON + 9 * HOUR]


def test_a_restart_makes_no_second_test_of_a_slot_and_forgets_none_to_come(tmp_path: Path) -> None:
    board = Board(tmp_path, wrong=-HOUR)
    keeper = board.start()
    keeper.take_answer(write_planned_slots(DAY))
    assert claim_open(board, keeper, NOON + HOUR + 20) == [NOON + HOUR]
    again = board.start()
    assert claim_open(board, again, NOON + 6 * HOUR) == [NOON + 5 * HOUR]
    again.take_answer(write_planned_slots(replace(DAY, now=board.true)))
    assert claim_open(board, again, NOON + 10 * HOUR) == [NOON + 9 * HOUR]


def test_who_hears_nobody_goes_on_until_the_slots_have_run_out(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.start().take_answer(write_planned_slots(DAY))
    board.true += 4 * HOUR
    keeper = board.start()
    assert [one.begins for one in keeper.list_passed_slots()] == [NOON + HOUR]
    assert claim_open(board, keeper, NOON + 30 * 24 * HOUR, step=30) == [NOON + 5 * HOUR, NOON + 9 * HOUR]
    assert keeper.until == DAY.until < board.true
    assert keeper.count_wait() == float("inf")


def test_a_clock_that_is_earlier_than_the_monitor_said_is_not_gone_by(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.start().take_answer(write_planned_slots(plan(slot(NOON - 30), slot(NOON + HOUR))))
    board.wrong = -35.0  # a board without a clock of its own, after its power was cut
    keeper = board.start()
    assert keeper.find_open_slot() is None
    assert keeper.list_passed_slots() == []
    keeper.take_answer(write_planned_slots(plan(slot(NOON - 30), slot(NOON + HOUR))))
    assert keeper.find_open_slot() == slot(NOON - 30)


def test_an_answer_that_was_long_on_its_way_does_not_put_the_clock_back(tmp_path: Path) -> None:
    board = Board(tmp_path, true=NOON + 12)
    keeper = board.start()
    keeper.take_answer(write_planned_slots(DAY), took=16.0)
    assert keeper.tell_time() == NOON + 8
    board.true += 5
    assert keeper.tell_time() == board.start().tell_time() == NOON + 13


def test_a_monitor_s_clock_that_was_put_back_does_not_end_all_tests(tmp_path: Path) -> None:
    board = Board(tmp_path)
    keeper = board.start()
    ahead = NOON + 365 * 24 * HOUR
    keeper.take_answer(write_planned_slots(plan(slot(ahead), now=ahead, until=ahead + HOUR)))
    keeper.claim_slots(slot(ahead))
    keeper.take_answer(write_planned_slots(DAY))
    assert claim_open(board, keeper, NOON + 2 * HOUR) == [NOON + HOUR]


HUGE = json.dumps({"answer": write_planned_slots(DAY).decode(), "claimed": 10**400, "offset": 0}).encode()


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b'{"answer": 1, "claimed": 0, "offset": 0}', b"[" * 100_000, HUGE]
)
def test_a_damaged_file_is_said_and_nothing_is_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (tmp_path / FILE).write_bytes(content)
    keeper = Board(tmp_path).start()
    assert keeper.find_open_slot() is None
    assert keeper.until == 0
    assert "no throughput is tested until the monitor gives slots" in capsys.readouterr().err


def change(**fields: object) -> bytes:
    return json.dumps(json.loads(write_planned_slots(DAY)) | fields).encode()


def change_slot(**fields: object) -> bytes:
    return change(slots=[json.loads(write_planned_slots(DAY))["slots"][0] | fields])


WRONG = {
    "no JSON": (b"<html>", "no document of format 1"),
    "no UTF-8": (write_planned_slots(DAY).decode().encode("utf-16"), "no document of format 1"),
    "another format": (change(format=2), "no document of format 1"),
    "too large": (change(more="x" * 70_000), "no document of format 1"),
    "a time that is none": (change(now=float("nan")), "no now from"),
    "for years": (change(until=NOON + 400 * 24 * HOUR), "no until from"),
    "a truth as a time": (change(now=True), "no now from"),
    "regions that are none": (change(regions=[1]), "no regions"),
    "too many": (change(slots=[{}] * 401), "at most 400"),
    "another line": (change_slot(line="third"), "a line that this probe does not have"),
    "a line that is none": (change_slot(line=["primary"]), "a line that this probe does not have"),
    "of last week": (change_slot(begins=NOON - 7 * 24 * HOUR), "no begins from"),
    "a day long": (change_slot(ends=NOON + 30 * HOUR), "no ends from"),
    "ends before it may begin": (change_slot(latest=NOON + HOUR + 61), "no latest from"),
    "bytes without end": (change_slot(megabytes=1e12), "no megabytes from"),
    "two at once": (write_planned_slots(plan(slot(NOON), slot(NOON + 30, "backup"))), "not one after the other"),
    "no slot": (change(slots=[7]), "are no slots"),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_what_no_probe_can_keep_to_is_refused_and_what_it_had_stays(
    tmp_path: Path, content: bytes, message: str
) -> None:
    keeper = Board(tmp_path).start()
    keeper.take_answer(write_planned_slots(DAY))
    with pytest.raises(ProbeProblem, match=message):
        keeper.take_answer(content)
    assert keeper.count_wait() == HOUR
    assert parse_planned_slots(write_planned_slots(DAY), LINES) == DAY


@dataclass
class Wire:
    """What tests find: bits a second, or why nothing; each takes `takes` seconds."""

    board: Board
    answers: Iterator[float | SlotOutcome]
    takes: float = 4.0

    def measure(
        self, _: Configuration, recorder: RoundRecorder, path: ProbedPath, direction: str, limits: RateLimits
    ) -> list[Result] | SlotOutcome:
        assert limits.patience >= 0
        self.board.true += self.takes
        found = next(self.answers)
        if isinstance(found, SlotOutcome):
            return found
        return [recorder.record(LINE_THROUGHPUT, found, path, direction=direction)]


def run_test(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[float | SlotOutcome],
    megabytes: float = 1_000.0,
    takes: float = 4.0,
) -> tuple[int, SlotOutcome]:
    board = Board(tmp_path)
    monkeypatch.setattr(planned_test, "measure_idle", lambda *_: {})
    monkeypatch.setattr(planned_test, "measure_rate", Wire(board, iter(answers), takes).measure)
    configuration = replace(configure(8600, "t" * 43), paths=PATHS, throughput=ThroughputTests(seconds=2))
    test = PlannedTest(configuration, tmp_path, lambda: board.true, lambda: board.true)
    found = test.measure(slot(NOON, megabytes=megabytes), choose_paths(PATHS, "primary", ("tokyo", "osaka"), PATHS))
    return len(found.results), found.outcome


HUNDRED = 100e6
"""Bits a second: 25 megabytes in a test of two seconds."""
BUSY, NO_ANSWER = SlotOutcome.BUSY, SlotOutcome.NO_ANSWER


def test_a_slot_tests_both_directions_in_both_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_test(tmp_path, monkeypatch, [HUNDRED] * 4) == (4, SlotOutcome.MADE)


def test_it_stops_when_the_slot_s_bytes_are_used_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_test(tmp_path, monkeypatch, [HUNDRED] * 4, megabytes=100) == (4, SlotOutcome.MADE)
    assert run_test(tmp_path, monkeypatch, [HUNDRED] * 4, megabytes=99) == (3, SlotOutcome.MADE)
    # How far a test came that has no figure is not known: it counts like the largest one.
    assert run_test(tmp_path, monkeypatch, [HUNDRED, NO_ANSWER, NO_ANSWER, HUNDRED], megabytes=75)[0] == 1
    assert run_test(tmp_path, monkeypatch, [], megabytes=0) == (0, SlotOutcome.OVER_BUDGET)
    assert "its bytes are used up" in capsys.readouterr().err


def test_nothing_begins_that_would_end_after_the_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_test(tmp_path, monkeypatch, [HUNDRED] * 4, takes=25) == (3, SlotOutcome.MADE)
    assert run_test(tmp_path, monkeypatch, [NO_ANSWER], takes=58) == (0, SlotOutcome.LATE)


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [([NO_ANSWER] * 4, NO_ANSWER), ([BUSY] * 4, BUSY), ([BUSY, NO_ANSWER, NO_ANSWER, BUSY], BUSY)],
)
def test_why_there_is_no_figure_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[float | SlotOutcome], outcome: SlotOutcome
) -> None:
    assert run_test(tmp_path, monkeypatch, answers) == (0, outcome)
    assert run_test(tmp_path, monkeypatch, [BUSY, HUNDRED, HUNDRED, BUSY]) == (2, SlotOutcome.MADE)


def test_the_first_region_that_answers_is_tested() -> None:
    alive = [one for one in PATHS if (one.region, one.family) != ("tokyo", "ipv6")]
    assert {(one.region, one.family) for one in choose_paths(PATHS, "backup", ("tokyo", "osaka"), alive)} == {
        ("tokyo", "ipv4")
    }
    far = [one for one in PATHS if one.region == "osaka"]
    assert {one.region for one in choose_paths(PATHS, "backup", ("tokyo", "osaka"), far)} == {"osaka"}
    assert choose_paths(PATHS, "primary", ("tokyo",), far) == []
    assert choose_paths(PATHS, "primary", (), PATHS) == []


MINUTES = (5, 10, 15)
"""When the slots of a whole probe begin."""


@dataclass
class Probe:
    """A whole probe but for its network: a stepped clock, lines that answer, and a monitor that takes everything."""

    loop: MeasuringLoop
    board: Board
    sent: list[Result]
    said: list[ProbeStatus]

    def go_on(self, minutes: float) -> None:
        """Work as the loop does until so many minutes after noon."""
        while self.board.true < NOON + 60 * minutes:
            self.loop.measure()
            self.loop.send()
            self.loop.test_planned()
            self.board.true += 30

    def list_outcomes(self) -> list[tuple[float, float]]:
        return [(one.at, one.value) for one in self.sent if one.metric == PROBE_SLOT.name]


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Probe:
    board, sent, said = Board(tmp_path, wrong=-2 * HOUR), list[Result](), list[ProbeStatus]()

    def light(configuration: Configuration, clock: Callable[[], float]) -> list[Result]:
        recorder = RoundRecorder(configuration.school, clock)
        return [recorder.record(PATH_UP, float(one.line == "primary"), one) for one in configuration.paths]

    def send(results: list[Result], status: ProbeStatus) -> Answer:
        sent.extend(results)
        said.append(status)
        return Answer(Reception.TAKEN)

    endless = Wire(board, iter(lambda: HUNDRED, None))
    monkeypatch.setattr(measuring_loop, "measure_light", light)
    monkeypatch.setattr(planned_test, "measure_idle", lambda *_: {})
    monkeypatch.setattr(planned_test, "measure_rate", endless.measure)
    configuration = replace(configure(8600, "t" * 43), paths=PATHS)
    loop = MeasuringLoop(configuration, tmp_path, lambda: board.true + board.wrong, lambda: board.true)
    days = plan(
        *(slot(NOON + 60 * one, line) for one, line in zip(MINUTES, ("primary", "backup", "primary"), strict=True))
    )
    monkeypatch.setattr(Sender, "send", lambda _, *given: send(*given))
    monkeypatch.setattr(Sender, "ask_slots", lambda _: write_planned_slots(replace(days, now=board.true)))
    return Probe(loop, board, sent, said)


def test_a_probe_tests_in_its_slots_alone_and_says_what_became_of_each(probe: Probe) -> None:
    probe.go_on(20)
    outcomes = probe.list_outcomes()
    assert [value for _, value in outcomes] == [SlotOutcome.MADE, SlotOutcome.NO_ANSWER, SlotOutcome.MADE]
    own = [at - probe.board.wrong for at, _ in outcomes]
    assert all(begins < at < begins + 60 for at, begins in zip(own, (NOON + 60 * one for one in MINUTES), strict=True))
    rates = [one.at - probe.board.wrong for one in probe.sent if one.metric == LINE_THROUGHPUT.name]
    assert len(rates) == 8
    assert all(any(0 <= at - NOON - 60 * one <= 60 for one in MINUTES[::2]) for at in rates)
    assert probe.said[0].slots_until == 0
    assert probe.said[-1].slots_until == DAY.until


def test_a_probe_that_was_off_says_that_it_came_too_late(probe: Probe) -> None:
    probe.go_on(2)
    probe.board.true = NOON + 12 * 60
    probe.go_on(14)
    assert [value for _, value in probe.list_outcomes()] == [SlotOutcome.LATE] * 2


def test_while_a_claim_cannot_be_written_down_nothing_is_tested(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SlotKeeper, "claim_slots", refuse)
    probe.go_on(8)
    assert probe.list_outcomes() == []
    assert "no throughput is tested" in capsys.readouterr().err

"""The daemon's schedule: a clock that is turned by hand, duties that break off, hang and end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread

import pytest

from controller.daemon.scheduler import Duty, Scheduler
from controller.errors import AuditRefused, StoreRefused
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.in_memory_device.clock import ManualClock


@dataclass
class Desk:
    """A schedule whose duties run at once, and what it said."""

    duties: list[Duty]
    clock: ManualClock = field(default_factory=ManualClock)
    said: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(
            self.duties, self.clock, self.said.append, lambda *one: self.kept.append(one), start=Thread.run
        )

    def turn(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.scheduler.begin_due()


def count(runs: list[str], name: str, words: str = "") -> Callable[[Event], str]:
    def run(_: Event) -> str:
        runs.append(name)
        return words

    return run


def test_each_duty_has_its_own_pace() -> None:
    runs: list[str] = []
    desk = Desk([Duty("fast", 60, count(runs, "fast")), Duty("slow", 150, count(runs, "slow"))])
    for seconds in (0, 59, 1, 60, 30):
        desk.turn(seconds)
    assert runs == ["fast", "slow", "fast", "fast", "slow"]
    assert desk.said == []


def test_the_same_words_again_are_no_news() -> None:
    words = iter(["2 differ", "2 differ", "", "2 differ", "none differs"])
    desk = Desk([Duty("drift", 60, lambda _: next(words))])
    for _ in range(5):
        desk.turn(60)
    assert desk.said == ["drift: 2 differ", "drift: 2 differ", "drift: none differs"]


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (StoreRefused("the store is damaged"), "the store is damaged"),
        (ZeroDivisionError("hunter2"), "a fault of this program (ZeroDivisionError); please report it"),
    ],
)
def test_a_duty_that_breaks_off_is_told_once_and_ends_nothing(error: Exception, fault: str) -> None:
    runs: list[str] = []
    broken = [True]

    def break_off(_: Event) -> str:
        if broken:
            raise error
        return ""

    desk = Desk([Duty("drift", 60, break_off), Duty("measure", 60, count(runs, "measured"))])
    desk.turn(0)
    desk.turn(60)
    assert desk.kept == [("drift", fault)]
    assert desk.said == [f"drift: broke off: {fault}"]
    assert desk.scheduler.find_faults() == [f"drift: {fault}"]
    assert runs == ["measured", "measured"]
    broken.clear()
    desk.turn(60)
    assert desk.scheduler.find_faults() == []
    assert desk.said[-1] == "drift: works again"


def test_a_fault_that_cannot_be_recorded_is_said() -> None:
    def refuse(_: str, __: str) -> None:
        message = "the disk is full"
        raise AuditRefused(message)

    desk = Desk([Duty("drift", 60, lambda _: str(1 // 0))])
    desk.scheduler.on_fault = refuse
    desk.turn(0)
    assert desk.said[-1] == "drift: that stands in no record: the disk is full"


def test_a_duty_that_hangs_is_seen_and_never_runs_twice_at_once() -> None:
    began, go_on, runs = Event(), Event(), list[int]()

    def hang(_: Event) -> str:
        runs.append(1)
        began.set()
        assert go_on.wait(20)
        return ""

    desk = Desk([Duty("drift", 60, hang, longest_seconds=300)])
    desk.scheduler.start = Thread.start
    desk.turn(0)
    assert began.wait(20)
    assert desk.scheduler.find_faults() == []
    desk.turn(301)
    assert runs == [1]
    assert desk.scheduler.find_faults() == ["drift: hangs for 301 s"]
    go_on.set()


def test_a_jump_of_the_wall_clock_moves_nothing() -> None:
    runs: list[str] = []
    desk = Desk([Duty("drift", 3600, count(runs, "drift"))])
    desk.turn(0)
    desk.clock.start = desk.clock.start.replace(year=2031)
    desk.turn(0)
    desk.clock.start = desk.clock.start.replace(year=1999)
    desk.turn(0)
    assert runs == ["drift"]


def test_the_end_waits_for_what_changes_devices_and_leaves_what_only_reads() -> None:
    begun, never, ended = [Event(), Event()], Event(), list[str]()
    clock = SystemClock()

    def read(_: Event) -> str:
        begun[0].set()
        never.wait(30)
        return ""

    def change(stop: Event) -> str:
        begun[1].set()
        stop.wait(30)
        ended.append("the device that had begun")
        return ""

    scheduler = Scheduler(
        [Duty("drift", 60, read), Duty("rollouts", 5, change, changes_devices=True)], clock, print, lambda *_: None
    )
    thread = Thread(target=scheduler.run)
    thread.start()
    assert all(one.wait(20) for one in begun)
    asked = clock.monotonic()
    scheduler.stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert ended == ["the device that had begun"]
    assert clock.monotonic() - asked < 1.5, "0.5 s is waited for what only reads"
    never.set()

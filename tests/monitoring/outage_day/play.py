"""Plays the scripted day: to a real monitor under a clock that only the play moves, and before real Chromium."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb

from playwright.sync_api import Browser

from controller.model.city import City
from controller.telemetry.registry import LINE_LAST_HEARD, LINE_UP, ROLLOUT_LOST, SENDER_CLOCK_SKEW
from tests.monitoring.feed import LINES
from tests.monitoring.outage_day.alerts import Scrapes
from tests.monitoring.outage_day.page_look import PageLook
from tests.monitoring.outage_day.pictures import Shown
from tests.monitoring.outage_day.probes import Probes, name_probe
from tests.monitoring.outage_day.rollout import ToldRollout
from tests.monitoring.outage_day.script import Cast, Step
from tests.monitoring.outage_day.stepped_clock import SteppedClock
from tests.monitoring.page.conftest import opened
from tests.monitoring.running import Running, monitor

STEPPED = ("-m", "tests.monitoring.outage_day.stepped_clock")
CLOCK_SECONDS = 1.5
"""By how much a clock's measured error may differ from the script's."""

OnStep = Callable[[Step, Shown], None]
"""Called at the end of each step, while the day stands still."""


@dataclass
class Stage:
    """What stands on the stage: the clock, who sends, who looks, and the monitor; None while it is dead."""

    clock: SteppedClock
    probes: Probes
    rollout: ToldRollout
    look: PageLook
    monitor: Running | None
    url: str


@dataclass
class Play:
    """A day that is played, and what was scraped of it."""

    cast: Cast
    city: City
    folder: Path
    on_step: OnStep = lambda *_: None
    scrapes: Scrapes = field(default_factory=Scrapes)

    def __post_init__(self) -> None:
        self.scrapes.begins = self.cast.day.begins.timestamp()

    def run(self, browser: Browser) -> None:
        """Play it; whatever is not as the script says is an assertion's error that names the step."""
        with ExitStack() as stack:
            stage = self._set_stage(stack, browser)
            stage.look.city.open("/?lang=en")
            for step in self.cast.day.steps:
                self._change(step, stage, stack)
                self._pass_time(step, stage)
                self._hold(step, stage)
                self.on_step(step, Shown(browser, stage.url, stage.clock.now))
                stage.clock.move_to(stage.clock.now + self.cast.day.tick_seconds)

    def _set_stage(self, stack: ExitStack, browser: Browser) -> Stage:
        roles = self.cast.roles
        probes = Probes(self.city, self.cast.schools, roles)
        rollout = ToldRollout({roles[role]: self._find_device(roles[role]) for role in "abc"})
        clock = SteppedClock(self.folder / "clock", self.cast.day.begins.timestamp())
        stack.callback(clock.close)
        running = stack.enter_context(self._start(clock, 0))
        city, other = (stack.enter_context(opened(browser, running.url)) for _ in range(2))
        look = PageLook(city, other, self.cast.day, probes)
        look.set_clock(clock.now)
        return Stage(clock, probes, rollout, look, running, running.url)

    def _start(self, clock: SteppedClock, port: int) -> AbstractContextManager[Running]:
        return monitor(self.folder / "monitor.db", port, by=(*STEPPED, str(clock.path)))

    def _change(self, step: Step, stage: Stage, stack: ExitStack) -> None:
        """What happens at the beginning of a step."""
        if step.does.monitor == "killed" and stage.monitor is not None:
            stage.monitor.stop(signal.SIGKILL)
            stage.monitor = None
        elif step.does.monitor == "started":
            port = int(stage.url.rpartition(":")[2])
            stage.monitor = stack.enter_context(self._start(stage.clock, port))
        stage.probes.change(step.does)
        if step.does.rollout:
            stage.rollout.play(step.does.rollout, stage.url, stage.clock.now)

    def _pass_time(self, step: Step, stage: Stage) -> None:
        """Every tick of a step: what is measured is sent, and what the monitor then serves is kept."""
        first, seconds = stage.clock.now, self.cast.day.tick_seconds
        for tick in range(step.minutes * 60 // seconds):
            stage.clock.move_to(first + tick * seconds)
            stage.look.set_clock(stage.clock.now)
            if stage.monitor is None:
                self.scrapes.add(None)
                continue
            if stage.probes.list_heard():
                stage.probes.send(stage.url, stage.clock.now)
                stage.look.heard_at = stage.clock.now
            stage.rollout.beat(stage.url)
            self.scrapes.add(_read_metrics(stage.monitor))

    def _hold(self, step: Step, stage: Stage) -> None:
        """Compare the end of a step with the script."""
        try:
            if stage.monitor is not None:
                self._hold_metrics(step, stage.probes, _read_metrics(stage.monitor))
            stage.look.look(step, stage.clock.now, is_monitored=stage.monitor is not None)
        except AssertionError as error:
            why = str(error) or extract_tb(error.__traceback__)[-1].line
            message = f"at the end of the step {step.name} ({step.says}): {why}"
            raise AssertionError(message) from error

    def _hold_metrics(self, step: Step, probes: Probes, text: str) -> None:
        """What `/metrics` says of the lines, of when they were heard, of clocks and of rollouts."""
        served = {
            name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
        }
        for school in self.cast.schools:
            for line in LINES:
                place = f'{{school="{school}",line="{line}"}}'
                # Bad news is served however old it is; that a line is up is said only as long as it is heard.
                wanted = 0.0 if (school, line) in probes.down else None if school in probes.silent else 1.0
                found = served.get(f"{LINE_UP.prometheus}{place}")
                assert found == wanted, f"{LINE_UP.prometheus}{place} is {found}, not {wanted}"
                assert f"{LINE_LAST_HEARD.prometheus}{place}" in served, place
        for role, seconds in step.skewed.items():
            name = f'{SENDER_CLOCK_SKEW.prometheus}{{sender="probe/{name_probe(self.cast.roles[role])}"}}'
            assert abs(served[name] - seconds) <= CLOCK_SECONDS, (name, served[name])
        lost = served.get(ROLLOUT_LOST.prometheus)
        assert lost in ((1.0,) if step.rollout == "lost" else (None, 0.0)), lost

    def _find_device(self, school: str) -> str:
        return next(device.id for device in self.city.list_devices(self.city.school_by_id[school]))


def _read_metrics(running: Running) -> str:
    status, _, text = running.ask("/metrics")
    assert status == 200, status
    return text.decode()

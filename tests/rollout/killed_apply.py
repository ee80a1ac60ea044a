"""Carries out a plan and kills itself with SIGKILL at the start or the end of a step; a test runs it as a process.

Arguments: policies, plan, state folder, restore seconds, step, `start` or `end`. The step `first command` is the first
command that the push sends.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from controller.lab.lab_operations import build_lab_operations
from controller.model.loading.load_city import load_city
from controller.model.virtual_city import ESTATES
from controller.plan.document import load_plan
from controller.platforms.transport.base import SystemClock
from controller.platforms.transport.ssh_transport import SshTransport
from controller.rollout.waves import Settings, apply_plan
from controller.telemetry.timeline import Level, Span
from tests.rollout.memory_lab import planned_city


@dataclass(frozen=True)
class Killer:
    """Ends this process the hard way."""

    step: str
    moment: str

    def started(self, span: Span) -> None:
        self._perhaps(span, "start")

    def ended(self, span: Span) -> None:
        self._perhaps(span, "end")

    def _perhaps(self, span: Span, moment: str) -> None:
        name = "first command" if span.level is Level.COMMAND else span.name
        if span.level in (Level.STEP, Level.COMMAND) and (name, moment) == (self.step, self.moment):
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class PlansDay(SystemClock):
    """This machine's clock, but on the day that a plan was made for."""

    day: date

    def now(self) -> datetime:
        return datetime.combine(self.day, time(12), UTC)


def main() -> None:
    """Apply, until killed."""
    policies, plan_path, state, seconds, step, moment = sys.argv[1:]
    plan = load_plan(Path(plan_path))
    city = planned_city(load_city(Path(policies), on=plan.on, estate=ESTATES[plan.estate]), plan)
    settings = Settings(int(seconds), Path(state), SshTransport(build_lab_operations().access), PlansDay(plan.on))
    apply_plan(city, plan, settings, [Killer(step, moment)])


if __name__ == "__main__":
    main()

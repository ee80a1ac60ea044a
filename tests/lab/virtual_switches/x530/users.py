"""A user at a virtual x530, and a clock that stands still until it is moved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.x530.device import X530, Model

if TYPE_CHECKING:
    from controller.lab.virtual_switches.x530.command_line import X530CommandLine


@dataclass
class Clock:
    """Seconds since 1970; 2026-04-01 00:00 UTC at first."""

    now: float = 1_775_001_600.0

    def __call__(self) -> float:
        return self.now


@dataclass
class User:
    """A switch, its clock, and one who types."""

    clock: Clock = field(default_factory=Clock)
    startup: str | None = None
    model: Model = field(default_factory=Model)

    def __post_init__(self) -> None:
        self.switch = X530(self.startup, model=self.model, clock=self.clock)
        self.line: X530CommandLine = self.switch.open_command_line("admin")
        self.type("enable")

    def type(self, *lines: str) -> list[str]:
        """Type lines, and return what the last one said; a question ends the list as `? TEXT`."""
        said: list[str] = []
        for line in lines:
            answer = self.line.enter(line)
            said = [*answer.lines, *([f"? {answer.question.text}"] if answer.question else [])]
        return said

    def configure(self, *lines: str) -> list[str]:
        """Type lines in configuration mode, and return what the last one said."""
        return (
            self.type("end", "configure terminal", *lines)
            if self.line.mode.configures
            else self.type("configure terminal", *lines)
        )

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds
        self.switch.run_timers()

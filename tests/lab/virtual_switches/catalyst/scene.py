"""A virtual Catalyst with a clock that stands still until a test moves it."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.lab.virtual_switches.catalyst import C9300, CatalystModel, CatalystSwitch, Login
from controller.lab.virtual_switches.catalyst.session import Session

NOON = 1_795_953_600.0


@dataclass
class Clock:
    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    """A device and a session that is logged in."""

    startup: str = ""
    model: CatalystModel = C9300
    login: Login = field(default_factory=Login)

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.device = CatalystSwitch(self.model, self.startup, clock=self.clock, login=self.login)
        assert not self.device.refused_at_boot
        self.session: Session = self.device.open_command_line("admin")

    def enter(self, *lines: str) -> str:
        """Enter lines, and return all that was said."""
        said: list[str] = []
        for line in lines:
            answer = self.session.enter(line)
            said += answer.lines
            if answer.question is not None:
                said.append(answer.question.text)
        return "\n".join(said)

    def configure(self, *lines: str) -> str:
        """Enter lines in configuration mode."""
        said = self.enter("configure terminal", *lines, "end")
        return said.removeprefix("Enter configuration commands, one per line.  End with CNTL/Z.").strip("\n")

    def pass_minutes(self, minutes: float) -> None:
        self.clock.now += minutes * 60
        self.device.run_timers()

    @property
    def running(self) -> list[str]:
        return self.device.list_running()

    def block(self, header: str) -> list[str]:
        """The lines under a line of the running configuration."""
        lines = self.running
        place = lines.index(header)
        held = []
        for line in lines[place + 1 :]:
            if not line.startswith(" "):
                break
            held.append(line.strip())
        return held

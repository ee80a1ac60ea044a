"""The seam of a virtual switch: a device, its command lines, and the clock that its timers run by.

A device is a state machine that does no input or output. `Terminal` (echo, pager, prompt) and the SSH server stand
before its command lines; the data plane carries out its `Forwarding`; a test drives it with a clock of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from controller.lab.virtual_switches.forwarding import Forwarding

CONTROL_C = "\x03"
CONTROL_Z = "\x1a"


@dataclass(frozen=True, slots=True)
class Question:
    """What a command asks before it goes on; the next input answers it.

    `one_key`: a single key answers (`[confirm]`); else a line does. `hidden`: the answer is not echoed.
    """

    text: str
    one_key: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says, line by line; with a question it is not finished. `closed`: the session ends here."""

    lines: tuple[str, ...] = ()
    question: Question | None = None
    closed: bool = False


class CommandLine(Protocol):
    """One login's command line; several may be open on a device at once."""

    @property
    def prompt(self) -> str:
        """What stands before the next input."""

    @property
    def page(self) -> int:
        """Lines of a page of the pager; 0: there is none."""

    @property
    def pager(self) -> tuple[str, str]:
        """What the pager shows, and what wipes it away again."""

    def enter(self, line: str) -> Answer:
        """Take a line, or the answer to the question that is open.

        Ctrl-Z and Ctrl-C come as the lines `CONTROL_Z` and `CONTROL_C`; of a question for one key, Enter comes as "".
        """

    def hang_up(self) -> None:
        """Take note that the session is gone, however it ended."""


class SessionEvents(Protocol):
    """What a device does to a session by itself."""

    def show_line(self, line: str) -> None:
        """Write a line between what the user types and reads: a log line."""

    def close(self) -> None:
        """End the session, as a reload does."""


@runtime_checkable
class Notifying(Protocol):
    """A command line that says something, or ends, also when nothing is entered."""

    def attach(self, events: SessionEvents) -> None:
        """Take note of the session that it belongs to."""


class CommandLineDevice(Protocol):
    """A device with a vendor's command line. Its clock is an argument of its class."""

    @property
    def hostname(self) -> str:
        """Its name, as its prompt shows it."""

    def open_command_line(self, user: str) -> CommandLine:
        """Log a user in."""

    def show_running(self) -> str:
        """Return the running configuration as the device shows it, past every session: a test's own dump."""

    def show_startup(self) -> str | None:
        """Return what it would boot with; None where nothing is saved."""

    def run_timers(self) -> None:
        """Let happen what is due by its clock: a revert, a scheduled reload, a trigger."""

    def next_timer(self) -> float | None:
        """Return when the next thing is due, in the seconds of its clock; None: nothing is."""

    def reboot(self) -> None:
        """Start anew from what is saved, as after a power cut; all sessions end."""


class VirtualSwitch(CommandLineDevice, Protocol):
    """A device with a vendor's command line that says what its data plane does."""

    def get_forwarding(self) -> Forwarding:
        """Return what it does with packets now."""


@runtime_checkable
class HoldsUsers(Protocol):
    """A device that knows who may log in by its own configuration."""

    def accepts_login(self, user: str, password: str) -> bool:
        """Tell if a user of its configuration has this password."""

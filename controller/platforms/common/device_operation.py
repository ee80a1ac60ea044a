"""The operation of a device that keeps nothing for its controller: what the ways to change one have in common."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Protocol

from controller.errors import CommandFailed, DeviceError
from controller.model.network.device_state import Capabilities, DeviceState
from controller.platforms.base import Command, Lock, Observation, Readable, Restore, Session, Step
from controller.platforms.device_text.device_text import DeviceText, describe_device_words
from controller.platforms.transport.base import Clock

ENTER, LEAVE = "configure terminal", "end"


@dataclass(frozen=True, slots=True)
class ArmedNote:
    """What the controller remembers of a change that it began on a device, or of a restore that it armed there.

    `owner` is the plan's digest, `text` the digest of the configuration before, `state` what of it is ours, as
    `format_state` writes it.
    """

    owner: str
    run: str
    way: str
    text: str
    state: tuple[str, ...] = ()


class ArmedNotes(Protocol):
    """Where the controller keeps the note of a device; it outlives the process."""

    def load(self) -> ArmedNote | None:
        """Return the note; None where there is none."""

    def store(self, note: ArmedNote) -> None:
        """Keep a note in the place of an older one."""

    def forget(self) -> None:
        """Drop the note."""


@dataclass(frozen=True, slots=True)
class OperationContext:
    """What the controller gives to the operation of a device."""

    notes: ArmedNotes
    clock: Clock


def has_line(text: DeviceText, pattern: re.Pattern[str]) -> bool:
    """Tell if a configuration holds what a pattern finds."""
    return pattern.search(text.reveal()) is not None


def ask_device(session: Session, command: Command) -> str:
    """Return a device's answer about its own restore, saving or storage; never for a message as it is."""
    return session.run(command).reveal()


class DeviceOperation(ABC):
    """What `controller.platforms.base.Operable` promises, by the device's command line and the controller's notes.

    `accepts` are lines of the device that look like a refusal and are none. `answers_nothing`: not every refusal of the
    system is known, but what it takes it takes without a word, so that any answer to a line of configuration is one.
    """

    poll_seconds = 2.0
    answers_nothing = False
    accepts: tuple[str, ...] = ()
    volatile = re.compile(r"(?!)")
    """Lines of a configuration that change by themselves."""

    def __init__(self, platform: Readable, context: OperationContext) -> None:
        self._platform = platform
        self._context = context
        self._lock: Lock | None = None
        self._text: DeviceText | None = None
        self._pushed = False
        self._inside = False

    # --- what the platform's text means ---

    @property
    def name(self) -> str:
        """The platform's name."""
        return self._platform.name

    @property
    def capabilities(self) -> Capabilities:
        """What the platform can do."""
        return self._platform.capabilities

    @property
    def device_type(self) -> str:
        """The name that netmiko has for the system."""
        return self._platform.device_type

    def render(self, state: DeviceState) -> str:
        """Return our part of a configuration."""
        return self._platform.render(state)

    def parse(self, text: str, source: str) -> Observation:
        """Understand a configuration."""
        return self._platform.parse(text, source)

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """Return the ordered steps from one state to another."""
        return self._platform.plan_steps(now, wanted)

    def read(self, session: Session) -> DeviceText:
        """Return the running configuration, and remember it."""
        text = self._platform.read(session)
        if not self._pushed:
            self._text = text
        return text

    def read_saved(self, session: Session) -> DeviceText:
        """Return what the device would boot with."""
        return self._platform.read_saved(session)

    # --- what changes the device ---

    @property
    def settle_seconds(self) -> float:
        """How long after its time a restore may still be under way."""
        return 0.0

    @property
    @abstractmethod
    def inherits(self) -> bool:
        """Whether an earlier run of the same plan left something on the device that this run must know of."""

    @abstractmethod
    def round_seconds(self, seconds: int) -> int:
        """Return what a time to the restore becomes, in seconds."""

    @abstractmethod
    def lock(self, session: Session, lock: Lock) -> None:
        """Take the device; see `controller.platforms.base.Operable`."""

    def unlock(self, session: Session, lock: Lock) -> None:
        """Give the device back: nothing of ours stands on it."""
        del session, lock

    @abstractmethod
    def arm(self, session: Session, restore: Restore) -> None:
        """Make the device put its old state back by itself; see `controller.platforms.base.Operable`."""

    @abstractmethod
    def push(self, session: Session, restore: Restore, command: Command) -> None:
        """Type one line; see `controller.platforms.base.Operable`."""

    @abstractmethod
    def cancel(self, session: Session, restore: Restore) -> bool:
        """Cancel the restore; see `controller.platforms.base.Operable`."""

    @abstractmethod
    def is_restore_armed(self, session: Session) -> bool:
        """Say if a restore is armed; it is read from the device."""

    @abstractmethod
    def has_restored(self, session: Session, restore: Restore) -> bool:
        """Say if the restore has ended; see `controller.platforms.base.Operable`."""

    @abstractmethod
    def save(self, session: Session, lock: Lock) -> None:
        """Make the running configuration the one that the device boots with.

        Raises:
            CommandFailed: it was not saved; says what the device said.
        """

    # --- what is the same for all ---

    def write_command(self, command: Command) -> Command:
        """Return a command as it is typed."""
        return replace(command, accepts=self.accepts)

    def digest(self, text: DeviceText) -> str:
        """Return the digest of a configuration, without the lines that change by themselves."""
        lines = (line.rstrip() for line in text.reveal().split("\n"))
        kept = (line for line in lines if line and not self.volatile.match(line))
        return hashlib.sha256("\n".join(kept).encode()).hexdigest()

    def reveal_configuration(self) -> str:
        """Return the configuration that was read, to look for a line of it; "" before it was read."""
        return self._text.reveal() if self._text is not None else ""

    def _type(self, session: Session, command: Command) -> None:
        """Type a line, and leave configuration mode where it is refused."""
        self._pushed = True
        try:
            said = session.run(self.write_command(command))
            if self.answers_nothing and command.line != LEAVE:
                _refuse_words(session, command, said)
        except CommandFailed:
            self._leave(session)
            raise
        self._inside = (self._inside or command.line == ENTER) and command.line != LEAVE

    def _leave(self, session: Session) -> None:
        """Leave configuration mode after a line that failed; the session may be gone."""
        if not self._inside:
            return
        self._inside = False
        leaving = self.write_command(Command(LEAVE))
        try:
            session.run(Command(LEAVE, replies=leaving.replies, accepts=("%",)))
        except DeviceError:
            return


def _refuse_words(session: Session, command: Command, said: DeviceText) -> None:
    """Refuse an answer to a line that is taken without a word.

    Raises:
        CommandFailed: there is one.
    """
    if words := said.reveal().strip():
        shown = describe_device_words(command.hide_secrets(words))
        message = f"it answered a line that is taken without a word: {shown}"
        raise CommandFailed(session.device, message, command=command.shown_line)

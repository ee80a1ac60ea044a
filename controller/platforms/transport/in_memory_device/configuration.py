"""What a device in memory is set to: the seam for each system, and the simplest of them, a set of lines."""

from __future__ import annotations

from typing import Protocol

from controller.platforms.base import Command


class Refused(Exception):
    """What a device says to a command that it does not take."""


class Configuration(Protocol):
    """What a device of some system is set to, and what a command does to it."""

    def show(self) -> str:
        """The running configuration."""

    def load(self, text: str) -> None:
        """Become what a running configuration says."""

    def split(self, command: Command) -> tuple[Command, ...]:
        """The parts of a command that the device carries out one after the other; a whole bundle is one part."""

    def execute(self, command: Command) -> str:
        """Carry a command out, and give what it prints.

        Raises:
            Refused: the device does not take it.
        """


class LineConfiguration:
    r"""A configuration of lines; a command's input holds lines to add, and `no LINE` for lines to take away.

    No word of it can be said twice: a line that is there cannot be added, one that is not there cannot be taken away.

    >>> configuration = LineConfiguration("vlan 10 staff\n")
    >>> configuration.execute(Command("configure", "vlan 20 pupil\nno vlan 10 staff\n"))
    ''
    >>> configuration.show()
    'vlan 20 pupil\n'
    """

    def __init__(self, text: str = "") -> None:
        self._lines: set[str] = set()
        self.load(text)

    def show(self) -> str:
        """The lines, in order."""
        return "".join(f"{line}\n" for line in sorted(self._lines))

    def load(self, text: str) -> None:
        """Hold these lines and no others."""
        self._lines = set(text.splitlines())

    def split(self, command: Command) -> tuple[Command, ...]:
        """A command for each line."""
        return tuple(Command(command.line, f"{line}\n") for line in (command.stdin or "").splitlines())

    def execute(self, command: Command) -> str:
        """Add and take away lines; the first that is refused ends it.

        Raises:
            Refused: names the line.
        """
        if command.line != "configure":
            message = f"{command.line}: not found"
            raise Refused(message)
        for line in (command.stdin or "").splitlines():
            name = line.removeprefix("no ")
            if (name in self._lines) == (name == line):
                message = f"{line!r} cannot be done: {'it is there' if name == line else 'there is no such line'}"
                raise Refused(message)
            self._lines ^= {name}
        return ""

"""The formats that a kind of file has had, and the step from each to the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.inputs.shown_text import shorten_value
from controller.model.formats.text_edits import Path, find_node, write_field
from controller.model.yaml_source import FORMAT


class MigrationRefused(ValueError):
    """A file cannot be rewritten by a program; the message says what a person has to do first."""


@dataclass(frozen=True, slots=True)
class Migration:
    """The step from format `since` to the next one, on the text of a file.

    `apply` leaves alone what it has no reason to change, comments and layout too; the number itself is written by who
    carries the step out. It raises `MigrationRefused` where it does not know how. `summary` says what changes, in a
    few words. `advise` returns lines for a person: what has to be written elsewhere now.
    """

    since: int
    summary: str
    apply: Callable[[str], str]
    advise: Callable[[str], tuple[str, ...]] = lambda _: ()


_MOST_DIGITS = 9


def _keep_text(text: str) -> str:
    return text


NUMBERED = Migration(0, "the file says which format it is written in", _keep_text)
"""The step that every policy file takes first: nothing changes but the number."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a kind of file is numbered. A file without a number is of format `unnumbered`.

    `written_as` is how today's number stands in the file, `path` where.

    Raises:
        ValueError: a step is missing, so that some older file could not be rewritten.
    """

    current: int
    migrations: tuple[Migration, ...] = (NUMBERED,)
    unnumbered: int = 0
    path: Path = (FORMAT,)
    quoted: bool = False

    def __post_init__(self) -> None:
        steps = [one.since for one in self.migrations]
        if steps != list(range(self.unnumbered, self.current)):
            message = f"formats {self.unnumbered} to {self.current} need one migration each, in order; given: {steps}"
            raise ValueError(message)

    def read_number(self, text: str) -> int:
        """The format of a file.

        Raises:
            MigrationRefused: what stands there is no number of a format.
        """
        node = find_node(text, self.path)
        if node is None:
            return self.unnumbered
        number = str(node.value)
        if not number.isdecimal() or len(number) > _MOST_DIGITS or int(number) < 1:
            message = f"{'.'.join(self.path)}: must be a whole number from 1 on (found {shorten_value(number)})"
            raise MigrationRefused(message)
        return int(number)

    def find_line(self, text: str) -> int:
        """The line of the number, counted from 1; the first line where there is none."""
        node = find_node(text, self.path)
        return 1 if node is None else int(node.start_mark.line) + 1

    def write_number(self, text: str, number: int) -> str:
        """The text with another number."""
        return write_field(text, self.path, f'"{number}"' if self.quoted else str(number))

    def list_advice(self, text: str) -> tuple[str, ...]:
        """Return what a person has to write elsewhere when a file is brought to today's format."""
        found = self.read_number(text)
        return tuple(line for step in self.migrations if step.since >= found for line in step.advise(text))

    def migrate_text(self, text: str) -> str:
        """The file as it is written today; one of today's format comes back as it is.

        Raises:
            MigrationRefused: it is of a newer format, or a step does not know how.
        """
        found = self.read_number(text)
        if found == self.current:
            return text
        if found > self.current:
            message = (
                f"is of format {found}; this release of Tsunagu knows formats up to {self.current}: install the "
                "release that wrote the file, or take the file as it was before"
            )
            raise MigrationRefused(message)
        for step in self.migrations:
            if step.since >= found:
                text = step.apply(text)
        return self.write_number(text, self.current)

"""What a long run has played, a line of JSON each: a run that was ended goes on where it stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from controller.errors import TsunaguError
from controller.storage.file_lock import lock_descriptor

Line = TypeVar("Line")


class KeptFileDamaged(TsunaguError):
    """A line of the file is not what a run has kept."""

    def __init__(self, path: Path, number: int, why: str) -> None:
        super().__init__(f"{path}:{number}: {why}; delete this line, and what it kept is played again")


@dataclass(frozen=True)
class KeptLines(Generic[Line]):
    """An open file of a run, which no other run can open meanwhile."""

    path: Path
    form: TypeAdapter[Line]
    file: IO[str]

    def list_lines(self) -> list[Line]:
        """Return what earlier runs have kept.

        Raises:
            KeptFileDamaged: one line is no such thing.
        """
        lines = self.path.read_bytes().splitlines(keepends=True)
        return [self._validate(number, line) for number, line in enumerate(lines, 1)]

    def add_line(self, line: Line) -> None:
        """Keep one, also through the end of the machine."""
        self.file.write(self.form.dump_json(line).decode("utf-8") + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())

    def _validate(self, number: int, line: bytes) -> Line:
        if not line.endswith(b"\n"):
            raise KeptFileDamaged(self.path, number, "the line was not written to its end")
        try:
            return self.form.validate_json(line.decode("utf-8"))
        except UnicodeDecodeError:
            raise KeptFileDamaged(self.path, number, "the line is not UTF-8") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise KeptFileDamaged(self.path, number, f"{where}: {first['msg']}".removeprefix(": ")) from None


@contextmanager
def open_kept_lines(path: Path, form: TypeAdapter[Line]) -> Iterator[KeptLines[Line]]:
    """Open the file of a run, which is made where it is missing.

    Raises:
        FileLocked: another run has it open.
        TsunaguError: it cannot be opened.
    """
    try:
        opened = path.open("a", encoding="utf-8")
    except OSError as error:
        message = f"{path}: cannot be opened ({error.strerror}); name a file, in a folder that is there"
        raise TsunaguError(message) from None
    with opened as file:
        lock_descriptor(file.fileno(), path)
        yield KeptLines(path, form, file)

"""Rewrites files of older formats: first all of them in memory, then each as a whole or not at all."""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from controller.errors import InputError, InputRefused, Origin, Problem
from controller.inputs.bounded_yaml import YamlRefused
from controller.inputs.input_file import InputFolder, decode_text, read_input_file
from controller.inputs.real_path import find_real_path
from controller.model.formats.migration import FileFormat, MigrationRefused
from controller.model.policy_files import POLICY_FILES, PolicyFile


class MigrationFailed(InputError):
    """Files cannot be brought to the formats of today; none was written."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A file that has another text in the format of today.

    `steps` says what changes, `advice` what a person has to write elsewhere.
    """

    path: Path
    before: str
    after: str
    found: int
    current: int
    steps: tuple[str, ...]
    advice: tuple[str, ...] = ()

    def format_diff(self) -> str:
        """The change as a unified diff."""
        name = str(self.path)
        old, new = self.before.splitlines(keepends=True), self.after.splitlines(keepends=True)
        lines = difflib.unified_diff(old, new, f"{name} (format {self.found})", f"{name} (format {self.current})")
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def find_policy_files(
    policies: Path, table: tuple[PolicyFile[BaseModel], ...] = POLICY_FILES
) -> Iterator[tuple[Path, FileFormat]]:
    """Every file of a policy, of every stack's outputs too, with the formats of its kind.

    Raises:
        InputRefused: a file or a folder is reached by a link that leads out of the policy, or has a strange name.
    """
    folder = InputFolder(policies)
    for file in table:
        for name in folder.list_names(file.folder, file.pattern.rpartition("/")[2]):
            if not file.matches(name):
                continue
            # What leads out of the policy shall not be written to.
            folder.read_bytes(name)
            yield policies / name, file.file_format


def plan_rewrites(files: Iterable[tuple[Path, FileFormat]]) -> list[Rewrite]:
    """What has to be rewritten, file by file; nothing is written.

    Raises:
        MigrationFailed: files are no YAML, of a newer format, or not to be rewritten by a program; all of them.
    """
    found: list[Rewrite] = []
    problems: list[Problem] = []
    for path, kind in files:
        try:
            # Who listed the files has seen that no link leads out of the folder.
            text = decode_text(read_input_file(find_real_path(path)), path)
            number = kind.read_number(text)
            migrated = kind.migrate_text(text)
            _check_readable(kind, migrated)
        except (YamlRefused, InputRefused) as error:
            problems.append(Problem(Origin(str(path), error.line), "", error.why))
        except FileNotFoundError:
            problems.append(Problem(Origin(str(path), 1), "", "file is missing"))
        except ValueError as error:
            problems.append(Problem(Origin(str(path), kind.find_line(text)), "", str(error)))
        else:
            if migrated != text:
                steps = tuple(step.summary for step in kind.migrations if step.since >= number)
                found.append(Rewrite(path, text, migrated, number, kind.current, steps, kind.list_advice(text)))
    if problems:
        message = "Nothing was written; these files cannot be brought to the formats of today:"
        raise MigrationFailed(message, problems)
    return found


def _check_readable(kind: FileFormat, text: str) -> None:
    """A step that spoils a file is a fault of ours; it must not reach the disk."""
    if kind.read_number(text) != kind.current:
        message = f"the migration did not lead to format {kind.current}; the file is left as it is"
        raise MigrationRefused(message)


def write_rewrite(rewrite: Rewrite) -> None:
    """Replace the file as a whole; whoever reads it sees the old or the new text.

    Raises:
        MigrationFailed: the file has changed since it was read.
    """
    path = find_real_path(rewrite.path)
    if read_input_file(path) != rewrite.before.encode("utf-8"):
        what = "A file was not written:"
        problem = Problem(Origin(str(rewrite.path), 1), "", "has changed since it was read; run the command again")
        raise MigrationFailed(what, [problem])
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    unfinished = Path(temporary)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(rewrite.after.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        unfinished.chmod(path.stat().st_mode & 0o7777)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise

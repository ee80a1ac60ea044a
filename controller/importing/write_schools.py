"""Tries changed files of schools as a city, and writes them: all are tried before the first is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from controller.errors import Interrupted, Origin, PolicyError, Problem, TsunaguError
from controller.importing.school_files import FileChange
from controller.importing.source_table import ImportRefused
from controller.inputs.input_file import InputFolder
from controller.inputs.real_path import find_real_path
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_bounds import PolicyBounds
from controller.storage.whole_file import write_whole


def try_changes(
    policies: Path, changes: Sequence[FileChange], on: date, bounds: PolicyBounds, *, shown_as: Path | None = None
) -> City:
    """Return the city that there would be with changed files; nothing is written into the policy folder.

    `shown_as` is what messages call the folder, where it is not its own name.

    Raises:
        ImportRefused: it would be none, with all that is wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        instead: dict[str, Path] = {}
        for one in changes:
            place = instead[one.name] = Path(folder) / one.name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(one.after.encode("utf-8"))
        try:
            shown = None if shown_as is None else str(shown_as)
            return load_city(policies, on=on, instead=instead, bounds=bounds, shown_as=shown)
        except PolicyError as error:
            what = "With these schools the city would not be valid; nothing was written:"
            raise ImportRefused(what, list(show_in_policies(error.problems, folder, shown_as or policies))) from None


def show_in_policies(problems: Iterable[Problem], folder: str, policies: Path) -> Iterable[Problem]:
    """Yield problems as they would stand in the policy folder."""
    for one in problems:
        origin = Origin(one.origin.file.replace(folder, str(policies)), one.origin.line)
        yield Problem(origin, one.field, one.message.replace(folder, str(policies)))


def write_changes(policies: Path, changes: Sequence[FileChange]) -> None:
    """Write the files, each whole; one that was changed since it was read stops it before the first is written.

    Raises:
        ImportRefused: a file has changed.
        Interrupted: Ctrl-C in the middle; says how many files are written.
        TsunaguError: a file cannot be written; names it, and those that are written already.
    """
    folder = InputFolder(policies)
    for one in changes:
        if (folder.read_bytes(one.name) if folder.exists(one.name) else None) != _encode(one.before):
            problem = Problem(Origin(str(policies / one.name), 1), "", "has changed since it was read; run it again")
            what = "Nothing was written:"
            raise ImportRefused(what, [problem])
    written: list[str] = []
    for one in changes:
        path = find_real_path(policies / one.name)
        try:
            path.parent.mkdir(exist_ok=True)
            mode = path.stat().st_mode & 0o7777 if one.before is not None else None
            write_whole(one.after.encode("utf-8"), path, private=False, mode=mode)
        except KeyboardInterrupt:
            # A file is written whole or not at all; which of them are is the question.
            message = f"{len(written)} of {len(changes)} files were written; run it again, and it goes on from there"
            raise Interrupted(message) from None
        except OSError as error:
            done = f"written before it: {', '.join(written)}" if written else "nothing was written"
            message = f"{policies / one.name}: cannot be written: {error.strerror or error}; {done}"
            raise TsunaguError(message) from None
        written.append(one.name)


def _encode(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8")

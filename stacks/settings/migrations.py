"""From older formats of a stack's configuration (`stacks/config/Pulumi.<stack>.yaml`) to the one of today.

What each format means stands in `stacks.settings.configuration`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from controller.inputs.input_file import InputFolder
from controller.model.formats.migration import FileFormat, Migration, MigrationRefused
from controller.model.formats.text_edits import find_entry, find_last_line, find_node, insert_lines, remove_lines
from stacks.settings.configuration import FORMAT

_DATABASE = ("config", "tsunagu:database")
_OWNER = ("config", "tsunagu:applications", "affairs")
"""The application that the one database of format 1 belonged to."""
_FILES = ("files:", "  old-versions-days: 90")
"""The bucket that came with it, as format 1 made it."""


def move_database_to_its_application(text: str) -> str:
    """Format 1 to 2: the stack's one database, and the bucket beside it, stand at the application that has them.

    Where that application does not run on Cloud Run there was neither, so the setting goes away.

    Raises:
        MigrationRefused: the application's fields stand in braces, or it has a database already.
    """
    entry = find_entry(text, _DATABASE)
    if entry is None:
        return text
    first, last = _find_first_comment(text, entry[0]), find_last_line(entry[1])
    moved = text.splitlines()[first : last + 1]
    owner = find_node(text, _OWNER)
    kind = find_node(text, (*_OWNER, "hosting", "kind"))
    if owner is None or kind is None or kind.value != "cloud-run":
        return remove_lines(text, first, last)
    if not isinstance(owner, yaml.MappingNode) or owner.flow_style:
        message = f"{'.'.join(_OWNER[1:])}: stands in braces; write its fields one in a line, then migrate again"
        raise MigrationRefused(message)
    if find_node(text, (*_OWNER, "database")) is not None:
        message = f"{'.'.join(_OWNER[1:])}.database is there beside {_DATABASE[1]}: delete the one that is not meant"
        raise MigrationRefused(message)
    column = owner.value[0][0].start_mark.column
    shift = column - entry[0].start_mark.column
    written = [_shift_line(line, shift) for line in moved]
    head = _first_line_of_key(moved)
    written[head] = written[head].replace(f"{_DATABASE[1]}:", "database:", 1)
    if find_node(text, (*_OWNER, "files")) is None:
        written += [" " * column + line for line in _FILES]
    behind = find_last_line(owner)
    if behind < first:
        return insert_lines(remove_lines(text, first, last), behind, written)
    return remove_lines(insert_lines(text, behind, written), first, last)


def _first_line_of_key(lines: list[str]) -> int:
    """The number of the first line that is no comment."""
    return next(number for number, line in enumerate(lines) if not line.lstrip().startswith("#"))


def _find_first_comment(text: str, key: yaml.Node) -> int:
    """The line where the comment begins that stands directly over a key, at its column; else the key's own."""
    lines = text.splitlines()
    line = int(key.start_mark.line)
    indent = " " * int(key.start_mark.column) + "#"
    while line > 0 and lines[line - 1].startswith(indent):
        line -= 1
    return line


def _shift_line(line: str, shift: int) -> str:
    if not line.strip():
        return line
    return " " * shift + line if shift >= 0 else line.removeprefix(" " * -shift)


STACK_FORMAT = FileFormat(
    FORMAT,
    (
        Migration(
            1,
            "`tsunagu:database` stands at the application that has it, `files` beside it",
            move_database_to_its_application,
        ),
    ),
    unnumbered=1,
    path=("config", "tsunagu:format"),
    quoted=True,
)
"""Format 1 had no number."""


def find_stack_files(folder: Path) -> Iterator[tuple[Path, FileFormat]]:
    """Every stack's configuration in a folder, with its formats.

    Raises:
        InputRefused: a file is reached by a link that leads out of the folder, or is no regular file.
    """
    files = InputFolder(folder)
    for name in files.list_names("", "Pulumi.*.yaml"):
        files.read_bytes(name)
        yield folder / name, STACK_FORMAT

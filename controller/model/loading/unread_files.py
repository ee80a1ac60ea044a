"""Refuses files of a policy folder that nobody reads: a file that is skipped is a ward that vanishes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from pydantic import BaseModel

from controller.errors import InputRefused, Origin, Problem
from controller.inputs.input_file import InputFolder
from controller.model.policy_files import PolicyFile

_READMES = ("README.md", "README.ja.md")
_LOCKS = (".~lock", "~$")
_NEARLY = (".yml", ".yaml.txt", ".yml.txt", ".YAML", ".YML")
_TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")


def find_unread_files(folder: InputFolder, shown_as: str, table: Sequence[PolicyFile[BaseModel]]) -> Iterator[Problem]:
    """Yield a problem for each entry that no kind of file matches, in the folders that kinds of files stand in.

    What is hidden (`.git`) and a README are nobody's business. In the policy folder itself anything else may stand. But
    what looks like a policy file is read, or refused.
    """
    folders = {place for file in table for place in _list_folders(file.folder)}
    listed = {file.folder for file in table if file.is_folder}
    for place in sorted(folders):
        try:
            names = folder.list_names(place, "*")
        except InputRefused as refused:
            if place not in listed:  # of those who reads their files has said it
                yield Problem(Origin(f"{shown_as}/{place}".rstrip("/"), 1), "", refused.why)
            continue
        for name in names:
            last = PurePosixPath(name).name
            if name in folders or any(file.matches(name) for file in table) or last in _READMES:
                continue
            if _looks_like_policy(last) or (place and not last.startswith(".")):
                yield Problem(Origin(f"{shown_as}/{name}", 1), "", _explain(place, last, table))


def _looks_like_policy(last: str) -> bool:
    return last.lower().endswith((".yaml", *_NEARLY)) or last.startswith(_LOCKS)


def _list_folders(folder: str) -> Iterator[str]:
    """The folder and those that it stands in, the policy folder ("") among them."""
    yield ""
    parts = PurePosixPath(folder).parts
    yield from ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _explain(place: str, last: str, table: Sequence[PolicyFile[BaseModel]]) -> str:
    if last.startswith(_LOCKS):
        return "is a lock file of an open program; close the program, or delete the file"
    read = ", ".join(PurePosixPath(file.pattern).name for file in table if file.folder == place) or "no file"
    for ending in _NEARLY:
        if last.endswith(ending):
            return f"is not read; name it {last.removesuffix(ending)}.yaml (here are read: {read})"
    if last.lower().endswith(_TABLES):
        return f"is a table, and is not read; write its rows as YAML (here are read: {read})"
    return f"is not read; move it out of the policy folder (here are read: {read})"

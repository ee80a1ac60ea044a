"""Refuses files of a policy folder that nobody reads: a file that is skipped is a ward that vanishes."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from pydantic import BaseModel

from controller.errors import InputRefused, Origin, Problem
from controller.inputs.input_file import InputFolder
from controller.inputs.real_path import find_real_path
from controller.model.policy_files import COMPANIONS, LOCKS, SCHOOLS, PolicyFile

_READMES = ("README.md", "README.ja.md")
_NEARLY = (".yml", ".yaml.txt", ".yml.txt", ".YAML", ".YML")
_OWN = frozenset({"schema"})
"""Folders of ours that hold no policy: schemas for editors."""
_DEEPEST = 2
"""How far below a folder files are looked for."""
_TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods")


def find_unread_files(folder: InputFolder, shown_as: str, table: Sequence[PolicyFile[BaseModel]]) -> Iterator[Problem]:
    """Yield a problem for each entry that no kind of file matches, in the folders that kinds of files stand in.

    What is hidden (`.git`) and a README are nobody's business. In the policy folder itself anything else may stand, but
    what looks like a policy file, or like a folder of them, is read, or refused.
    """
    folders = {place for file in table for place in _list_folders(file.folder)}
    listed = {file.folder for file in table if file.is_folder}
    found: dict[str, list[str]] = {}
    for place in sorted(folders):
        try:
            found[place] = folder.list_names(place, "*")
        except InputRefused as refused:
            if place not in listed:  # of those who reads their files has said it
                yield Problem(Origin(f"{shown_as}/{place}".rstrip("/"), 1), "", refused.why)
    entries = [
        (place, name)
        for place, names in found.items()
        for name in names
        if name not in folders and PurePosixPath(name).name not in _READMES
    ]
    read = {find_real_path(folder.path / name) for _, name in entries if any(file.matches(name) for file in table)}
    for place, name in entries:
        last = PurePosixPath(name).name
        if any(file.matches(name) for file in table):
            continue
        if not place and _is_stray_folder(folder, name, folders, read):
            yield Problem(Origin(f"{shown_as}/{name}", 1), "", _explain_stray(last, folders))
        elif _looks_like_policy(last) or (place and not last.startswith(".")):
            yield Problem(Origin(f"{shown_as}/{name}", 1), "", _explain(place, last, table))


def _looks_like_policy(last: str) -> bool:
    return last.lower().endswith((".yaml", *_NEARLY)) or last.startswith(COMPANIONS)


def _is_stray_folder(
    folder: InputFolder, name: str, folders: Collection[str], read: Collection[Path], depth: int = 0
) -> bool:
    """Tell if a folder beside those of the policy is called like one of them, or holds what looks like their files.

    `read` are the files that are read: links may lead to such a folder, as in a mounted volume.
    """
    last = PurePosixPath(name).name
    if name in _OWN or last.startswith((".", "__")):
        return False
    try:
        inside = folder.list_names(name, "*")
    except InputRefused:  # a file, or a link that leads out
        return False
    return (
        _find_meant(last, folders) is not None
        or any(
            _looks_like_policy(PurePosixPath(one).name) and find_real_path(folder.path / one) not in read
            for one in inside
        )
        or (depth < _DEEPEST and any(_is_stray_folder(folder, one, folders, read, depth + 1) for one in inside))
    )


def _find_meant(last: str, folders: Collection[str]) -> str | None:
    """The folder of the policy that a name most likely stands for: `stack_outputs`, `Schools`."""
    plain = unicodedata.normalize("NFKC", last).lower().replace("_", "-").strip(" .")
    return next((one for one in sorted(folders) if one and PurePosixPath(one).name == plain), None)


def _explain_stray(last: str, folders: Collection[str]) -> str:
    meant = _find_meant(last, folders)
    if meant is not None:
        return f"is not read; what belongs to the policy stands in {meant}/"
    known = ", ".join(f"{one}/" for one in sorted(folders) if one)
    return f"holds files that look like the policy's, and is not read; move it out (here are read: {known})"


def _list_folders(folder: str) -> Iterator[str]:
    """The folder and those that it stands in, the policy folder ("") among them."""
    yield ""
    parts = PurePosixPath(folder).parts
    yield from ("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _explain(place: str, last: str, table: Sequence[PolicyFile[BaseModel]]) -> str:
    if last.startswith("._"):
        return "is what macOS writes beside a file, and no policy; delete it"
    if last.startswith(LOCKS):
        return "is a lock file of an open program; close the program, or delete the file"
    read = ", ".join(PurePosixPath(file.pattern).name for file in table if file.folder == place) or "no file"
    for ending in _NEARLY:
        if last.endswith(ending):
            return f"is not read; name it {last.removesuffix(ending)}.yaml (here are read: {read})"
    if last.lower().endswith(_TABLES):
        how = "move it out, and bring its schools in by 'tsunagu import'" if place == SCHOOLS.folder else "write YAML"
        return f"is a table, and is not read; {how} (here are read: {read})"
    return f"is not read; move it out of the policy folder (here are read: {read})"

"""Files that decide whom the controller trusts: whose they are, who can change them, and where they must not stand."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from controller.errors import OperationsRefused, Origin, Problem, TsunaguError
from controller.inputs.home_folder import find_home_folder
from controller.inputs.real_path import find_real_path

MOST_BYTES = 1 << 20
MOST_PIN_BYTES = 16 << 20
"""Of a file of pinned host keys, wherever it is read: a city has many devices."""
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def refuse_file(what: str, path: Path | str, message: str, *, line: int = 1) -> OperationsRefused:
    """Return the error about one place of a trusted file."""
    return OperationsRefused(what, [Problem(Origin(str(path), line), "", message)])


def read_trusted_file(path: Path, what: str, *, private: bool = False, most_bytes: int = MOST_BYTES) -> bytes:
    """Return what a file holds, if nobody but this user and root could have written it.

    With `private` nobody else may read it either. The last part of the path may be no link, and nothing is read
    before the open file itself was looked at.

    Raises:
        FileNotFoundError: there is no such file.
        OperationsRefused: it is no regular file, belongs to somebody else, others can change it or it is too large.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        found = "is a symbolic link; name the file itself" if path.is_symlink() else f"cannot be read: {error.strerror}"
        raise refuse_file(what, path, found) from None
    try:
        reason = find_file_fault(os.fstat(descriptor), private=private) or find_folder_fault(path)
        if reason:
            raise refuse_file(what, path, reason)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > most_bytes:
        raise refuse_file(what, path, f"is larger than {most_bytes:,} bytes")
    return content


def find_file_fault(status: os.stat_result, *, private: bool = False) -> str:
    """Return why an open file is not to be trusted; empty where it is."""
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    fault = find_status_fault(status)
    if fault:
        return fault
    if private and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"can be read by others (mode {stat.S_IMODE(status.st_mode):04o}): chmod 600 it"
    return ""


def find_status_fault(status: os.stat_result) -> str:
    """Return why a file or folder is not only this user's and root's to change; empty where it is."""
    if status.st_uid not in _trusted_users():
        return f"belongs to user {status.st_uid}; it must belong to you (user {os.geteuid()}) or to root: chown it"
    if status.st_mode & _WRITABLE_BY_OTHERS:
        return f"can be changed by others (mode {stat.S_IMODE(status.st_mode):04o}): chmod go-w it"
    return ""


def find_folder_fault(path: Path) -> str:
    """Whoever can write to a folder above a file, or above a link on the way there, can put another in its place."""
    for folder in _walk_folders(path):
        status = folder.lstat()
        if status.st_uid not in _trusted_users():
            return f"stands below {folder}, which belongs to user {status.st_uid}: it must belong to you or to root"
        # In a sticky folder (/tmp) nobody can move what belongs to another user. A link has no mode of its own.
        if stat.S_ISLNK(status.st_mode):
            continue
        if status.st_mode & _WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX:
            return f"stands below {folder}, which others can change: chmod go-w it"
    return ""


def _walk_folders(path: Path) -> Iterator[Path]:
    """Yield each folder and each link that the system passes on the way to a file, which it could open."""
    written = list(reversed(path.absolute().parts[1:]))
    place = Path("/")
    yield place
    while len(written) > 1:
        part = written.pop()
        place = place.parent if part == ".." else place / part
        yield place
        if place.is_symlink():
            target = place.readlink()
            place = Path("/") if target.is_absolute() else place.parent
            written += [one for one in reversed(target.parts) if one != "/"]


def _trusted_users() -> frozenset[int]:
    return frozenset({0, os.geteuid()})


def list_untrusted_folders(policies: Path | None = None) -> tuple[Path, ...]:
    """Return the folders whose content is not the operators' own: the policies and the working folder.

    Each stands for the git repositories around it, up to the outermost: a submodule or a worktree stands in what
    another repository brings. The policies' own counts even where the home folder lies in it, as in a CI job whose home
    is its workspace. A working folder that the home folder lies in, such as `/`, is none: services start there.
    """
    try:
        home = find_real_path(find_home_folder())
    except TsunaguError:
        home = Path("/")
    working = _find_repository(Path.cwd(), home)
    found = [] if home.is_relative_to(working) else [working]
    if policies is not None:
        found.append(_find_repository(find_real_path(policies), home, own=True))
    return tuple(dict.fromkeys(found))


def _find_repository(folder: Path, home: Path, *, own: bool = False) -> Path:
    """The outermost git repository around a folder; one that the home folder lies in is passed over.

    With `own` those count as well until a repository of its own was met, as in a home that is a repository (of its
    settings) and holds a clone. A `.git` that is a file is a part of another repository: a submodule, a worktree.
    """
    found = folder
    for one in (folder, *folder.parents):
        git = one / ".git"
        if git.exists() and (own or not home.is_relative_to(one)):
            found = one
            own = own and (git.is_symlink() or not git.is_dir())
    return found


def find_untrusted_paths(paths: Iterable[Path], folders: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each path that stands in one of the folders, or leads there, with the folder."""
    apart = tuple(folders)
    for path in paths:
        for folder in apart:
            if any(one.is_relative_to(folder) for one in (Path(os.path.normpath(path)), find_real_path(path))):
                yield path, folder
                break

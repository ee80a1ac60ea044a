"""Files that decide whom the controller trusts: whose they are, who can change them, and where they must not stand."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from controller.errors import OperationsRefused, Origin, Problem

MOST_BYTES = 1 << 20
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
        reason = find_file_fault(os.fstat(descriptor), private=private) or _find_folder_fault(path)
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
    if status.st_uid not in _trusted_users():
        return f"belongs to user {status.st_uid}; it must belong to you (user {os.geteuid()}) or to root: chown it"
    if status.st_mode & _WRITABLE_BY_OTHERS:
        return f"can be changed by others (mode {stat.S_IMODE(status.st_mode):04o}): chmod go-w it"
    if private and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"can be read by others (mode {stat.S_IMODE(status.st_mode):04o}): chmod 600 it"
    return ""


def _find_folder_fault(path: Path) -> str:
    """Whoever can write to a folder above a file can put another one in its place."""
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid not in _trusted_users():
            return f"stands below {folder}, which belongs to user {status.st_uid}: it must belong to you or to root"
        # In a sticky folder (/tmp) nobody can move what belongs to another user.
        if status.st_mode & _WRITABLE_BY_OTHERS and not status.st_mode & stat.S_ISVTX:
            return f"stands below {folder}, which others can change: chmod go-w it"
    return ""


def _trusted_users() -> frozenset[int]:
    return frozenset({0, os.geteuid()})


def list_untrusted_folders(policies: Path | None = None) -> tuple[Path, ...]:
    """Return the folders whose content is not the operators' own: the policies and the working folder.

    Each stands for its whole git repository. A working folder that the home folder lies in, such as `/`, is none:
    services start there.
    """
    given = [Path.cwd()] if policies is None else [Path.cwd(), policies.resolve()]
    home = Path.home().resolve()
    found = (_find_repository(folder) for folder in given)
    return tuple(dict.fromkeys(folder for folder in found if not home.is_relative_to(folder)))


def _find_repository(folder: Path) -> Path:
    home = Path.home().resolve()
    above = (one for one in (folder, *folder.parents) if (one / ".git").exists() and not home.is_relative_to(one))
    return next(above, folder)


def find_untrusted_paths(paths: Iterable[Path], folders: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield each path that stands in one of the folders, or leads there, with the folder."""
    apart = tuple(folders)
    for path in paths:
        for folder in apart:
            if any(one.is_relative_to(folder) for one in (Path(os.path.normpath(path)), path.resolve())):
                yield path, folder
                break

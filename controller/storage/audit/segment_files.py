"""The files of the audit trail on the disk: made whole or not at all, then only added to."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from controller.errors import AuditRefused
from controller.storage.audit.hash_chain import hash_after, read_body, split_line, split_lines

_HASH = re.compile(rb', "hash": "[0-9a-f]{64}"\}')
_TAIL_BYTES = 1 << 17
"""More than the longest entry has."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def list_segments(folder: Path) -> list[Path]:
    """The files of a trail, the oldest first."""
    return sorted(folder.glob("trail-[0-9][0-9][0-9][0-9][0-9][0-9].jsonl"))


def list_timelines(state: Path) -> list[Path]:
    """Everything in the folder of timelines that is called one, at any depth; links to folders are not followed."""
    found = (Path(folder, name) for folder, _, names in os.walk(state / "timeline") for name in names)
    return sorted(path for path in found if path.suffix == ".jsonl")


def open_regular(path: Path) -> int:
    """A descriptor to read a regular file by; nothing else is opened, or waited for.

    Raises:
        AuditRefused: it is something else.
        OSError: it cannot be opened.
    """
    refused = f"{path}: is no regular file; move it away, and put back the file that stood there"
    if path.is_symlink():
        raise AuditRefused(refused)
    descriptor = os.open(path, _READ)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise AuditRefused(refused)
    return descriptor


def read_regular(path: Path) -> bytes:
    """The content of a regular file; raises as `open_regular`."""
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read()


def read_segment(path: Path) -> tuple[list[bytes], bytes]:
    """The whole lines of a file of the trail, and what a power cut left after them.

    Raises:
        AuditRefused: it is no regular file, or has no whole line.
    """
    lines, rest = split_lines(read_regular(path))
    if not lines:
        message = (
            f"{path}: holds no whole entry; if this machine lost its power while the file was made, delete the file; "
            "otherwise put back the one that stood there"
        )
        raise AuditRefused(message)
    return lines, rest


def iterate_entries(folder: Path) -> Iterator[dict[str, object]]:
    """Every entry of a trail as it says itself, whether it is true or not; raises as `read_segment`."""
    for path in list_segments(folder):
        yield from map(read_body, read_segment(path)[0])


def read_tail(path: Path) -> tuple[int, str, str]:
    """The number and the hash of a file's last entry, and the SHA-256 of what stands after it without an end of line.

    Raises:
        AuditRefused: the last line is no entry.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
        content = file.read()
    whole, _, rest = content.rpartition(b"\n")
    line = whole.rpartition(b"\n")[2]
    found, number = split_line(line), read_body(line).get("n")
    if found is None or not isinstance(number, int):
        message = f"{path}: the last line is no entry of the audit trail; see what 'tsunagu audit verify' says of it"
        raise AuditRefused(message)
    return number, found[1], hashlib.sha256(rest).hexdigest() if rest else ""


def is_part_of_line(last: str, rest: bytes) -> bool:
    """Whether what stands after the last end of line can be a part of a line; no whole entry and more is one."""
    return not any(
        (found := split_line(rest[: end.end()])) is not None and hash_after(last, found[0]) == found[1]
        for end in _HASH.finditer(rest)
        if end.end() < len(rest)
    )


def count_lines(path: Path) -> int:
    """How many whole lines a file has."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def create_segment(path: Path, lines: Sequence[str]) -> None:
    """Make a file of the trail with its first lines, whole or not at all.

    Raises:
        OSError: it cannot be made, or is there already.
    """
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())
    os.link(fresh, path)
    fresh.unlink()
    sync_folder(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add a line; it is on the disk when this returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        left = f"{line}\n".encode()
        while left:  # a disk that is nearly full takes a part, and says so at the next one
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def narrow_file(path: Path) -> None:
    """Close a file of an older release to others."""
    found = path.lstat()
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & _OTHERS:
        path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)

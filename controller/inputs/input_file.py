"""The one opener of files that others wrote: policies, configurations, plans, stack outputs.

It reads regular files of a bounded size, and follows no link out of the folder. The way to a file is walked folder by
folder from an open descriptor, each step without following links, so nobody can exchange a part of it in between. A
link that stays inside the folder is followed as its text says; what a path is, is asked of the file that was opened.
"""

from __future__ import annotations

import os
import re
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

from controller.errors import InputRefused
from controller.inputs.file_kinds import name_binary_kind
from controller.inputs.shown_text import escape_controls, shorten_value

MOST_BYTES = 4 * 1024 * 1024
"""The largest file that is read, where nobody says otherwise."""
MOST_BYTES_IN_ALL = 256 * 1024 * 1024
"""How much is read of one folder."""
MOST_FILES = 20_000
"""How many entries a folder may have."""
_MOST_LINKS = 8
_ISO_2022_JP = re.compile(rb"\x1b\$[@B]")
_SHORTEST, _START = 4, 200
"""Bytes of a file that are looked at to guess its encoding."""
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class InputFolder:
    """A folder whose files are read by their names from the folder on; the whole of it is bounded.

    Args:
        path: the folder as the operator names it; it may be a link itself.
        most_bytes: of one file.
        most_bytes_in_all: of all files that are read.
        most_files: entries of one folder.
    """

    def __init__(
        self,
        path: Path,
        *,
        most_bytes: int = MOST_BYTES,
        most_bytes_in_all: int = MOST_BYTES_IN_ALL,
        most_files: int = MOST_FILES,
    ) -> None:
        self.path = path
        self._most_bytes = most_bytes
        self._left = most_bytes_in_all
        self._in_all = most_bytes_in_all
        self._most_files = most_files

    def read_bytes(self, name: str) -> bytes:
        """Read a file.

        Raises:
            FileNotFoundError: there is no such file.
            InputRefused: it is no regular file, leads out of the folder, or is too large; or cannot be read.
        """
        shown = self.path / name
        with _explain_errors(shown), _open_regular(self.path, name, shown) as descriptor:
            size = os.fstat(descriptor).st_size
            content = b"" if size > self._most_bytes else _read_to_end(descriptor, self._most_bytes + 1)
            if len(content) > self._most_bytes or size > self._most_bytes:
                message = f"is larger than {_write_size(self._most_bytes)}, the most that is read; divide it"
                raise InputRefused(shown, message)
        self._left -= len(content)
        if self._left < 0:
            message = f"with this file the folder holds more than {_write_size(self._in_all)}, the most that is read"
            raise InputRefused(shown, message)
        return content

    def read_text(self, name: str) -> str:
        """Read a file as UTF-8 text, its line ends as line feeds.

        Raises:
            FileNotFoundError: there is no such file.
            InputRefused: as `read_bytes`, or it is not UTF-8; with the line.
        """
        return decode_text(self.read_bytes(name), self.path / name).replace("\r\n", "\n").replace("\r", "\n")

    def exists(self, name: str) -> bool:
        """Whether there is anything of this name, be it a link that leads nowhere."""
        parent, _, last = name.rpartition("/")
        try:
            with _open_folder(self.path, parent, self.path / name) as opened:
                os.stat(last, dir_fd=opened.folder, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except (InputRefused, PermissionError):
            return True
        return True

    def list_names(self, folder: str, pattern: str) -> list[str]:
        """The names, from this folder on, of all entries of one of its folders that match; none where it is missing.

        Whatever is no regular file is among them: who reads it gets the refusal.

        Raises:
            InputRefused: it leads out of this folder, has too many entries, or one whose name has control characters.
        """
        shown = self.path / folder
        found: list[str] = []
        with (
            suppress(FileNotFoundError),
            _explain_errors(shown),
            _open_folder(self.path, folder, shown) as opened,
        ):
            if opened.file is not None:
                raise InputRefused(shown, "is no folder; a folder is needed")
            with os.scandir(opened.folder) as entries:
                for count, entry in enumerate(entries, 1):
                    if count > self._most_files:
                        message = f"holds more than {self._most_files:,} entries, the most that are read"
                        raise InputRefused(shown, message)
                    if fnmatchcase(entry.name, pattern):
                        _check_name(entry.name, shown)
                        found.append(f"{folder}/{entry.name}" if folder else entry.name)
        return sorted(found)


def _check_name(name: str, shown: Path) -> None:
    if escape_controls(name) != name:
        raise InputRefused(shown, f"holds a file whose name has control characters: {shorten_value(name)}")


def read_input_file(path: Path, *, most_bytes: int = MOST_BYTES) -> bytes:
    """Read a file that the operator names; a link may not lead out of the folder that it stands in.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused: it is no regular file, leads out of its folder, or is too large; or cannot be read.
    """
    return InputFolder(path.parent, most_bytes=most_bytes).read_bytes(path.name)


@contextmanager
def open_input_file(path: Path, *, most_bytes: int = MOST_BYTES) -> Iterator[IO[bytes]]:
    """Open a file of its own for the length of a `with` block, to read it piece by piece.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused: it is no regular file, or is too large; or cannot be read.
    """
    with ExitStack() as opened:
        with _explain_errors(path):
            descriptor = opened.enter_context(_open_regular(path.parent, path.name, path))
            if os.fstat(descriptor).st_size > most_bytes:
                message = f"is larger than {_write_size(most_bytes)}, the most that is read"
                raise InputRefused(path, message)
            file = opened.enter_context(os.fdopen(os.dup(descriptor), "rb"))
        yield file


def read_input_text(path: Path, *, most_bytes: int = MOST_BYTES) -> str:
    """The same as UTF-8 text, its line ends as line feeds.

    Raises:
        FileNotFoundError: there is no such file.
        InputRefused: as `read_input_file`, or it is not UTF-8; with the line.
    """
    return InputFolder(path.parent, most_bytes=most_bytes).read_text(path.name)


def decode_text(content: bytes, path: Path) -> str:
    """Return bytes of a file as text.

    Raises:
        InputRefused: they are not UTF-8; names the line.
    """
    kind = name_binary_kind(content)
    if kind:
        raise InputRefused(path, f"is no text but {kind}; save it as text in UTF-8")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        likely = _guess_encoding(content)
        message = f"cannot be read as UTF-8 text: byte 0x{content[error.start]:02x}; save it as UTF-8{likely}"
        raise InputRefused(path, message, line) from None
    # Both are valid UTF-8 of control characters, which say nothing to whoever saved the file.
    looks = "ISO-2022-JP" if _ISO_2022_JP.search(content) else "UTF-16" if _is_half_zeros(content) else None
    if looks is not None:
        raise InputRefused(path, f"is no UTF-8 text; save it as UTF-8 (it looks like {looks})")
    return text


def _is_half_zeros(content: bytes) -> bool:
    """Tell if every second byte of the start is zero, as in Latin text in UTF-16 without a mark."""
    start = content[:_START]
    return len(start) >= _SHORTEST and any(not any(start[first::2]) for first in (0, 1))


def _guess_encoding(content: bytes) -> str:
    """What the text looks like, for the operator: a text in one of Japan's older encodings rarely is one in another."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return " (it looks like UTF-16)"
    if b"\0" in content:
        return " (it looks like UTF-16)"
    for encoding, name in (("euc_jp", "EUC-JP"), ("cp932", "Shift-JIS")):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if any("\u3041" <= one <= "\u9fff" or "\uff61" <= one <= "\uff9f" for one in text):
            return f" (it looks like {name})"
    return ""


@dataclass(frozen=True, slots=True)
class _Opened:
    """Where a walk ended: an open folder, and the name of what is no folder in it, where that was the end."""

    folder: int
    file: str | None = None


@contextmanager
def _explain_errors(shown: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except NotADirectoryError:
        raise InputRefused(shown, "stands in something that is no folder") from None
    except PermissionError:
        raise InputRefused(shown, "may not be read by this user") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputRefused(shown, f"cannot be read: {why}") from None


@contextmanager
def _open_regular(root: Path, name: str, shown: Path) -> Iterator[int]:
    with _open_folder(root, name, shown) as opened:
        if opened.file is None:
            raise InputRefused(shown, "is a folder; a regular file is needed")
        descriptor = _open_entry(opened.folder, opened.file, shown)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


def _open_entry(folder: int, name: str, shown: Path) -> int:
    # Asked before it is opened: to open a device may do something. Asked again of what was opened.
    _check_regular(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode, shown)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        _check_regular(os.fstat(descriptor).st_mode, shown)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(mode: int, shown: Path) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise InputRefused(shown, f"is {kind}; a regular file is needed")


@contextmanager
def _open_folder(root: Path, name: str, shown: Path) -> Iterator[_Opened]:
    """Walk from a folder to an entry of it, and keep open what was walked through."""
    opened = [os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        yield _walk(opened, deque(name.split("/")), shown)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _walk(opened: list[int], parts: deque[str], shown: Path) -> _Opened:
    links = 0
    while parts:
        part = parts.popleft()
        if part in ("", "."):
            continue
        if part == "..":
            if len(opened) == 1:
                raise InputRefused(shown, "leads out of its folder; only what stands in the folder is read")
            os.close(opened.pop())
            continue
        mode = os.stat(part, dir_fd=opened[-1], follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            links += 1
            target = os.readlink(part, dir_fd=opened[-1])
            if links > _MOST_LINKS:
                raise InputRefused(shown, f"is reached by more than {_MOST_LINKS} symbolic links; a file is needed")
            if target.startswith("/"):
                message = "is a symbolic link to an absolute path; only what stands in the folder is read"
                raise InputRefused(shown, message)
            parts.extendleft(reversed(target.split("/")))
        elif stat.S_ISDIR(mode):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            opened.append(os.open(part, flags, dir_fd=opened[-1]))
        elif parts:
            raise InputRefused(shown, "stands in something that is no folder")
        else:
            return _Opened(opened[-1], part)
    return _Opened(opened[-1])


def _read_to_end(descriptor: int, most: int) -> bytes:
    parts: list[bytes] = []
    left = most
    while left > 0 and (part := os.read(descriptor, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _write_size(size: int) -> str:
    for unit, number in (("MB", 1024 * 1024), ("kB", 1024)):
        if size >= number and size % number == 0:
            return f"{size // number} {unit}"
    return f"{size:,} bytes"

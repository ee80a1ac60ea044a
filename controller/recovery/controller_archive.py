"""The archive of the controller's own state: a plain tar (ustar) of regular files, their list with digests first.

It is read strictly: names, sizes and digests must be those of the list, and no header may be of anything but a regular
file. It is read and written piece by piece, so its size is no matter of memory; the names were all looked at before the
first file is unpacked, and where that is, is no place of a controller yet.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Annotated, Literal, NoReturn

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from controller.errors import BackupRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.shown_text import shorten_value
from controller.model.yaml_source import StrictModel

MANIFEST = "manifest.json"
MOST_BYTES = 512 << 20
"""Of an archive."""
MOST_FILES = 20_000
_MOST_MANIFEST = 8 << 20
_BLOCK = 512
_AT_ONCE = 1 << 20
_THERE = "is there already; name another file, a backup is never overwritten"
Keep = Callable[[bytes], object]
"""Keeps the next piece of a file."""
_FOLDERS = (
    "applied",
    "approved",
    "armed",
    "audit",
    "backups",
    "computers",
    "drills",
    "known-hosts",
    "policies",
    "rollouts",
)
FOLDERS = frozenset((*_FOLDERS, "taken-over", "timeline"))
"""The folders of a state folder that a backup holds; `known-hosts` is of the archive alone."""
STORE = ".sqlite"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
_DEEPEST = 6
_LONGEST_NAME = 255
_OCTAL = re.compile(rb"[0-7]{6,11}")
_PLAIN = re.compile(rb"[\x21-\x7e]{0,155}")
_REGULAR = b"0"


class ArchivedFile(StrictModel):
    """A file of an archive: its name from the state folder on, and what it must hold."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._@/-]{1,255}$")]
    size: Annotated[int, Field(ge=0, le=MOST_BYTES)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ArchiveManifest(StrictModel):
    """What an archive says of itself, before its files."""

    format: Literal[1]
    made: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{2}:[0-9]{2}$")]
    files: Annotated[tuple[ArchivedFile, ...], Field(max_length=MOST_FILES)]


@dataclass(frozen=True, slots=True)
class ControllerArchive:
    """The files of a backup by their names, and when it was made."""

    made: datetime
    files: Mapping[str, bytes]


_MADE = TypeAdapter(AwareDatetime)


def is_archived_name(name: str) -> bool:
    """Tell if a file of a state folder is of those that a backup holds; no other name is ever written or read.

    >>> [is_archived_name(one) for one in ("audit/trail-000001.jsonl", "lab.sqlite", "audit/lock", "../x", "plans.key")]
    [True, True, False, False, False]
    """
    parts = name.split("/")
    if len(name) > _LONGEST_NAME or len(parts) > _DEEPEST or not all(_PART.fullmatch(part) for part in parts):
        return False
    if parts[-1] == "lock" or parts[-1].endswith((".lock", "-wal", "-shm", "-journal", ".partial", ".new")):
        return False
    return parts[-1].endswith(STORE) if len(parts) == 1 else parts[0] in FOLDERS


@dataclass(frozen=True, slots=True)
class WrittenArchive:
    """An archive that was written: its SHA-256, and how many files it holds."""

    sha256: str
    files: int


def write_archive(path: Path, made: datetime, files: Iterable[tuple[str, bytes | Path]]) -> WrittenArchive:
    """Write an archive, whole or not at all, readable for its user only. Never more than one file is in memory.

    Where the content of a file is a path, it is copied from there.

    Raises:
        BackupRefused: there is a file of that name, it is too large, or cannot be written.
    """
    listed: list[dict[str, str | int]] = []
    try:
        if os.path.lexists(path):
            _refuse(path, _THERE)
        # The list stands first and has every digest, so the files wait beside until all of them are known.
        with tempfile.TemporaryFile(dir=path.parent) as body:
            for name, content in files:
                if not is_archived_name(name):
                    _refuse(path, f"a file {shorten_value(name)} cannot stand in a backup")
                listed.append(_add_file(path, body, name, content, made))
                _refuse_too_large(path, body.tell(), len(listed))
            return WrittenArchive(_write_whole_archive(path, made, listed, body), len(listed))
    except OSError as error:
        _refuse(path, f"cannot be written: {error.strerror or error}")


def _add_file(path: Path, body: IO[bytes], name: str, content: bytes | Path, made: datetime) -> dict[str, str | int]:
    """Add a file, and return what the list says of it."""
    opened = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
    with opened as source:
        size, digest = source.seek(0, os.SEEK_END), hashlib.sha256()
        source.seek(0)
        body.write(_write_header(path, name, size, made))
        while part := source.read(_AT_ONCE):
            digest.update(part)
            body.write(part)
    body.write(bytes(-size % _BLOCK))
    return {"name": name, "size": size, "sha256": digest.hexdigest()}


def _refuse_too_large(path: Path, size: int, files: int) -> None:
    if size > MOST_BYTES or files > MOST_FILES:
        most = f"{MOST_BYTES >> 20} MB or {MOST_FILES:,} files"
        _refuse(path, f"it would be larger than {most}: tsunagu audit prune")


def _write_header(path: Path, name: str, size: int, made: datetime) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, int(made.timestamp())
    try:
        return entry.tobuf(tarfile.USTAR_FORMAT)
    except ValueError:
        _refuse(path, f"the name {name} is too long for an archive")


def _write_whole_archive(path: Path, made: datetime, listed: Sequence[Mapping[str, str | int]], body: IO[bytes]) -> str:
    """Write the list and the files behind it beside the archive's place, move it there, and return its SHA-256."""
    about = {"format": 1, "made": made.isoformat(timespec="seconds"), "files": list(listed)}
    manifest = f"{json.dumps(about, indent=1)}\n".encode()
    first = _write_header(path, MANIFEST, len(manifest), made) + manifest + bytes(-len(manifest) % _BLOCK)
    _refuse_too_large(path, len(first) + body.seek(0, os.SEEK_END) + 2 * _BLOCK, len(listed))
    body.seek(0)
    digest = hashlib.sha256()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            for part in chain((first,), iter(partial(body.read, _AT_ONCE), b""), (bytes(2 * _BLOCK),)):
                digest.update(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(Path(name), path)
    finally:
        Path(name).unlink(missing_ok=True)
    return digest.hexdigest()


def _put_in_place(fresh: Path, path: Path) -> None:
    """Give a file that is written its name, never over another one that came there meanwhile."""
    try:
        try:
            os.link(fresh, path)
        except FileExistsError:
            raise
        except OSError:
            # A file system without links, as on many sticks: the name is taken first, and only then replaced.
            path.open("xb").close()
            fresh.replace(path)
    except FileExistsError:
        _refuse(path, _THERE)


def parse_archive(content: bytes, source: str) -> ControllerArchive:
    """Return what an archive holds, in memory; `source` names it in errors.

    Raises:
        BackupRefused: as `unpack_archive`.
    """
    found: dict[str, bytearray] = {}

    @contextmanager
    def keep(name: str) -> Iterator[Keep]:
        found[name] = bytearray()
        yield found[name].extend

    made = unpack_archive(io.BytesIO(content), source, keep)
    return ControllerArchive(made, {name: bytes(held) for name, held in found.items()})


def unpack_archive(file: IO[bytes], source: str, make: Callable[[str], AbstractContextManager[Keep]]) -> datetime:
    """Read an archive piece by piece, and return when it was made; `source` names it in errors.

    `make` gives what keeps the content of a file, by its name. Every name is one of a backup, and none comes twice;
    whether a content is the one of the list is known only when all of it was kept.

    Raises:
        BackupRefused: it is none, or cut, or a file of it is not what its list says; names the file.
    """
    reader = _ArchiveReader(file, source)
    name, size = reader.read_next() or ("", 0)
    if name != MANIFEST or size > _MOST_MANIFEST:
        _refuse(source, f"is no backup of the controller: it does not begin with {MANIFEST}")
    first = bytearray()
    reader.copy(name, size, first.extend)
    made, files = _parse_manifest(bytes(first), source)
    for wanted in files:
        name, size = reader.read_next() or ("", 0)
        if name != wanted.name:
            _refuse(source, f"{wanted.name} is missing in it: it was cut or changed")
        changed = f"{wanted.name} is not what was written into it: it was changed or damaged"
        if size != wanted.size:
            _refuse(source, changed)
        with make(name) as keep:
            if reader.copy(name, size, keep) != wanted.sha256:
                _refuse(source, changed)
    if reader.read_next() is not None:
        _refuse(source, "holds a file that its list does not name")
    return made


def _parse_manifest(content: bytes, source: str) -> tuple[datetime, Sequence[ArchivedFile]]:
    """Return when an archive was made, and its list; every name of it is one of a backup, and stands there once."""
    try:
        manifest = ArchiveManifest.model_validate(parse_json(content, most_bytes=_MOST_MANIFEST))
        made = _MADE.validate_python(manifest.made)
    except (JsonRefused, ValidationError) as error:
        why = error.why if isinstance(error, JsonRefused) else "fields are missing or unknown, or of another form"
        _refuse(source, f"its {MANIFEST} cannot be read: {why}")
    seen: set[str] = set()
    for one in manifest.files:
        if not is_archived_name(one.name) or one.name in seen:
            _refuse(source, f"its list names {shorten_value(one.name)}, which cannot stand there")
        seen.add(one.name)
    return made, manifest.files


class _ArchiveReader:
    """Reads the regular files of a tar. Only what `tarfile` writes as ustar is read, header by header."""

    def __init__(self, file: IO[bytes], source: str) -> None:
        self._file = file
        self._source = source
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        if size > MOST_BYTES or size % _BLOCK:
            _refuse(source, f"is no backup of the controller: it has {size:,} bytes")

    def read_next(self) -> tuple[str, int] | None:
        """Return the name and the size of the next file; None at the end, behind which nothing may stand."""
        header = self._file.read(_BLOCK)
        if len(header) < _BLOCK:
            _refuse(self._source, "is cut: its end is missing")
        if header.strip(b"\0"):
            return _read_header(header, self._source)
        while part := self._file.read(_AT_ONCE):
            if part.strip(b"\0"):
                _refuse(self._source, "something stands behind its end")
        return None

    def copy(self, name: str, size: int, keep: Keep) -> str:
        """Give the content of the file whose header was read to `keep`, and return its SHA-256."""
        digest, left = hashlib.sha256(), size
        while left:
            part = self._file.read(min(left, _AT_ONCE))
            if not part:
                _refuse(self._source, f"is cut in the middle of {shorten_value(name)}")
            digest.update(part)
            keep(part)
            left -= len(part)
        self._file.read(-size % _BLOCK)
        return digest.hexdigest()


def _read_header(header: bytes, source: str) -> tuple[str, int]:
    """Return the name and the size of a file, where the header is of a regular one."""
    name, prefix = (header[at : at + length].rstrip(b"\0") for at, length in ((0, 100), (345, 155)))
    size, said = (header[at : at + length].strip(b"\0 ") for at, length in ((124, 12), (148, 8)))
    counted = sum(header[:148]) + 8 * 0x20 + sum(header[156:])
    good = header[257:263] == b"ustar\0" and _OCTAL.fullmatch(size) and _OCTAL.fullmatch(said)
    if not good or int(said, 8) != counted or not (name and _PLAIN.fullmatch(name) and _PLAIN.fullmatch(prefix)):
        _refuse(source, "is no backup of the controller, or a header in it is damaged")
    if header[156:157] != _REGULAR or header[157:257].strip(b"\0"):
        _refuse(source, "holds something else than regular files (a link, a folder, an extension of tar)")
    both = (prefix + b"/" if prefix else b"") + name
    return both.decode("ascii"), int(size, 8)


def _refuse(source: Path | str, problem: str) -> NoReturn:
    message = f"{source}: {problem}"
    raise BackupRefused(message)

"""The archive of the controller's own state: a plain tar (ustar) of regular files, their list with digests first.

It is read strictly: names, sizes and digests must be those of the list, and no header may be of anything but a regular
file. Nothing is unpacked by a name of the archive before all of it was looked at.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from controller.errors import BackupRefused
from controller.inputs.bounded_json import JsonRefused, parse_json
from controller.inputs.shown_text import shorten_value
from controller.model.yaml_source import StrictModel
from controller.storage.whole_file import write_whole

MANIFEST = "manifest.json"
MOST_BYTES = 512 << 20
"""Of an archive: it is held in memory."""
MOST_FILES = 20_000
_MOST_MANIFEST = 8 << 20
_BLOCK = 512
_FOLDERS = ("applied", "approved", "armed", "audit", "backups", "drills", "known-hosts", "policies", "rollouts")
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


def write_archive(path: Path, archive: ControllerArchive) -> str:
    """Write an archive, whole or not at all, readable for its user only; return its SHA-256.

    Raises:
        BackupRefused: there is a file of that name, it is too large, or cannot be written.
    """
    content = _pack(path, archive)
    try:
        if os.path.lexists(path):
            _refuse(path, "is there already; name another file, a backup is never overwritten")
        write_whole(content, path)
    except OSError as error:
        _refuse(path, f"cannot be written: {error.strerror or error}")
    return hashlib.sha256(content).hexdigest()


def _pack(path: Path, archive: ControllerArchive) -> bytes:
    for name in archive.files:
        if not is_archived_name(name):
            _refuse(path, f"a file {shorten_value(name)} cannot stand in a backup")
    listed = [
        {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(archive.files.items())
    ]
    manifest = {"format": 1, "made": archive.made.isoformat(timespec="seconds"), "files": listed}
    whole = {MANIFEST: f"{json.dumps(manifest, indent=1)}\n".encode(), **dict(sorted(archive.files.items()))}
    packed = io.BytesIO()
    with tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in whole.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(archive.made.timestamp())
            try:
                tar.addfile(entry, io.BytesIO(content))
            except ValueError:
                _refuse(path, f"the name {name} is too long for an archive")
    if packed.tell() > MOST_BYTES or len(archive.files) > MOST_FILES:
        _refuse(path, f"it would be larger than {MOST_BYTES >> 20} MB or {MOST_FILES:,} files: tsunagu audit prune")
    return packed.getvalue()


def parse_archive(content: bytes, source: str) -> ControllerArchive:
    """Return what an archive holds; `source` names it in errors.

    Raises:
        BackupRefused: it is none, or cut, or a file of it is not what its list says; names the file.
    """
    files = iter(_iterate_files(content, source))
    name, first = next(files, ("", b""))
    if name != MANIFEST or len(first) > _MOST_MANIFEST:
        _refuse(source, f"is no backup of the controller: it does not begin with {MANIFEST}")
    try:
        manifest = ArchiveManifest.model_validate(parse_json(first, most_bytes=_MOST_MANIFEST))
        made = _MADE.validate_python(manifest.made)
    except (JsonRefused, ValidationError) as error:
        why = error.why if isinstance(error, JsonRefused) else "fields are missing or unknown, or of another form"
        _refuse(source, f"its {MANIFEST} cannot be read: {why}")
    found: dict[str, bytes] = {}
    for wanted in manifest.files:
        if not is_archived_name(wanted.name) or wanted.name in found:
            _refuse(source, f"its list names {shorten_value(wanted.name)}, which cannot stand there")
        name, held = next(files, ("", b""))
        if name != wanted.name:
            _refuse(source, f"{wanted.name} is missing in it: it was cut or changed")
        if len(held) != wanted.size or hashlib.sha256(held).hexdigest() != wanted.sha256:
            _refuse(source, f"{wanted.name} is not what was written into it: it was changed or damaged")
        found[name] = held
    if next(files, None) is not None:
        _refuse(source, "holds a file that its list does not name")
    return ControllerArchive(made, found)


def _iterate_files(content: bytes, source: str) -> Iterator[tuple[str, bytes]]:
    """Yield each regular file of a tar by its name. Only what `tarfile` writes as ustar is read, header by header."""
    if len(content) > MOST_BYTES or len(content) % _BLOCK:
        _refuse(source, f"is no backup of the controller: it has {len(content):,} bytes")
    place = 0
    while place < len(content):
        header = content[place : place + _BLOCK]
        if not header.strip(b"\0"):
            if content[place:].strip(b"\0"):
                _refuse(source, "something stands behind its end")
            return
        name, size = _read_header(header, source)
        begin = place + _BLOCK
        if begin + size > len(content):
            _refuse(source, f"is cut in the middle of {shorten_value(name)}")
        yield name, content[begin : begin + size]
        place = begin + -(-size // _BLOCK) * _BLOCK
    _refuse(source, "is cut: its end is missing")


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

"""Proofs that were done before: what was proved, by its content, and by which prover.

A file holds one line for each proof: its key, what was counted, and a checksum of the line. A key is a SHA-256 of
everything that the proof was about. The file's name is a digest of the prover itself (its source, and the version of
Python); another prover never reads it. Only proofs that held are kept. The file may be deleted at any time, by anyone;
lines that are damaged are not believed, and counted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import controller
from controller.compile.campus import CampusIntent
from controller.compile.intent import FilterIntent
from controller.model.city import City, Device
from controller.model.flow import AddressSet, text

MOST_PROOFS = 50_000
"""Lines that the file may have; beyond, the older half is dropped. A city of 176 schools needs about 1,500 a policy."""

_PARTS = ("errors.py", "messages", "model", "telemetry", "compile", "prove", "platforms", "plan")


@dataclass(frozen=True, slots=True)
class Counted:
    """What a proof covered."""

    filters: int
    policies: int


class ProofCache:
    """The proofs of one prover in the user's cache folder; `folder` None keeps and knows nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.damaged = 0
        self._path = folder / f"{prover_digest()[:16]}.txt" if folder else None
        self._known: dict[str, Counted] = {}
        self._fresh: dict[str, Counted] = {}
        for line in self._lines():
            entry = _read(line)
            if entry is None:
                self.damaged += 1
            else:
                self._known[entry[0]] = entry[1]

    def find(self, key: str) -> Counted | None:
        """What an earlier proof of this content covered; None when there was none."""
        return self._known.get(key)

    def add(self, keys: Iterable[str], counted: Counted) -> None:
        """Remember a proof that held, under every key that names its content."""
        self._fresh |= {key: counted for key in keys if key not in self._known}

    def save(self) -> None:
        """Write what is new after what others have written meanwhile. A cache that cannot be written is no error."""
        if self._path is None or not self._fresh:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                lines = file.read().splitlines()
                added = [_line(key, counted) for key, counted in self._fresh.items()]
                if len(lines) + len(added) > MOST_PROOFS:
                    file.truncate(0)
                    added = [*lines, *added][-(MOST_PROOFS // 2) :]
                elif lines and not _ends_whole(file.name):
                    added = [b"", *added]
                file.write(b"\n".join(added) + b"\n")
            self._drop_others()
        except OSError:
            return
        self._known |= self._fresh
        self._fresh = {}

    def _lines(self) -> list[bytes]:
        try:
            return [line for line in self._path.read_bytes().splitlines() if line] if self._path else []
        except OSError:
            return []

    def _drop_others(self) -> None:
        """What other provers have left, once it is old: this one never reads it, and neither will they."""
        assert self._path is not None  # noqa: S101 only called after writing to it
        others = [path for path in self._path.parent.glob("*.txt") if path != self._path]
        for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-2]:
            path.unlink(missing_ok=True)


def cache_folder() -> Path:
    """Where the user's proofs are: under XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tsunagu" / "proofs"


@cache
def prover_digest() -> str:
    """A SHA-256 of everything that a proof is done with: our source, and the version of Python."""
    digest = hashlib.sha256(sys.version.encode())
    root = Path(controller.__file__).parent
    for part in _PARTS:
        place = root / part
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and path.suffix != ".pyc":
                content = path.read_bytes()
                digest.update(f"{path.relative_to(root)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def city_key(city: City, device: Device) -> str:
    """Names the proof of a device by all that the city says: every file of the policy, and its day."""
    return _digest(("city", city.digest, str(city.on), repr(device.ports), *_device(device)))


def intent_key(city: City, intent: CampusIntent) -> str:
    """Names the proof of a device by what it reads of the city: the intents, the wanted state, the controller's way."""
    filters = [*intent.intents, *(moved.intent for moved in intent.moved)]
    segment = city.segments[city.file.management_segment]
    way = " ".join(map(str, (segment.vlan, *city.file.controllers)))
    parts = (line for one in filters for line in _filter_lines(one))
    moved = (moved.upstream for moved in intent.moved)
    return _digest(
        ("intent", intent.wanted.digest(), way, repr(intent.routing), *moved, *_device(intent.device), *parts)
    )


def _device(device: Device) -> tuple[str, ...]:
    return device.id, device.platform, str(device.management), str(device.access.port)


def _filter_lines(one: FilterIntent) -> Iterable[str]:
    yield f"{one.segment} {one.vlan} {one.direction} {int(one.family)}"
    for clause in one.clauses:
        yield (
            f"{clause.effect} {clause.rule} {clause.origin} {int(clause.family)} {int(clause.protocol)} "
            f"{_addresses(clause.sources)} {clause.source_ports} {_addresses(clause.destinations)} "
            f"{clause.destination_ports} {clause.established}"
        )


def _addresses(one: AddressSet) -> str:
    return f"{','.join(map(text, one.included))}-{','.join(map(text, one.excluded))}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _line(key: str, counted: Counted) -> bytes:
    content = f"{key} {counted.filters} {counted.policies}".encode()
    return content + f" {zlib.crc32(content):08x}".encode()


def _read(line: bytes) -> tuple[str, Counted] | None:
    content, _, checksum = line.rpartition(b" ")
    if checksum != f"{zlib.crc32(content):08x}".encode():
        return None
    try:
        key, filters, policies = content.decode().split(" ")
        return key, Counted(int(filters), int(policies))
    except ValueError:
        return None


def _ends_whole(path: str) -> bool:
    """Whether the file's last line was written whole: another program may have been killed in it."""
    with Path(path).open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

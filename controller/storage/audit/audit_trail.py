"""The audit trail of a state folder: `audit/trail-000001.jsonl`, ..., and the timelines that it vouches for.

Every entry is a line of one chain over all files of the trail. A timeline is a chain of its own that begins with the
hash of the entry that opened it, and the entry that seals it holds its last hash. A file of the trail is never
rewritten: retention deletes whole files, after an entry that keeps their last hash.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import NoReturn

from controller.errors import AuditHeadRefused, AuditRefused, FileLocked
from controller.inputs.real_path import find_real_path
from controller.storage.audit.hash_chain import START, check_lines, seal_line, split_lines
from controller.storage.audit.head_copy import HeadCopy, TrailHead
from controller.storage.audit.segment_files import (
    append_line,
    count_lines,
    create_segment,
    iterate_entries,
    list_segments,
    list_timelines,
    narrow_file,
    read_regular,
    read_tail,
)
from controller.storage.file_lock import hold_file_lock, lock_descriptor, try_lock_descriptor

MOST_ENTRIES = 5_000
"""Entries of a file of the trail; with the next one a new file begins."""
LONGEST_DETAIL = 2_000
_PATIENCE = 30.0


class AuditKind(StrEnum):
    """What an entry is about."""

    BEGUN = "begun"
    ADOPTED = "adopted"
    SEGMENT = "segment"
    TORN = "torn"
    TIMELINE_OPENED = "timeline-opened"
    TIMELINE_SEALED = "timeline-sealed"
    MEASUREMENTS = "measurements"
    MANUAL_MEASUREMENTS = "manual-measurements"
    PLANNED = "planned"
    APPROVED = "approved"
    APPLIED = "applied"
    ROLLOUT = "rollout"
    REPAIRED = "repaired"
    BACKED_UP = "backed-up"
    RESTORED = "restored"
    ROTATED = "rotated"
    DAEMON = "daemon"
    DRILLED = "drilled"
    CHECK_PASSED = "check-passed"
    CHECK_LIMITS = "check-limits"
    STAGE_CONFIRMED = "stage-confirmed"
    REMOVED = "removed"


class AuditTrail:
    """The trail of a state folder. Any thread and any process may add to it.

    `head` is where the newest hash is kept besides; `now` gives the time.
    """

    def __init__(
        self, state: Path, head: HeadCopy | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.state = state
        self.folder = state / "audit"
        self._head = head
        self._now = now
        self._copy_named = False

    @property
    def name(self) -> str:
        """What the trail is called in copies of its head."""
        return str(find_real_path(self.folder))

    def list_segments(self) -> list[Path]:
        """The files of the trail, the oldest first."""
        return list_segments(self.folder)

    def record(self, kind: AuditKind, **details: str | int) -> str:
        """Add an entry; it is on the disk when its hash is returned.

        Raises:
            AuditRefused: it cannot be kept, here or where its head is kept besides.
        """
        with self._holding():
            return self._append(kind, details)

    @contextmanager
    def open_timeline(self, path: Path) -> Iterator[Timeline]:
        """A new timeline of the trail; it is sealed when the context ends. Those of killed runs are sealed before.

        Raises:
            AuditRefused: it cannot be kept.
        """
        with self._holding():
            self._seal_abandoned()
            timeline = self._start_timeline(path)
        try:
            yield timeline
        finally:
            lines, last = timeline.close()
            self.record(AuditKind.TIMELINE_SEALED, file=self.name_file(timeline.path), lines=lines, last=last)

    def name_file(self, path: Path) -> str:
        """A file as entries name it: from the state folder on."""
        return os.path.relpath(path, self.state)

    @contextmanager
    def hold_still(self) -> Iterator[None]:
        """Keep everybody from adding to the trail, e.g. while it is read; where there is none nothing is made.

        Raises:
            AuditRefused: somebody else was adding to it all the time.
        """
        if not self.folder.is_dir():
            yield
            return
        with self._holding():
            yield

    @contextmanager
    def _holding(self) -> Iterator[None]:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with hold_file_lock(self.folder / "lock", patience=_PATIENCE):
                yield
        except (OSError, FileLocked) as error:
            message = f"{self.folder}: the audit trail cannot be written ({error}); nothing is done that it cannot show"
            raise AuditRefused(message) from None

    def _append(self, kind: AuditKind, details: Mapping[str, str | int]) -> str:
        """Add an entry, and before it those that the trail needs; the lock is held."""
        self._begin()
        path = self.list_segments()[-1]
        number, last, torn = read_tail(path)
        if torn:  # what a power cut left of a line is ended, and said, at once
            line, last = self._seal(number, last, AuditKind.TORN, {"sha256": torn})
            append_line(path, f"\n{line}")
            number += 1
        place = {} if self._head is None else {"copy": self._head.place}
        if count_lines(path) >= MOST_ENTRIES:
            path = self._name_segment(int(path.stem.rpartition("-")[2]) + 1)
            line, last = self._seal(number, last, AuditKind.SEGMENT, {"before": last, **place})
            create_segment(path, [line])
            number += 1
        line, last = self._seal(number, last, kind, {**details, **({} if self._copy_named else place)})
        append_line(path, line)
        if self._head is not None:
            self._head.write(TrailHead(self.name, number + 1, last))
            self._copy_named = True
        return last

    def _begin(self) -> None:
        """Begin a trail where there is none, with the timelines that are there already.

        Raises:
            AuditRefused: the copy of the head knows another trail here.
        """
        self._check_copy()
        if self.list_segments():
            return
        lines: list[str] = []
        last = START
        older = [{"file": name, "sha256": digest} for name, digest in self._list_older_timelines().items()]
        for number, details in enumerate([{}, *older]):
            line, last = self._seal(number, last, AuditKind.ADOPTED if details else AuditKind.BEGUN, details)
            lines.append(line)
        create_segment(self._name_segment(1), lines)

    def _check_copy(self) -> None:
        """Refuse to go on where the newest head of the copy is no entry here: whatever was written would hide that."""
        if self._head is None:
            return
        heads = self._head.read_heads(self.name)
        segments = self.list_segments()
        number, last, _ = read_tail(segments[-1]) if segments else (0, "", "")
        newest = heads[-1] if heads else None
        if newest is not None and (newest.number, newest.hash) == (number, last):
            if not self._copy_named:
                self._copy_named = find_copy_place(self.read_entries()) == self._head.place
            return
        entries = list(self.read_entries())
        if newest is None:
            if find_copy_place(entries) == self._head.place:
                self._refuse_copy("names no entry of it any more")
        elif any((entry.get("n"), entry.get("hash")) == (newest.number, newest.hash) for entry in entries):
            # Killed before the copy was written, or a while without one.
            self._head.write(TrailHead(self.name, number, last))
        else:
            self._refuse_copy(f"names entry {newest.number}, which is not in it")

    def _refuse_copy(self, reason: str) -> NoReturn:
        place = "" if self._head is None else self._head.place
        message = (
            f"{self.folder}: the copy of the head ({place}) {reason}, so nothing is added; ask 'tsunagu audit verify', "
            "and if you know why, name another place ('audit: {head: ...}' in the operators' file)"
        )
        raise AuditHeadRefused(message)

    def _seal(self, number: int, previous: str, kind: AuditKind, details: Mapping[str, str | int]) -> tuple[str, str]:
        """The line of the entry after one of a number, and its hash."""
        cut = {name: one if isinstance(one, int) else one[:LONGEST_DETAIL] for name, one in details.items()}
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds")
        return seal_line(previous, {"n": number + 1, "at": at, "kind": str(kind), **cut})

    def _name_segment(self, number: int) -> Path:
        return self.folder / f"trail-{number:06}.jsonl"

    def _list_older_timelines(self) -> dict[str, str]:
        """The timelines from before there was a trail, by what they hold now."""
        found = list_timelines(self.state)
        digests = {self.name_file(path): hashlib.sha256(read_regular(path)).hexdigest() for path in found}
        for path in found:
            narrow_file(path)
        return digests

    def _start_timeline(self, wanted: Path) -> Timeline:
        self._begin()
        wanted.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        path, more = wanted, 1
        while True:
            try:
                descriptor = os.open(path, flags, 0o600)
                break
            except FileExistsError:
                more += 1
                path = wanted.with_stem(f"{wanted.stem}-{more}")
        try:
            lock_descriptor(descriptor, path)
            first = self._append(AuditKind.TIMELINE_OPENED, {"file": self.name_file(path)})
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        return Timeline(path, descriptor, first)

    def _seal_abandoned(self) -> None:
        """Seal the timelines whose run was killed: nobody holds them any more."""
        for name, first in list_open_timelines(self.read_entries()).items():
            path = self.state / name
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                continue  # `verify` says that it is missing
            try:
                free = try_lock_descriptor(descriptor)
            finally:
                os.close(descriptor)
            if not free:
                continue
            lines, rest = split_lines(read_regular(path))
            found = check_lines(first, lines)
            details: dict[str, str | int] = {"file": name, "lines": found.count, "last": found.last}
            details["rest"] = hashlib.sha256(rest).hexdigest()
            self._append(AuditKind.TIMELINE_SEALED, {**details, "run": "did not end"})

    def read_entries(self) -> Iterator[dict[str, object]]:
        """Every entry of the trail as it says itself, whether it is true or not."""
        return iterate_entries(self.folder)


class Timeline:
    """A timeline that is being written: one document a line. Any thread may write."""

    def __init__(self, path: Path, descriptor: int, first: str) -> None:
        self.path = path
        self._descriptor = descriptor
        self._last = first
        self._lines = 0
        self._lock = Lock()

    def write(self, document: Mapping[str, object]) -> None:
        """Add a line."""
        with self._lock:
            line, found = seal_line(self._last, document)
            os.write(self._descriptor, f"{line}\n".encode())
            self._last, self._lines = found, self._lines + 1

    def close(self) -> tuple[int, str]:
        """Bring it to the disk; gives how many lines it has, and the hash of the last one."""
        with self._lock:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            return self._lines, self._last


def find_copy_place(entries: Iterable[Mapping[str, object]]) -> str | None:
    """Where the copy of the head is kept, by what the newest entry about it says; None where none says it."""
    return next(reversed([str(entry["copy"]) for entry in entries if "copy" in entry]), None)


def list_open_timelines(entries: Iterator[dict[str, object]]) -> dict[str, str]:
    """The timelines that were opened and neither sealed nor removed, each with the hash that it begins from."""
    found: dict[str, str] = {}
    for entry in entries:
        name = str(entry.get("file", ""))
        if entry.get("kind") == AuditKind.TIMELINE_OPENED:
            found[name] = str(entry.get("hash", ""))
        elif entry.get("kind") in (AuditKind.TIMELINE_SEALED, AuditKind.REMOVED):
            found.pop(name, None)
    return found

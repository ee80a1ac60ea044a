"""The newest hash of a trail, written where whoever can write the trail should not be able to write.

A user who may rewrite everything on this machine can make a whole new trail; only such a copy shows it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from controller.errors import AuditRefused

IDENTIFIER = "tsunagu-audit"
JOURNAL_SOCKET = Path("/run/systemd/journal/socket")
_READ_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class TrailHead:
    """The newest entry of a trail: the trail's folder, the entry's number and its hash."""

    trail: str
    number: int
    hash: str

    def to_line(self) -> str:
        """The head as one line."""
        return json.dumps({"trail": self.trail, "n": self.number, "hash": self.hash}, ensure_ascii=False)


class HeadCopy(Protocol):
    """A place for heads."""

    def write(self, head: TrailHead) -> None:
        """Keep a head.

        Raises:
            AuditRefused: it cannot be kept.
        """

    def read_newest(self, trail: str) -> TrailHead | None:
        """The head of a trail that was kept last, or None.

        Raises:
            AuditRefused: what was kept cannot be read.
        """


@dataclass(frozen=True, slots=True)
class HeadFile:
    """A file that heads are added to; best one that is append-only, or on another machine."""

    path: Path

    def write(self, head: TrailHead) -> None:
        """Add a line."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(self.path, flags, 0o600)
            try:
                os.write(descriptor, f"{head.to_line()}\n".encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            message = f"{self.path}: the head of the audit trail cannot be written there ({error.strerror})"
            raise AuditRefused(message) from None

    def read_newest(self, trail: str) -> TrailHead | None:
        """The last line about a trail."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            message = f"{self.path}: the heads of the audit trail cannot be read there ({error})"
            raise AuditRefused(message) from None
        return _find_newest(trail, lines)


@dataclass(frozen=True, slots=True)
class SystemdHead:
    """The machine's journal (systemd)."""

    socket_path: Path = JOURNAL_SOCKET

    def write(self, head: TrailHead) -> None:
        """Send an entry, in the journal's own protocol."""
        entry = f"MESSAGE={head.to_line()}\nSYSLOG_IDENTIFIER={IDENTIFIER}\nPRIORITY=5\n"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.sendto(entry.encode(), str(self.socket_path))
        except OSError as error:
            message = f"the head of the audit trail cannot be written to the journal ({error.strerror})"
            raise AuditRefused(message) from None

    def read_newest(self, trail: str) -> TrailHead | None:
        """The last entry about a trail."""
        words = ["journalctl", "--quiet", "--no-pager", "--output=cat", f"SYSLOG_IDENTIFIER={IDENTIFIER}"]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=_READ_SECONDS)  # noqa: S603 ours
        except (OSError, subprocess.SubprocessError) as error:
            message = f"the journal cannot be read ({error})"
            raise AuditRefused(message) from None
        return _find_newest(trail, done.stdout.splitlines())


def _find_newest(trail: str, lines: Iterable[str]) -> TrailHead | None:
    newest = None
    for line in lines:
        try:
            found = json.loads(line)
            head = TrailHead(str(found["trail"]), int(found["n"]), str(found["hash"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # somebody else's line
        if head.trail == trail:
            newest = head
    return newest

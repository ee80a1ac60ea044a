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
from controller.storage.audit.segment_files import read_regular

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

    @property
    def place(self) -> str:
        """What entries call it."""

    def write(self, head: TrailHead) -> None:
        """Keep a head.

        Raises:
            AuditRefused: it cannot be kept.
        """

    def read_heads(self, trail: str) -> list[TrailHead]:
        """The heads of a trail that were kept, the oldest first.

        Raises:
            AuditRefused: what was kept cannot be read.
        """

    def list_trails(self) -> list[str]:
        """The trails that heads were kept of, by name: a trail that is gone altogether is known only here.

        Raises:
            AuditRefused: what was kept cannot be read.
        """


@dataclass(frozen=True, slots=True)
class HeadFile:
    """A file that heads are added to; best one that is append-only, or on another machine."""

    path: Path

    @property
    def place(self) -> str:
        """The file's name."""
        return str(self.path)

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

    def read_heads(self, trail: str) -> list[TrailHead]:
        """The lines about a trail."""
        return [head for head in _parse_heads(self._read_lines()) if head.trail == trail]

    def list_trails(self) -> list[str]:
        """The trails of all lines."""
        return _list_trails(self._read_lines())

    def _read_lines(self) -> list[str]:
        try:
            return read_regular(self.path).decode().split("\n")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            message = f"{self.path}: the heads of the audit trail cannot be read there ({error})"
            raise AuditRefused(message) from None


@dataclass(frozen=True, slots=True)
class SystemdHead:
    """The machine's journal (systemd)."""

    socket_path: Path = JOURNAL_SOCKET

    @property
    def place(self) -> str:
        """The word of the operators' file."""
        return "journal"

    def write(self, head: TrailHead) -> None:
        """Send an entry, in the journal's own protocol."""
        entry = f"MESSAGE={head.to_line()}\nSYSLOG_IDENTIFIER={IDENTIFIER}\nPRIORITY=5\n"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.sendto(entry.encode(), str(self.socket_path))
        except OSError as error:
            message = f"the head of the audit trail cannot be written to the journal ({error.strerror})"
            raise AuditRefused(message) from None

    def read_heads(self, trail: str) -> list[TrailHead]:
        """The entries about a trail, of those who can write it: anybody else's would be words of a stranger."""
        return [head for head in _parse_heads(_ask_journal(_match_writers(trail))) if head.trail == trail]

    def list_trails(self) -> list[str]:
        """The trails of root's and this user's entries."""
        return _list_trails(_ask_journal([f"_UID={user}" for user in sorted({0, os.geteuid()})]))


def _ask_journal(writers: Iterable[str]) -> list[str]:
    words = ["journalctl", "--quiet", "--no-pager", "--output=cat", f"SYSLOG_IDENTIFIER={IDENTIFIER}", *writers]
    try:
        done = subprocess.run(  # noqa: S603 ours
            words, capture_output=True, text=True, check=True, timeout=_READ_SECONDS
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        message = f"the journal cannot be read ({error})"
        raise AuditRefused(message) from None
    return done.stdout.split("\n")


def _match_writers(trail: str) -> list[str]:
    """Words of journalctl for root and the owner of a trail; for anybody where the trail is gone, and its owner too."""
    try:
        return [f"_UID={user}" for user in sorted({0, os.stat(trail).st_uid})]  # noqa: PTH116 a name, not a path
    except OSError:
        return []


def _list_trails(lines: Iterable[str]) -> list[str]:
    """Every trail once; a trail is named by its whole path."""
    return list(dict.fromkeys(head.trail for head in _parse_heads(lines) if head.trail.startswith("/")))


def _parse_heads(lines: Iterable[str]) -> list[TrailHead]:
    found: list[TrailHead] = []
    for line in lines:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue  # somebody else's line
        match said:
            case {"trail": str(name), "n": int(number), "hash": str(text)}:
                found.append(TrailHead(name, number, text))
            case _:
                pass
    return found

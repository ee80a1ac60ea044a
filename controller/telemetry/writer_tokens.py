"""Tokens by which the monitor knows who sends: a file each for the controller and for probes.

Senders read a token by its file's name, so it stands in no list of processes and in no environment. It is shown to this
machine only, and there to nobody else's program: a collector has credentials of its own (`OTEL_EXPORTER_OTLP_HEADERS`).
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from controller.errors import TokenRefused

SOCKET_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_RANDOM_BYTES = 32
_MOST_BYTES = 256
_FORM = re.compile(rb"[A-Za-z0-9_-]{32,128}\n?")


def make_token(path: Path) -> bool:
    """Make a file with a new token that only this user can read; whether it was made, or was there before.

    Raises:
        TokenRefused: the file cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        message = f"{path}: the token cannot be made there ({error.strerror}); name another file in the operators' file"
        raise TokenRefused(message) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(f"{secrets.token_urlsafe(_RANDOM_BYTES)}\n".encode("ascii"))
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    return True


def read_token(path: Path) -> str:
    """The token in a file that nobody but this user (and root) can read or change.

    Raises:
        TokenRefused: the file is missing, another user's, open to others, a link, or holds no token.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        message = f"{path}: there is no token; 'tsunagu monitor' makes it when it starts"
        raise TokenRefused(message) from None
    except OSError as error:
        reason = "it is a link" if path.is_symlink() else error.strerror
        message = f"{path}: the token cannot be read ({reason})"
        raise TokenRefused(message) from None
    try:
        if (fault := _find_fault(os.fstat(descriptor))) is not None:
            message = f"{path}: {fault}"
            raise TokenRefused(message)
        content = os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
    if _FORM.fullmatch(content) is None:
        message = f"{path}: holds no token (32 to 128 letters, digits, - and _); delete it and start the monitor again"
        raise TokenRefused(message)
    return content.decode("ascii").strip()


def _find_fault(found: os.stat_result) -> str | None:
    """Why an open file can hold no token, or None."""
    if not stat.S_ISREG(found.st_mode):
        return "a token stands in a regular file"
    if found.st_uid not in (0, os.geteuid()):
        return f"the token belongs to user {found.st_uid}; it must be this user's ({os.geteuid()})"
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"others may read the token (mode {stat.S_IMODE(found.st_mode):04o}); chmod 600 it"
    return None


def is_on_this_machine(url: str) -> bool:
    """Whether an endpoint is on loopback, where a token may go.

    >>> is_on_this_machine("http://127.0.0.1:8600/v1/logs"), is_on_this_machine("http://collector.example:4318")
    (True, False)
    """
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


def may_show_token(url: str, tables: Sequence[Path] = SOCKET_TABLES) -> bool:
    """Whether who listens at an endpoint may be shown a token: on this machine, this user or root, and nobody else.

    Any user may listen at a port while no monitor does, and would be told the token otherwise.
    """
    if not is_on_this_machine(url):
        return False
    users = {user for table in tables for port, user in _read_listeners(table) if port == (urlsplit(url).port or 80)}
    return users <= {0, os.geteuid()}


def _read_listeners(table: Path) -> Iterator[tuple[int, int]]:
    """The ports that somebody listens at, each with that user's number."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return  # another system, or no IPv6
    for line in lines:
        words = line.split()
        if words[3] == _LISTENING:
            yield int(words[1].rpartition(":")[2], 16), int(words[7])

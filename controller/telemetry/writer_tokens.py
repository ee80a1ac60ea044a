"""Tokens by which the monitor knows who sends: a file each for the controller and for probes.

Senders read a token by its file's name, so it stands in no list of processes and in no environment. It is shown to this
machine only, and there to nobody else's program: a collector has credentials of its own (`OTEL_EXPORTER_OTLP_HEADERS`).
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from controller.errors import TokenRefused

SOCKET_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"
_CONNECTED = ("01", "03")
"""Connected, or about to be."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Address = tuple[str, int]
"""An end of a connection: IP address and port."""
_End = tuple[IPv4Address | IPv6Address, int]
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
        content = read_private_file(path, "the token", _MOST_BYTES)
    except FileNotFoundError:
        message = f"{path}: there is no token; 'tsunagu monitor' makes it when it starts"
        raise TokenRefused(message) from None
    if _FORM.fullmatch(content) is None:
        message = f"{path}: holds no token (32 to 128 letters, digits, - and _); delete it and start the monitor again"
        raise TokenRefused(message)
    return content.decode("ascii").strip()


def read_private_file(path: Path, what: str, most: int) -> bytes:
    """The content of a file, of so many bytes at most, that nobody but this user (and root) can read or change.

    Raises:
        FileNotFoundError: there is none.
        TokenRefused: it is another user's, open to others, or a link; `what` names it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = "it is a link" if path.is_symlink() else error.strerror
        message = f"{path}: {what} cannot be read ({reason})"
        raise TokenRefused(message) from None
    try:
        if (fault := _find_fault(os.fstat(descriptor), what)) is not None:
            message = f"{path}: {fault}"
            raise TokenRefused(message)
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def _find_fault(found: os.stat_result, what: str) -> str | None:
    """Why an open file can hold no secret, or None."""
    if not stat.S_ISREG(found.st_mode):
        return f"{what} stands in a regular file"
    if found.st_uid not in (0, os.geteuid()):
        return f"{what} belongs to user {found.st_uid}; it must be this user's ({os.geteuid()})"
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"others may read {what} (mode {stat.S_IMODE(found.st_mode):04o}); chmod 600 it"
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


def may_show_token(own: Address, peer: Address, tables: Sequence[Path] = SOCKET_TABLES) -> bool:
    """Whether who has the other end of a connection may be shown a token: on this machine, this user or root.

    `own` and `peer` are the ends of the connection, each an address and a port. Any user may listen at a port while no
    monitor does, and may keep a connection when it is back.
    """
    trusted = {0, os.geteuid()}
    # The listeners first: a connection that is accepted by nobody yet is of one that listened when it was asked for
    # and listens still, so it stands among these.
    listeners = {
        row.user
        for row in _read_sockets(tables)
        if row.state == _LISTENING
        and row.own in (_to_end(peer), _to_end(("0.0.0.0", peer[1])), _to_end(("::", peer[1])))  # noqa: S104 looked for
    }
    rows = [
        row
        for row in _read_sockets(tables)
        if row.state in _CONNECTED and (row.own, row.peer) == (_to_end(peer), _to_end(own))
    ]
    return (
        len(rows) == 1
        and rows[0].user in trusted
        and (rows[0].is_accepted or (bool(listeners) and listeners <= trusted))
    )


class _Socket(NamedTuple):
    """A row of the kernel's table of sockets."""

    own: _End
    peer: _End
    state: str
    user: int
    is_accepted: bool


def _read_sockets(tables: Sequence[Path]) -> Iterator[_Socket]:
    for table in tables:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue  # no IPv6
        for line in lines:
            words = line.split()
            yield _Socket(_parse_end(words[1]), _parse_end(words[2]), words[3], int(words[7]), words[9] != "0")


def _parse_end(text: str) -> _End:
    """An address and a port as the kernel writes them: words of four bytes in this machine's order.

    >>> _parse_end("0100007F:2198") if sys.byteorder == "little" else (IPv4Address("127.0.0.1"), 8600)
    (IPv4Address('127.0.0.1'), 8600)
    """
    address, _, port = text.rpartition(":")
    words = (int(address[place : place + 8], 16) for place in range(0, len(address), 8))
    return _plain(ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))), int(port, 16)


def _to_end(address: Address) -> _End:
    return _plain(ip_address(address[0])), address[1]


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address also where a socket of IPv6 has it."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address

"""A connection to a device that cannot be made to hold what no SSH server needs to send, nor for longer than it may.

The SSH library reads a version line until its end comes, and a packet as long as its first four bytes say: up to 4 GB,
from whoever answers, before any key is compared. What comes on a channel it keeps until somebody reads it, and no more
than a window of it only if the device holds to that. So what comes is counted here, whatever it is.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

import paramiko

from controller.platforms.device_text import device_text

LONGEST_GREETING = 64 * 1024
"""Bytes before the end of the version line; RFC 4253 allows lines before it."""
LONGEST_PACKET = 1024 * 1024
"""RFC 4253 asks for 35,000."""
WIRE_OVERHEAD = 1024 * 1024
"""What an answer may be longer on the wire than its text: heads of packets, the command's own echo, the login."""

_VERSION = re.compile(rb"^SSH-[^\n]*\n", re.MULTILINE)


class BoundedConnection:
    """A socket, or a channel of a jump host, whose reading is bounded; all else is handed on."""

    def __init__(self, connection: socket.socket | paramiko.Channel) -> None:
        self._connection = connection
        self._greeting: bytes | None = b""
        self._size = 0
        self.overran = False

    def begin_command(self) -> None:
        """Count anew: the bound is one of a command."""
        self._size = 0

    def recv(self, size: int) -> bytes:
        """Return what has come, at most `size` bytes.

        Raises:
            EOFError: more is asked for, or sent, than an SSH server has to send; the connection is closed.
        """
        if size > LONGEST_PACKET:
            self._refuse(f"it announced a packet of {size // 1024 // 1024} MB")
        data = self._connection.recv(size)
        self._size += len(data)
        if self._size > (most := device_text.MAXIMUM_BYTES + WIRE_OVERHEAD):
            self.overran = True
            self._connection.close()
            message = f"it sent more than {most} bytes to one command"
            raise EOFError(message)
        if self._greeting is not None:
            self._greeting += data
            if _VERSION.search(self._greeting):
                self._greeting = None
            elif len(self._greeting) > LONGEST_GREETING:
                self._refuse(f"it sent {len(self._greeting)} bytes and no SSH version")
        return data

    def _refuse(self, reason: str) -> None:
        self._connection.close()
        message = f"{reason}; that is no SSH server"
        raise EOFError(message)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever a socket has
        return getattr(self._connection, name)


def hang_up(connection: socket.socket | paramiko.Channel | BoundedConnection) -> None:
    """End a connection for everybody who reads from it, also for a file that was opened upon it."""
    with suppress(OSError, EOFError, paramiko.SSHException):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def limit_time(seconds: float, end: Callable[[], None]) -> Iterator[None]:
    """End the connection when its time is over: a device that falls silent, or drips, is waited for without limit.

    The bounds of the SSH library are those of one reading, and each byte begins a new one.
    """
    watch = Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()

"""A connection to a device that cannot be made to hold what no SSH server needs to send.

The SSH library reads a version line until its end comes, and a packet as long as its first four bytes say: up to 4 GB,
from whoever answers, before any key is compared.
"""

from __future__ import annotations

import re
import socket
from typing import Any

import paramiko

LONGEST_GREETING = 64 * 1024
"""Bytes before the end of the version line; RFC 4253 allows lines before it."""
LONGEST_PACKET = 1024 * 1024
"""RFC 4253 asks for 35,000."""

_VERSION = re.compile(rb"^SSH-[^\n]*\n", re.MULTILINE)


class BoundedConnection:
    """A socket, or a channel of a jump host, whose reading is bounded; all else is handed on."""

    def __init__(self, connection: socket.socket | paramiko.Channel) -> None:
        self._connection = connection
        self._greeting: bytes | None = b""

    def recv(self, size: int) -> bytes:
        """Return what has come, at most `size` bytes.

        Raises:
            EOFError: more is asked for, or sent, than an SSH server has to send; the connection is closed.
        """
        if size > LONGEST_PACKET:
            self._refuse(f"it announced a packet of {size // 1024 // 1024} MB")
        data = self._connection.recv(size)
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

"""Listens for SSH on a port of this machine, as long as a test needs it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

Prepare = Callable[[paramiko.Transport], paramiko.ServerInterface]
"""Gives a new connection its host keys, and says who answers it."""


@contextmanager
def listen_for_ssh(prepare: Prepare) -> Iterator[int]:
    """Serve every connection to a port of this machine, which is given."""
    opened: list[paramiko.Transport] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept_all, args=(listener, prepare, opened), daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for transport in opened:
                transport.close()
            thread.join(10)


def _accept_all(listener: socket.socket, prepare: Prepare, opened: list[paramiko.Transport]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        transport = paramiko.Transport(connection)
        opened.append(transport)
        try:
            transport.start_server(server=prepare(transport))
        except (paramiko.SSHException, EOFError, OSError):
            transport.close()

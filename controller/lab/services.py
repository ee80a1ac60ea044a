"""The applications of the virtual city: one process, one small HTTP server at each of their addresses.

Run by `up` as `python -m controller.lab.services STATE`. Prints its process number when all of them listen.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

from controller.lab import journal
from controller.lab.layout import Listener
from controller.platforms import namespace

_BACKLOG = 512
_REQUEST_SECONDS = 5.0


def listen(listener: Listener) -> socket.socket:
    """A listening socket in the listener's namespace.

    Raises:
        OSError: the namespace or the address is not there, or the port is taken.
    """
    opened = namespace.stream_socket(listener.namespace, listener.address)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind((listener.address, listener.port))
    opened.listen(_BACKLOG)
    opened.setblocking(False)
    return opened


def body(listener: Listener) -> bytes:
    """What a listener answers: which applications it stands for, and where."""
    return json.dumps({"applications": listener.applications, "address": listener.address}).encode()


async def serve(listeners: tuple[Listener, ...]) -> None:
    """Answer until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    servers = [await asyncio.start_server(_answering(body(one)), sock=listen(one)) for one in listeners]
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    await ended.wait()
    for server in servers:
        server.close()


class _answering:  # noqa: N801 reads as what the server is: one that is answering with a text
    pass

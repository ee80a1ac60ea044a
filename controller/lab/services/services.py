"""The applications of the virtual city: one process, one small HTTP server at each of their addresses.

Run by `up` as `python -m controller.lab.services.services STATE`. Prints its process number when all of them listen.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from controller.lab.state import undo_log
from controller.lab.state.layout import Listener
from controller.platforms.transport import namespace

_BACKLOG = 512
_REQUEST_SECONDS = 5.0
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def listen(listener: Listener) -> socket.socket:
    """A listening socket in the listener's namespace.

    Raises:
        OSError: the namespace or the address is not there, or the port is taken.
    """
    opened = namespace.open_stream_socket(listener.namespace, listener.address)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind((listener.address, listener.port))
    opened.listen(_BACKLOG)
    opened.settimeout(0)
    return opened


def body(listener: Listener) -> bytes:
    """What a listener answers: which applications it stands for, and where."""
    return json.dumps({"applications": listener.applications, "address": listener.address}).encode()


async def serve(listeners: tuple[Listener, ...]) -> None:
    """Answer until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    servers = [await asyncio.start_server(answering(one), sock=listen(one)) for one in listeners]
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.flush()
    await ended.wait()
    for server in servers:
        server.close()


def answering(listener: Listener) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """What answers the connections of a listener."""
    text = body(listener)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    answer = head.encode() + b"Connection: close\r\n\r\n" + text

    async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            request = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _REQUEST_SECONDS)
            writer.write(answer if request.startswith(b"GET / ") else _NOT_FOUND)
            await writer.drain()
        writer.close()

    return answer_one


def main(state: Path) -> None:
    """Serve the lab of a state directory."""
    record = undo_log.read(state)
    if record is None:
        sys.exit(f"no lab in {state}")
    asyncio.run(serve(record.layout.listeners))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

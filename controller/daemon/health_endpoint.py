"""A health endpoint on the loopback address: 200 while every duty works, 503 while one does not, and nothing else.

Nothing is taken from a client but the words `GET /health`, and it is told no details: those stand in the log. A request
is bounded in bytes and time, and so is the number of clients at once.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore, Event, Thread

from controller.errors import DaemonRefused

HOST = "127.0.0.1"
PATH = b"/health"
MOST_BYTES = 2_048
MOST_CLIENTS = 16
SECONDS = 2.0
AGAIN_SECONDS = 0.2
"""How long it waits where the machine lacks what a client needs (descriptors, say): others may let go of theirs."""
_END = b"\r\n\r\n"
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


@contextmanager
def serve_health(port: int, is_healthy: Callable[[], bool]) -> Iterator[int]:
    """Answer for the length of a block; yield the port, a free one where 0 was asked for.

    Raises:
        DaemonRefused: the port is taken.
    """
    listening, closed = socket.socket(socket.AF_INET, socket.SOCK_STREAM), Event()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            message = f"{HOST}:{port}: the health endpoint cannot listen there ({error.strerror}); name another port"
            raise DaemonRefused(message) from None
        listening.listen(MOST_CLIENTS)
        Thread(target=_accept, args=(listening, is_healthy, closed), name="health", daemon=True).start()
        yield int(listening.getsockname()[1])
    finally:
        closed.set()
        with suppress(OSError):  # wakes the thread that waits for clients; there may be nothing to shut down
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _accept(listening: socket.socket, is_healthy: Callable[[], bool], closed: Event) -> None:
    """Let clients in until `closed`: whatever fails for one, or for a while, ends nothing."""
    free = BoundedSemaphore(MOST_CLIENTS)

    def answer(client: socket.socket) -> None:
        try:
            with client, suppress(OSError):  # a client that went away misses its answer
                client.sendall(answer_request(_read_request(client), is_healthy))
        finally:
            free.release()

    while not closed.is_set():
        try:
            client, _ = listening.accept()
        except OSError:
            closed.wait(AGAIN_SECONDS)
            continue
        if not free.acquire(blocking=False):
            client.close()
            continue
        try:
            Thread(target=answer, args=(client,), name="health-client", daemon=True).start()
        except (RuntimeError, MemoryError):  # the machine has no thread left
            free.release()
            client.close()


def _read_request(client: socket.socket) -> bytes:
    """Return the head of a request; what is too long or too slow is cut."""
    deadline, request = time.monotonic() + SECONDS, b""
    while _END not in request and len(request) < MOST_BYTES:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        client.settimeout(left)
        try:
            more = client.recv(MOST_BYTES - len(request))
        except TimeoutError:
            break
        if not more:
            break
        request += more
    client.settimeout(SECONDS)
    return request


def answer_request(request: bytes, is_healthy: Callable[[], bool]) -> bytes:
    r"""Return the whole answer to a request.

    >>> answer_request(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", lambda: True).split(b"\r\n")[0]
    b'HTTP/1.1 200 OK'
    >>> answer_request(b"POST /health HTTP/1.1\r\n\r\n", lambda: True).split(b"\r\n")[0]
    b'HTTP/1.1 405 Method Not Allowed'
    """
    code = _choose_code(request, is_healthy)
    body = {200: "ok\n", 503: "not well; see the log\n"}.get(code, "")
    allow = "Allow: GET\r\n" if code == 405 else ""  # noqa: PLR2004 a status of HTTP
    head = f"HTTP/1.1 {code} {_REASONS[code]}\r\n{allow}Content-Type: text/plain\r\nCache-Control: no-store\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode("ascii")


def _choose_code(request: bytes, is_healthy: Callable[[], bool]) -> int:
    words = request.partition(b"\r\n")[0].split(b" ")
    if _END not in request or len(words) != 3 or not words[2].startswith(b"HTTP/1."):  # noqa: PLR2004 method, path, version
        return 400
    if words[0] != b"GET":
        return 405
    if words[1] != PATH:
        return 404
    return 200 if is_healthy() else 503

"""How long a page takes over a path, and whether anybody there answers over TCP at all."""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass

from controller.probe_agent.configuration import LightTests, ProbedPath
from controller.probe_agent.probing.bound_socket import open_bound_socket
from controller.probe_agent.version import VERSION

_STATUS = re.compile(rb"HTTP/1\.[01] ([2-4])[0-9][0-9]")
_STATUS_BYTES = 12


@dataclass(frozen=True, slots=True)
class PageTimes:
    """Seconds until the connection stood, and until the page's first line was there; None where it did not happen."""

    connected: float | None = None
    answered: float | None = None


def measure_page(path: ProbedPath, tests: LightTests) -> PageTimes:
    """Ask the target of a path for a page."""
    connected: float | None = None
    deadline = time.monotonic() + tests.answer_within
    try:
        with open_bound_socket(path, socket.SOCK_STREAM) as plain:
            began = time.monotonic()
            plain.settimeout(tests.answer_within)
            plain.connect((path.target, tests.page_port))
            connected = time.monotonic() - began
            with _wrap(plain, tls=tests.page_tls) as opened:
                opened.sendall(_write_request(path.target, tests.page_path))
                line = _receive_line(opened, deadline)
            found = _STATUS.match(line)
            return PageTimes(connected, time.monotonic() - began if found else None)
    except (OSError, ValueError):
        return PageTimes(connected)


def _wrap(plain: socket.socket, *, tls: bool) -> socket.socket:
    if not tls:
        return plain
    context = ssl.create_default_context()
    # A time is measured here: nothing that the page says is believed, and its name is not an address's.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def _write_request(host: str, page: str) -> bytes:
    shown = f"[{host}]" if ":" in host else host
    lines = (f"GET {page} HTTP/1.1", f"Host: {shown}", f"User-Agent: tsunagu-probe/{VERSION}", "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _receive_line(opened: socket.socket, deadline: float) -> bytes:
    """The first bytes of the answer, as many as a status needs."""
    received = b""
    while len(received) < _STATUS_BYTES and (left := deadline - time.monotonic()) > 0:
        opened.settimeout(left)
        more = opened.recv(_STATUS_BYTES - len(received))
        if not more:
            break
        received += more
    return received

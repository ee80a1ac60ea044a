"""The HTTP probe: how long a page takes over a line, by HTTP or HTTPS.

Its target in the policy is still `targets.proxy`: what answers is an application's identity-aware proxy. A forward
proxy, as schools have them, is not asked.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass

from controller.measure.measurement import MeasurementKind, ProbeResult
from controller.measure.probes.probe_path import ProbePath
from controller.measure.probes.timed_request import DATAGRAM_BYTES, TimedAnswer, WrongAnswer, time_request
from controller.model.measurement import PageTarget
from controller.model.network.packets import Family

_HEAD_BYTES = 65536
_GOOD = range(200, 400)
_STATUS = re.compile(rb"HTTP/[0-9.]{1,8} ([0-9]{3})(?![^ \r\n])")


@dataclass(frozen=True)
class HttpProbe:
    """The probe: the time until the head of its answer is here, with the connection (and TLS) before it."""

    target: PageTarget
    within: float
    trust: ssl.SSLContext | None = None

    def measure(self, route: ProbePath) -> ProbeResult:
        """Ask for the page at the route's end."""
        address = f"[{route.target}]" if route.path.family is Family.V6 else route.target
        shown = f"{self.target.scheme}://{address}:{self.target.port}{self.target.path}"
        name = self.target.host or address

        def ask_page() -> TimedAnswer:
            request = f"GET {self.target.path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode("ascii")
            with route.open_bound_socket(socket.SOCK_STREAM) as plain:
                plain.settimeout(self.within)
                began = time.perf_counter()
                plain.connect((route.target, self.target.port))
                with self._secured(plain, name.strip("[]")) as opened:
                    opened.sendall(request)
                    head = _receive_head(opened, time.perf_counter() + self.within)
                    seconds = time.perf_counter() - began
            status = _STATUS.match(head)
            if status is None:
                message = "what answers speaks no HTTP"
                raise WrongAnswer(message)
            if int(status[1]) not in _GOOD:
                message = f"the answer is {int(status[1])}"
                raise WrongAnswer(message)
            return TimedAnswer(head.decode("latin-1"), seconds)

        return time_request(
            MeasurementKind.HTTP,
            shown,
            f"{self.target.scheme.upper()} GET, until the head is here",
            "targets.proxy",
            ask_page,
        )

    def _secured(self, plain: socket.socket, name: str) -> socket.socket:
        if self.target.scheme == "http":
            return plain
        return (self.trust or ssl.create_default_context()).wrap_socket(plain, server_hostname=name)


def _receive_head(opened: socket.socket, deadline: float) -> bytes:
    """What came until the deadline: an answer that drips byte by byte holds no measurement up.

    Raises:
        TimeoutError: it is not whole by then.
    """
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES:
        left = deadline - time.perf_counter()
        if left <= 0:
            raise TimeoutError
        opened.settimeout(left)
        more = opened.recv(DATAGRAM_BYTES)
        if not more:
            break
        head += more
    return head.partition(b"\r\n\r\n")[0]

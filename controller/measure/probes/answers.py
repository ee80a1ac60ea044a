"""How long a name look-up and a page take over a line: DNS over UDP, and HTTP or HTTPS."""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from controller.measure.measurement import DURATION_MS, Found, Kind, Outcome
from controller.measure.probes.probe_targets import Route
from controller.model.measurement import NameTarget, PageTarget
from controller.model.network.packets import Family

_DATAGRAM = 4096
_HEAD_BYTES = 65536
_GOOD = range(200, 400)


class _Wrong(Exception):
    """Somebody answers, and not what was asked for."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back, and the time from the first packet until then; making the socket is not in it."""

    raw: str
    seconds: float


@dataclass(frozen=True)
class NameLookup:
    """The probe for DNS: the time until a name server's answer with an address is here."""

    target: NameTarget
    within: float

    def measure(self, route: Route) -> Found:
        """Ask the name server at the route's end."""
        shown = f"{route.address} port {self.target.port}"
        wanted = dns.rdatatype.A if route.path.family is Family.V4 else dns.rdatatype.AAAA
        query = dns.message.make_query(self.target.name, wanted)
        method = f"DNS over UDP: {self.target.name} {dns.rdatatype.to_text(wanted)}"

        def ask() -> _Answer:
            with route.bound(socket.SOCK_DGRAM) as opened:
                opened.settimeout(self.within)
                began = time.perf_counter()
                opened.connect((route.address, self.target.port))
                opened.send(query.to_wire())
                received = opened.recv(_DATAGRAM)
                seconds = time.perf_counter() - began
            answer = dns.message.from_wire(received)
            if not query.is_response(answer) or answer.rcode() != dns.rcode.NOERROR or not answer.answer:
                said = dns.rcode.to_text(answer.rcode())
                message = f"the name server has no {dns.rdatatype.to_text(wanted)} of {self.target.name} ({said})"
                raise _Wrong(message)
            return _Answer(answer.to_text(), seconds)

        return _timed(Kind.DNS, shown, method, "targets.dns", ask)


@dataclass(frozen=True)
class PageFetch:
    """The probe for a proxy: the time until the head of its answer is here, with the connection (and TLS) before it."""

    target: PageTarget
    within: float
    trust: ssl.SSLContext | None = None

    def measure(self, route: Route) -> Found:
        """Ask for the page at the route's end."""
        address = f"[{route.address}]" if route.path.family is Family.V6 else route.address
        shown = f"{self.target.scheme}://{address}:{self.target.port}{self.target.path}"
        name = self.target.host or address

        def ask() -> _Answer:
            request = f"GET {self.target.path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode("ascii")
            with route.bound(socket.SOCK_STREAM) as plain:
                plain.settimeout(self.within)
                began = time.perf_counter()
                plain.connect((route.address, self.target.port))
                with self._secured(plain, name.strip("[]")) as opened:
                    opened.sendall(request)
                    head = _head(opened)
                    seconds = time.perf_counter() - began
            status = head.split(b" ", 2)[1:2]
            if not head.startswith(b"HTTP/") or not status or not status[0].isdigit():
                message = "what answers speaks no HTTP"
                raise _Wrong(message)
            if int(status[0]) not in _GOOD:
                message = f"the answer is {int(status[0])}"
                raise _Wrong(message)
            return _Answer(head.decode("latin-1"), seconds)

        return _timed(
            Kind.PROXY, shown, f"{self.target.scheme.upper()} GET, until the head is here", "targets.proxy", ask
        )

    def _secured(self, plain: socket.socket, name: str) -> socket.socket:
        if self.target.scheme == "http":
            return plain
        return (self.trust or ssl.create_default_context()).wrap_socket(plain, server_hostname=name)


def _head(opened: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES:
        more = opened.recv(_DATAGRAM)
        if not more:
            break
        head += more
    return head.partition(b"\r\n\r\n")[0]


def _timed(kind: Kind, target: str, method: str, setting: str, ask: Callable[[], _Answer]) -> Found:
    see = f"see {setting} in policies/measurement.yaml"
    try:
        answer = ask()
    except TimeoutError:
        return Found(kind, Outcome.NO_ANSWER, target, method, reason=f"no answer from {target} in time")
    except ConnectionError as error:
        reason = f"nothing listens at {target} ({error.strerror or error}); {see}, or start it there"
        return Found(kind, Outcome.REFUSED, target, method, reason=reason)
    except ssl.SSLError as error:
        return Found(kind, Outcome.REFUSED, target, method, reason=f"{target}: {error}; {see}")
    except OSError as error:
        gone = error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.ENODEV)
        outcome = Outcome.NO_ANSWER if gone else Outcome.FAILED
        return Found(kind, outcome, target, method, reason=f"{target}: {error.strerror or error}")
    except (_Wrong, dns.exception.DNSException) as error:
        said = str(error) or "what answers is not understood"
        return Found(kind, Outcome.REFUSED, target, method, reason=f"{target}: {said}; {see}")
    return Found(kind, Outcome.MEASURED, target, method, {DURATION_MS: 1000 * answer.seconds}, raw=answer.raw)

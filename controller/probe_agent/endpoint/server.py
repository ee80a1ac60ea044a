"""The measuring endpoint: HTTPS, a thread for each connection, everything bounded."""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import closing, suppress

from controller.probe_agent.endpoint.admission import Admission, NotAdmitted, RunningTest
from controller.probe_agent.endpoint.connection_room import ConnectionRoom, name_source
from controller.probe_agent.endpoint.requests import NoRequest, Request, receive_request
from controller.probe_agent.endpoint.streams import receive_bytes, send_bytes
from controller.probe_agent.throughput_protocol.pages import MOST_SECONDS, Page
from controller.probe_agent.throughput_protocol.tcp_state import close_at_once

_HEAD_SECONDS = 5.0
_CONTROL_SECONDS = 30.0
"""How long a probe's first connection may be, whatever it asks: a test takes less."""
_REPORT_SECONDS = 3.0
_MOST_BODY = 8_000_000_000
"""What the head of a download says is to come; a test ends long before."""
_REASONS = {200: "OK", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable"}


class Endpoint:
    """An endpoint at some listeners; it closes them when it ends."""

    def __init__(self, listeners: Sequence[socket.socket], tls: ssl.SSLContext, admission: Admission) -> None:
        self._listeners = listeners
        self._tls = tls
        self._admission = admission
        self._room = ConnectionRoom()
        self._open: set[socket.socket] = set()
        self._changing = threading.Lock()

    def serve_connections(self, stop: int) -> None:
        """Serve until a file descriptor can be read from; then end all connections."""
        threads: list[threading.Thread] = []
        with selectors.DefaultSelector() as selector:
            selector.register(stop, selectors.EVENT_READ)
            for one in self._listeners:
                one.settimeout(0)
                selector.register(one, selectors.EVENT_READ)
            while stop not in (ready := {key.fd: key.fileobj for key, _ in selector.select()}):
                threads = [one for one in threads if one.is_alive()]
                threads += [made for one in ready.values() if (made := self._accept(one)) is not None]
        for one in self._listeners:
            one.close()
        with self._changing:
            for opened in self._open:
                with suppress(OSError):
                    # The plain socket's own: that of TLS would take the encryption away from under another thread.
                    socket.socket.shutdown(opened, socket.SHUT_RDWR)
        for thread in threads:
            thread.join()

    def _accept(self, listener: object) -> threading.Thread | None:
        assert isinstance(listener, socket.socket)  # noqa: S101 all that is registered beside the end
        try:
            plain, (address, *_) = listener.accept()
        except OSError:
            return None  # who came is gone again, or there is no room for a file
        source = name_source(address)
        if not self._room.take_place(source):
            plain.close()
            return None
        thread = threading.Thread(target=self._serve_connection, args=(plain, source), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the machine has no room for a thread now
            plain.close()
            self._room.return_place(source)
            return None
        return thread

    def _serve_connection(self, plain: socket.socket, source: str) -> None:
        try:
            plain.settimeout(_HEAD_SECONDS)
            with suppress(OSError), closing(self._tls.wrap_socket(plain, server_side=True)) as opened:
                with self._changing:
                    self._open.add(opened)
                try:
                    self._answer_requests(opened)
                finally:
                    with self._changing:
                        self._open.discard(opened)
        finally:
            plain.close()
            self._room.return_place(source)

    def _answer_requests(self, opened: ssl.SSLSocket) -> None:
        within, deadline = _HEAD_SECONDS, time.monotonic() + _CONTROL_SECONDS
        while True:
            try:
                request = receive_request(opened, within)
                if request is None or not self._answer(opened, request):
                    return
            except NoRequest:
                return
            except NotAdmitted as refused:
                _send_answer(opened, refused.status, {"error": str(refused)})
                return
            within = deadline - time.monotonic()

    def _answer(self, opened: ssl.SSLSocket, request: Request) -> bool:
        """Answer a request; whether the connection may be asked again.

        Raises:
            NotAdmitted: it is not served.
        """
        match request.verb, request.path:
            case "POST", Page.CHALLENGE:
                _send_answer(opened, 200, {"challenge": self._admission.issue_challenge(request.school)})
                return True
            case "GET", Page.REPORT:
                found = self._admission.take_report(request.school, request.challenge, request.proof, _REPORT_SECONDS)
                _send_answer(opened, 200, describe_test(found))
                return True
            case ("GET", Page.DOWNLOAD) | ("POST", Page.UPLOAD):
                self._run_stream(opened, request)
                return False
            case _:
                raise NotAdmitted(404, "there is no such page")

    def _run_stream(self, opened: ssl.SSLSocket, request: Request) -> None:
        report = self._admission.begin_stream(request.school, request.challenge, request.proof)
        try:
            opened.settimeout(MOST_SECONDS)
            if request.verb == "GET":
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {_MOST_BODY}\r\nConnection: close\r\n\r\n"
                opened.sendall(head.encode("ascii"))
                send_bytes(opened, request.seconds, report)
            else:
                opened.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                receive_bytes(opened, request.seconds, report)
        finally:
            self._admission.end_stream(request.challenge)
            close_at_once(opened)


def describe_test(found: RunningTest) -> dict[str, object]:
    """What this end saw of a test, as the probe is told: times in seconds since its first sample."""
    zero = min((one.samples[0][0] for one in found.streams if one.samples), default=0.0)
    return {
        "streams": [
            {
                "samples": [[round(time - zero, 4), count] for time, count in one.samples],
                "segments": one.segments,
                "retransmitted": one.retransmitted,
                "window": one.window,
            }
            for one in found.streams
        ]
    }


def build_server_tls(certificate: str, key: str) -> ssl.SSLContext:
    """How this end shows who it is.

    Raises:
        OSError: the certificate or the key cannot be used (also as `ssl.SSLError`).
        ValueError: the key has a password.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0  # each is a connection of its own
    # No password is asked for: a key that needs one would wait for somebody at a terminal.
    context.load_cert_chain(certificate, key, password=lambda: b"")
    return context


def _send_answer(opened: ssl.SSLSocket, status: int, document: object) -> None:
    body = json.dumps(document).encode("ascii")
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    opened.sendall(head.encode("ascii") + body)

"""What stands before the monitor in production: it ends TLS, and passes on what a probe sends."""

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from controller.platforms.transport.namespace import run_in_namespace


def make_certificate(folder: Path, address: str) -> Path:
    """A certificate of an address that signs itself, with its key in one file."""
    key, certificate = folder / "front.key", folder / "front.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-subj", "/CN=front", "-addext", f"subjectAltName=IP:{address}", "-days", "2"]
    subprocess.run([*words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True, timeout=30)
    return certificate


class TlsServer(ThreadingHTTPServer):
    """Ends TLS in the thread of each connection: who breaks it off harms nobody else, and no socket is left open."""

    context: ssl.SSLContext
    daemon_threads = False  # its end waits for them

    def use(self, certificate: Path) -> None:
        """Show this certificate, with the key beside it."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        plain, address = super().get_request()
        return self.context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who hangs up is a part of the tests."""


@contextmanager
def tls_front(namespace: str, address: str, port: int, monitor: int, certificate: Path) -> Iterator[None]:
    """A front in a namespace, before the monitor at a port of this machine's loopback."""

    class Passing(BaseHTTPRequestHandler):
        timeout = 20

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {**dict(self.headers.items()), "Host": "localhost"}
            with closing(http.client.HTTPConnection("127.0.0.1", monitor, timeout=20)) as behind:
                behind.request("POST", self.path, body, headers)
                answer = behind.getresponse()
                content = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    listener = run_in_namespace(namespace, lambda: socket.create_server((address, port)))
    server = TlsServer((address, port), Passing, bind_and_activate=False)
    server.use(certificate)
    server.socket.close()
    server.socket = listener
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

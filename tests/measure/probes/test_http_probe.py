"""Pages on the loopback interface: who answers over TLS must be who was meant, and what answers must be HTTP."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controller.measure.measurement import DURATION_MS, LinePath, MeasurementKind, ProbeOutcome
from controller.measure.probes.http_probe import HttpProbe
from controller.measure.probes.probe_path import CompletedProcess, ProbePath
from controller.model.measurement import PageTarget
from controller.model.network.packets import Family

NAME = "proxy.example.jp"


class Loopback:
    """This process's own place."""

    def run(self, words: Sequence[str], timeout: float) -> CompletedProcess:
        message = f"not asked here: {words}, {timeout} s"
        raise AssertionError(message)

    def open_socket(self, family: socket.AddressFamily, kind: socket.SocketKind, protocol: int = 0) -> socket.socket:
        return socket.socket(family, kind, protocol)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def port(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    done = threading.Event()

    def serve(listening: socket.socket) -> None:
        while not done.is_set():
            try:
                client, _ = listening.accept()
            except TimeoutError:
                continue
            client.settimeout(2.0)
            try:
                with context.wrap_socket(client, server_side=True) as opened:
                    asked = opened.recv(4096)
                    status = b"204 No Content" if f"Host: {NAME}\r\n".encode() in asked else b"421 Misdirected Request"
                    opened.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
            except OSError:
                client.close()  # the visitor did not like the certificate

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.1)
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        yield listening.getsockname()[1]
        done.set()
        thread.join()


def route() -> ProbePath:
    return ProbePath(LinePath("s", "primary", "tokyo", Family.V4), Loopback(), "lo", "127.0.0.1", "127.0.0.1")


def test_a_page_over_tls_is_timed_if_the_certificate_is_trusted(certificate: Path, port: int) -> None:
    trust = ssl.create_default_context(cafile=str(certificate))
    found = HttpProbe(PageTarget(port=port, scheme="https", path="/", host=NAME), 5.0, trust).measure(route())
    assert (found.kind, found.outcome) == (MeasurementKind.HTTP, ProbeOutcome.MEASURED), found.reason
    assert 0 < found.figures[DURATION_MS] < 5000
    assert found.raw.startswith("HTTP/1.1 204")


@pytest.mark.parametrize("host", [NAME, "other.example.jp"])
def test_an_untrusted_or_other_name_is_a_wrong_target(certificate: Path, port: int, host: str) -> None:
    trust = ssl.create_default_context(cafile=None if host == NAME else str(certificate))
    found = HttpProbe(PageTarget(port=port, scheme="https", path="/", host=host), 5.0, trust).measure(route())
    assert found.outcome is ProbeOutcome.REFUSED
    assert "certificate verify failed" in found.reason
    assert "see targets.proxy in policies/measurement.yaml" in found.reason


@contextmanager
def answering(*parts: bytes, every: float = 0.0) -> Iterator[int]:
    """A port where one visitor is answered with these, one after the other."""
    ended = threading.Event()

    def answer(listening: socket.socket) -> None:
        with listening.accept()[0] as opened, suppress(OSError):
            opened.recv(4096)
            for part in parts:
                opened.sendall(part)
                if ended.wait(every):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        yield listening.getsockname()[1]
        ended.set()
        thread.join()


def test_an_answer_that_drips_holds_no_measurement_up() -> None:
    with answering(*[b"H"] * 30, every=0.1) as port:
        found = HttpProbe(PageTarget(port=port, scheme="http", path="/"), 0.3).measure(route())
    assert (found.outcome, found.figures) == (ProbeOutcome.NO_ANSWER, {}), found.reason


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 " + b"2" * 5_000, b"HTTP/1.1 2000 OK", b"HTTP/1.1", b"HTTP/1.1 \xb2\xb2\xb2 OK", b"220 smtp"]
)
def test_what_has_no_status_of_http_is_a_wrong_target(head: bytes) -> None:
    with answering(head + b"\r\n\r\n") as port:
        found = HttpProbe(PageTarget(port=port, scheme="http", path="/"), 5.0).measure(route())
    assert found.outcome is ProbeOutcome.REFUSED
    assert "speaks no HTTP" in found.reason

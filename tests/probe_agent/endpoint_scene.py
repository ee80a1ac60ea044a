"""A measuring endpoint in a thread of the test's own, and a probe's test against it."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from controller.probe_agent.endpoint.admission import Admission
from controller.probe_agent.endpoint.enrolled_hashes import EnrolledHashes
from controller.probe_agent.endpoint.server import Endpoint, build_server_tls
from controller.probe_agent.probing.https_throughput import HttpsTest
from controller.probe_agent.throughput_protocol.proofs import hash_token
from tests.probe_agent.tls_front import make_certificate
from tools.make_probe import build_probe

SCHOOL, TOKEN = "as-e04", "t" * 43


def write_enrolled(path: Path, **tokens: str) -> Path:
    """A copy of the list of enrolled probes."""
    probes = [{"school": school, "token_sha256": hash_token(token)} for school, token in tokens.items()]
    path.write_text(json.dumps({"format": 1, "probes": probes}), "ascii")
    path.chmod(0o600)
    return path


@contextmanager
def serving_endpoint(
    listener: socket.socket, certificate: Path, enrolled: Path, clock: Callable[[], float] = time.monotonic
) -> Iterator[None]:
    """An endpoint; it and its threads are gone afterwards."""
    tls = build_server_tls(str(certificate), str(certificate.with_suffix(".key")))
    reading, writing = os.pipe()
    endpoint = Endpoint([listener], tls, Admission(EnrolledHashes(enrolled), 1, clock))
    thread = threading.Thread(target=endpoint.serve_connections, args=(reading,))
    thread.start()
    try:
        yield
    finally:
        os.write(writing, b"x")
        thread.join()
        os.close(reading)
        os.close(writing)


@contextmanager
def loopback_endpoint(folder: Path, clock: Callable[[], float] = time.monotonic) -> Iterator[HttpsTest]:
    """An endpoint at a port of loopback, and the shortest test of it."""
    certificate = make_certificate(folder, "127.0.0.1")
    enrolled = write_enrolled(folder / "enrolled-probes.json", **{SCHOOL: TOKEN})
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with serving_endpoint(listener, certificate, enrolled, clock):
        yield HttpsTest("127.0.0.1", port, "", trust(certificate), seconds=1, streams=2, connect_within=2)


def trust(certificate: Path) -> ssl.SSLContext:
    """Believe this certificate alone."""
    return ssl.create_default_context(cafile=certificate)


def open_plain() -> socket.socket:
    """A socket that may leave by any interface."""
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


@contextmanager
def region_endpoint(
    namespace: str, folder: Path, address: str, tokens: Mapping[str, str] = MappingProxyType({SCHOOL: TOKEN})
) -> Iterator[HttpsTest]:
    """The one file serving in a namespace, as it does in a region; known by a certificate of one of its addresses."""
    certificate = make_certificate(folder, address)
    program, enrolled = folder / "endpoint.pyz", folder / "enrolled-probes.json"
    program.write_bytes(build_probe())
    write_enrolled(enrolled, **tokens)
    words = ["ip", "netns", "exec", namespace, sys.executable, "-I", "-S", str(program), "serve"]
    words += ["--certificate", str(certificate), "--key", str(certificate.with_suffix(".key"))]
    with subprocess.Popen([*words, "--enrolled", str(enrolled)], stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            assert "measuring endpoint" in running.stderr.readline()
            yield HttpsTest(address, 443, address, trust(certificate), seconds=2, streams=4, connect_within=2)
        finally:
            running.terminate()

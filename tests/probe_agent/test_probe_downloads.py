"""A newer version over https: from a server whose certificate is known, whole, and signed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from controller.probe_agent.configuration import Configuration, Updates
from controller.probe_agent.updating.fetch_update import NotUpdated, fetch_update
from controller.probe_agent.updating.slots import UpdateWord
from tests.probe_agent.scene import ReleaseKey, configure
from tests.probe_agent.tls_front import TlsServer, make_certificate
from tools.make_probe import build_probe

ADDRESS = "127.0.0.1"


class Source(TlsServer):
    """Answers by name; `short` is by how many bytes an answer is cut off."""

    files: dict[str, bytes]
    short = 0
    elsewhere = ""


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Source)
        content = self.server.files.get(self.path)
        if self.server.elsewhere:
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
        else:
            self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        whole = content or b""
        self.wfile.write(whole[: len(whole) - self.server.short] if self.path.endswith(".pyz") else whole)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ReleaseKey:
    made = ReleaseKey(tmp_path_factory.mktemp("key") / "key")
    made.make()
    return made


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("front"), ADDRESS)


@pytest.fixture
def source(key: ReleaseKey, certificate: Path) -> Iterator[Source]:
    content = build_probe("1.0.1")
    with Source((ADDRESS, 0), Answering) as server:
        server.files = {"/probe.pyz": content, "/probe.pyz.sig": key.sign(content)}
        server.use(certificate)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def build(source: Source, key: ReleaseKey, certificate: Path | None) -> Configuration:
    updates = Updates(f"https://{ADDRESS}:{source.server_address[1]}/probe.pyz", allowed_signers=key.signers)
    return configure(1, "t" * 43, ca=certificate.read_text("ascii") if certificate else "", updates=updates)


def name_refusal(configuration: Configuration) -> UpdateWord:
    with pytest.raises(NotUpdated) as refused:
        fetch_update(configuration, "1.0.0", {})
    return refused.value.word


def test_what_is_whole_and_signed_is_taken(source: Source, key: ReleaseKey, certificate: Path) -> None:
    assert fetch_update(build(source, key, certificate), "1.0.0", {}).version == "1.0.1"


def test_an_answer_that_is_cut_off_is_incomplete(source: Source, key: ReleaseKey, certificate: Path) -> None:
    source.short = 100
    assert name_refusal(build(source, key, certificate)) is UpdateWord.INCOMPLETE


def test_who_is_not_there_or_not_known_is_unreachable(source: Source, key: ReleaseKey, certificate: Path) -> None:
    assert name_refusal(build(source, key, None)) is UpdateWord.UNREACHABLE
    source.files.clear()
    assert name_refusal(build(source, key, certificate)) is UpdateWord.UNREACHABLE
    found = build(source, key, certificate)
    gone = replace(found, updates=replace(found.updates, source=f"https://{ADDRESS}:1/probe.pyz"))
    assert name_refusal(gone) is UpdateWord.UNREACHABLE


@pytest.mark.parametrize("elsewhere", ["file:///etc/passwd", "http://127.0.0.1/probe.pyz", "/probe.pyz"])
def test_nobody_is_followed_elsewhere(source: Source, key: ReleaseKey, certificate: Path, elsewhere: str) -> None:
    source.elsewhere = elsewhere
    assert name_refusal(build(source, key, certificate)) is UpdateWord.UNREACHABLE

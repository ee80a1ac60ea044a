"""What a measuring endpoint bears: slow ones, those that go on asking, lists in the middle of a change, no room."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO, cast

import pytest

from controller.probe_agent.configuration import open_private_file
from controller.probe_agent.endpoint import enrolled_hashes, server, streams
from controller.probe_agent.endpoint.admission import JOIN_SECONDS, Admission, NotAdmitted, StreamReport
from controller.probe_agent.endpoint.connection_room import MOST_CONNECTIONS
from controller.probe_agent.endpoint.enrolled_hashes import EnrolledHashes
from controller.probe_agent.probing import https_throughput
from controller.probe_agent.probing.https_throughput import HttpsTest, measure_https_rate
from controller.probe_agent.throughput_protocol.pages import Page
from controller.probe_agent.throughput_protocol.proofs import hash_token, sign_challenge
from tests.monitoring.running import until
from tests.probe_agent.endpoint_scene import SCHOOL, TOKEN, loopback_endpoint, open_plain, trust, write_enrolled
from tests.probe_agent.test_https_throughput import connect, is_answering
from tests.probe_agent.tls_front import make_certificate


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsTest]:
    with loopback_endpoint(tmp_path_factory.mktemp("endpoint")) as test:
        yield test


def test_a_test_that_is_over_takes_no_more_streams(tmp_path: Path) -> None:
    """Else a school could go on by its old challenge while another one's test runs."""
    enrolled = EnrolledHashes(write_enrolled(tmp_path / "enrolled", **{SCHOOL: TOKEN}))
    admission = Admission(enrolled, 1, lambda: 5.0)
    challenge = admission.issue_challenge(SCHOOL)
    proof = sign_challenge(hash_token(TOKEN), challenge)
    for _ in range(2):
        admission.begin_stream(SCHOOL, challenge, proof)
    admission.end_stream(challenge)
    admission.begin_stream(SCHOOL, challenge, proof)
    for _ in range(2):
        admission.end_stream(challenge)
    with pytest.raises(NotAdmitted, match="is over") as refused:
        admission.begin_stream(SCHOOL, challenge, proof)
    assert refused.value.status == 403
    assert len(admission.take_report(SCHOOL, challenge, proof, 0).streams) == 3


def test_a_test_takes_no_stream_long_after_it_began(tmp_path: Path) -> None:
    """Else who begins one stream after the other would hold the endpoint as long as its challenge is young."""
    now = [100.0]
    enrolled = EnrolledHashes(write_enrolled(tmp_path / "enrolled", **{SCHOOL: TOKEN}))
    admission = Admission(enrolled, 1, lambda: now[0])
    challenge = admission.issue_challenge(SCHOOL)
    proof = sign_challenge(hash_token(TOKEN), challenge)
    now[0] += 5  # a slow line: the challenge is old, the test is not
    for _ in range(2):
        admission.begin_stream(SCHOOL, challenge, proof)
        now[0] += JOIN_SECONDS / 2
    now[0] += 0.1
    with pytest.raises(NotAdmitted, match="takes no more streams") as refused:
        admission.begin_stream(SCHOOL, challenge, proof)
    assert refused.value.status == 403
    for _ in range(2):
        admission.end_stream(challenge)
    assert len(admission.take_report(SCHOOL, challenge, proof, 0).streams) == 2


def test_a_list_that_is_replaced_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_enrolled(tmp_path / "enrolled", **{SCHOOL: TOKEN})
    newer = write_enrolled(tmp_path / "newer", **{"kw-s01": TOKEN})

    @contextmanager
    def open_and_replace(file: Path, advice: str) -> Iterator[BinaryIO]:
        with open_private_file(file, advice) as opened:
            if newer.exists():
                newer.rename(path)
            yield opened

    monkeypatch.setattr(enrolled_hashes, "open_private_file", open_and_replace)
    enrolled = EnrolledHashes(path)
    assert (enrolled.find_hash(SCHOOL), enrolled.find_hash("kw-s01")) == (None, hash_token(TOKEN))
    path.unlink()
    for _ in range(3):
        assert enrolled.find_hash("kw-s01") == hash_token(TOKEN)
    assert capsys.readouterr().err.count("the list of before goes on") == 1


class Dripping:
    """A TLS socket whose other end takes a record just before each time is out, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.within = 0.0

    def settimeout(self, within: float) -> None:
        self.within = within

    def send(self, block: memoryview) -> int:
        self.now += 0.9 * self.within
        return min(len(block), 16_384)

    def sendall(self, block: memoryview) -> None:
        while block:
            block = block[self.send(block) :]

    def getsockopt(self, *_: int) -> bytes:
        raise OSError


def test_who_takes_slowly_does_not_hold_a_test_beyond_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Dripping()
    monkeypatch.setattr(streams, "time", SimpleNamespace(monotonic=lambda: slow.now))
    streams.send_bytes(cast("socket.socket", slow), 1.0, StreamReport())
    assert 102 <= slow.now < 103


def test_who_goes_on_asking_is_ended(endpoint: HttpsTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that shows no proof does not keep its place for ever."""
    monkeypatch.setattr(server, "_CONTROL_SECONDS", 1.0)
    asked = 0

    def is_over(opened: ssl.SSLSocket) -> bool:
        nonlocal asked
        try:
            opened.sendall(f"POST {Page.CHALLENGE} HTTP/1.1\r\n\r\n".encode())
            if not opened.recv(4_096):
                return True
        except OSError:
            return True
        asked += 1
        return False

    with closing(connect(endpoint)) as opened:
        until(lambda: is_over(opened))
    assert asked > 1


def test_where_there_is_no_room_for_a_thread_the_endpoint_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: threading.Thread) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    with loopback_endpoint(tmp_path) as test:
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", fail)
            for _ in range(MOST_CONNECTIONS + 1):
                with closing(socket.create_connection(("127.0.0.1", test.port), timeout=5)) as more:
                    assert more.recv(1) == b""
        until(lambda: is_answering(test))


def test_an_answer_that_drips_is_not_waited_for(
    endpoint: HttpsTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https_throughput, "_ANSWER_SECONDS", 0.3)
    certificate = make_certificate(tmp_path, "127.0.0.1")
    tls = server.build_server_tls(str(certificate), str(certificate.with_suffix(".key")))
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        with closing(tls.wrap_socket(listener.accept()[0], server_side=True)) as opened, suppress(OSError):
            for _ in range(30):
                opened.sendall(b"H")
                if ended.wait(0.1):
                    return

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        dripping = threading.Thread(target=drip, args=(listener,))
        dripping.start()
        port = listener.getsockname()[1]
        try:
            with pytest.raises(TimeoutError):
                measure_https_rate(
                    open_plain,
                    SCHOOL,
                    hash_token(TOKEN),
                    "upload",
                    replace(endpoint, port=port, tls=trust(certificate)),
                )
        finally:
            ended.set()
            dripping.join()

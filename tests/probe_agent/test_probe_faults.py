"""What a probe does when its disk, its folder or what answers it is not as it should be."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from controller.probe_agent.measuring_loop import MeasuringLoop
from controller.probe_agent.problems import ProbeProblem
from controller.probe_agent.result_store import ResultStore
from controller.probe_agent.sender import PROTOBUF, ProbeStatus, Reception, Sender
from tests.probe_agent.scene import Installed, configure, find_free_port
from tests.probe_agent.tls_front import TlsServer, make_certificate

NOW = 1_800_000_000.25


class Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Answers)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests += 1
        self.send_response(200)
        self.send_header("Content-Type", self.server.kind)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Answers(ThreadingHTTPServer):
    """Takes everything, in the name of a kind of content."""

    kind = PROTOBUF
    requests = 0


@pytest.fixture
def answers() -> Iterator[Answers]:
    with Answers(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def build(port: int, state: Path) -> MeasuringLoop:
    timer = iter(range(10_000))
    return MeasuringLoop(configure(port, "t" * 43), state, lambda: NOW, lambda: float(next(timer)))


def count_waiting(state: Path) -> int:
    store = ResultStore(state / "results.db", most=1_000)
    try:
        return store.count_waiting()
    finally:
        store.close()


def test_a_page_of_a_proxy_has_taken_nothing(tmp_path: Path, answers: Answers) -> None:
    answers.kind = "text/html"
    loop = build(answers.server_address[1], tmp_path)
    loop.measure()
    answer = loop.send()
    assert answer.reception is Reception.LATER
    assert "is no monitor (text/html)" in answer.reason
    assert count_waiting(tmp_path) > 0
    assert not (tmp_path / "reported.json").exists()  # a version on trial has not proved itself by it
    answers.kind = PROTOBUF
    assert loop.send().reception is Reception.TAKEN
    assert count_waiting(tmp_path) == 0


@contextmanager
def full_disk() -> Iterator[None]:
    """Nothing that this process writes reaches a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_while_the_disk_is_full_the_present_is_told_and_the_probe_lives(
    tmp_path: Path, answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    offline = build(find_free_port(), tmp_path)
    offline.measure()
    kept = count_waiting(tmp_path)
    loop = build(answers.server_address[1], tmp_path)
    with full_disk():
        loop.measure()
        assert loop.send().reception is Reception.LATER
        assert answers.requests == 2  # what was measured now, and what waited
    assert count_waiting(tmp_path) == kept
    assert capsys.readouterr().err.count("is the disk full?") == 1
    assert loop.send().reception is Reception.TAKEN
    assert count_waiting(tmp_path) == 0


def test_a_store_that_is_damaged_while_it_is_used_ends_the_probe_and_the_next_start_mends_it(tmp_path: Path) -> None:
    loop = build(find_free_port(), tmp_path)
    for _ in range(30):
        loop.measure()
    for path in tmp_path.glob("results.db*"):
        path.write_bytes(b"\xa5" * path.stat().st_size)
    with pytest.raises(ProbeProblem, match=r"results.db is damaged .* the probe begins anew"):
        loop.send()
    with pytest.raises(ProbeProblem, match="is damaged"):
        loop.measure()
    again = build(find_free_port(), tmp_path)
    again.measure()
    assert count_waiting(tmp_path) > 0
    assert len(list(tmp_path.glob("results.db.damaged-*"))) == 1


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_write_into_is_refused(tmp_path: Path, mode: int) -> None:
    """What is there is begun as a version that was verified."""
    installed = Installed(tmp_path)
    installed.install(configure(find_free_port(), "t" * 43))
    installed.state.mkdir()
    installed.state.chmod(mode)
    done = installed.run("check")
    assert done.returncode == 1
    assert f"others may write there (it is of user {os.geteuid()}, mode {mode:04o})" in done.stderr
    assert list(installed.state.iterdir()) == []


def test_a_monitor_s_certificate_that_is_refused_says_what_to_do(tmp_path: Path) -> None:
    """Its authority is not the one that the school was enrolled with."""
    certificate = make_certificate(tmp_path, "127.0.0.1")
    with TlsServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.use(certificate)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            configuration = configure(1, "t" * 43, monitor=f"https://127.0.0.1:{server.server_port}")
            answer = Sender(configuration, time.time).send([], ProbeStatus(0, 0, ""))
        finally:
            server.shutdown()
            thread.join()
    assert answer.reception is Reception.LATER
    assert "its certificate is refused (self-signed certificate); renew the monitor's certificate" in answer.reason
    assert "enrol the school again with its authority (--ca)" in answer.reason

"""What a probe does when its disk, its folder or what answers it is not as it should be."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from controller.probe_agent import measuring_loop
from controller.probe_agent.command import main, measure_once
from controller.probe_agent.configuration import ProbedPath
from controller.probe_agent.measuring_loop import MeasuringLoop
from controller.probe_agent.problems import ProbeProblem
from controller.probe_agent.result_store import ResultStore
from controller.probe_agent.sender import PROTOBUF, ProbeStatus, Reception, Sender
from tests.probe_agent.scene import PATHS, Installed, configure, find_free_port
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


@pytest.mark.usefixtures("capsys")  # what is told goes to no file
def test_a_damaged_store_on_a_full_disk_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    path.write_bytes(b"no database" * 1_000)
    with full_disk(), pytest.raises(ProbeProblem, match=r"results.db: cannot be used .*is there room on the disk"):
        ResultStore(path, most=10)


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


def test_it_says_which_paths_answer(
    tmp_path: Path,
    answers: Answers,
    capsys: pytest.CaptureFixture[str],
) -> None:
    absent = ProbedPath("backup", "osaka", "ipv4", "127.0.0.2", interface="no-port")
    wanted = configure(answers.server_address[1], "t" * 43, paths=(PATHS[0], absent))
    assert measure_once(wanted, tmp_path) == 0
    told = capsys.readouterr().err
    assert "nothing answers over backup in osaka (ipv4)" in told
    assert "as-e04: 2 paths are measured, of which 1 answer, and the monitor has the results" in told


def test_who_may_not_measure_is_not_told_that_all_is_well(
    tmp_path: Path,
    answers: Answers,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        message = "echoes cannot be sent"
        raise ProbeProblem(message)

    monkeypatch.setattr(measuring_loop, "measure_light", refuse)
    assert measure_once(configure(answers.server_address[1], "t" * 43), tmp_path) == 1
    told = capsys.readouterr().err
    assert "echoes cannot be sent" in told
    assert "the monitor has the results" not in told


def test_a_file_in_the_place_of_its_folder_is_named(tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    installed.install(configure(find_free_port(), "t" * 43))
    installed.state.write_text("a file")
    done = installed.run("check")
    assert done.returncode == 1
    assert f"{installed.state}: File exists; is --state a folder that this user may write to" in done.stderr


def test_ctrl_c_ends_it_without_a_traceback(tmp_path: Path) -> None:
    installed = Installed(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        installed.install(configure(hanging.getsockname()[1], "t" * 43))
        process = subprocess.Popen(installed.build_words("check"), stderr=subprocess.PIPE, text=True)
        with process, hanging.accept()[0]:  # it has measured, and waits for an answer
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=30)
    assert (process.returncode, told) == (130, "")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("option", ["--config", "--enrolled", "--certificate", "--key"])
def test_what_is_no_file_is_named_and_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, option: str
) -> None:
    place = Path("/dev/null") if kind == "device" else tmp_path / "place"
    if kind == "pipe":
        os.mkfifo(place, 0o600)
    elif kind == "folder":
        place.mkdir()
    certificate, enrolled = make_certificate(tmp_path, "127.0.0.1"), tmp_path / "enrolled.json"
    enrolled.write_text('{"format": 1, "probes": []}', "ascii")
    enrolled.chmod(0o600)
    serve = ["serve", "--certificate", str(certificate), "--key", str(certificate.with_suffix(".key"))]
    serve += ["--enrolled", str(enrolled), "--listen", "127.0.0.1", "--port", "0"]
    words = ["check", "--state", str(tmp_path)] if option == "--config" else serve
    before = os.umask(0o022)
    try:
        assert main([*words, option, str(place)]) == 1
    finally:
        os.umask(before)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert str(place) in told
    assert "chmod" not in told, "a device is everybody's"

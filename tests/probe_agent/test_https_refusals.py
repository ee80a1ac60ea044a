"""Why a probe's test over HTTPS came to nothing: in words that say what is wrong at the other end."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from controller.probe_agent.configuration import ProbedPath, ThroughputTests
from controller.probe_agent.endpoint.connection_room import MOST_OF_ONE_SOURCE
from controller.probe_agent.probing import https_path_test, https_throughput
from controller.probe_agent.probing.https_streams import send_streams
from controller.probe_agent.probing.slot_outcome import SlotOutcome
from tests.probe_agent.endpoint_scene import SCHOOL, TOKEN, loopback_endpoint
from tests.probe_agent.scene import configure
from tests.probe_agent.test_https_throughput import open_from


@pytest.mark.parametrize(
    ("kind", "said"), [("closed", "Connection refused"), ("stranger", "certificate"), ("silent", "does not answer")]
)
def test_why_there_is_no_figure_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    within = 0.3 if kind == "silent" else 10.0  # who answers has the time that a busy machine needs for it
    monkeypatch.setattr(https_throughput, "_ANSWER_SECONDS", 2 * within)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, loopback_endpoint(tmp_path) as test:
        port = {"closed": 1, "stranger": test.port, "silent": silent.getsockname()[1]}[kind]
        # Without its certificate nobody is believed: build_tls has the system's authorities here.
        assert_not_measured(port, within)
    told = capsys.readouterr().err
    assert said in told
    assert "upload over primary to tokyo (ipv4) by HTTPS is not measured" in told


def assert_not_measured(port: int, within: float = 10.0) -> None:
    """The probe's own test against a port comes to nothing, and no error leaves it."""
    path = ProbedPath("primary", "tokyo", "ipv4", "127.0.0.1", throughput="https")
    tests = ThroughputTests(every_seconds=1, https_port=port, seconds=1, connect_within=within)
    wanted = replace(configure(8600, TOKEN), school=SCHOOL, paths=(path,), throughput=tests)
    assert https_path_test.measure_path_by_https(wanted, path, "upload") is SlotOutcome.NO_ANSWER


@pytest.mark.parametrize("left", [0, 2])
def test_an_endpoint_without_room_is_named_as_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    """Whether its first connection finds none, or one of its streams."""
    with loopback_endpoint(tmp_path) as test:
        monkeypatch.setattr(https_path_test, "build_tls", lambda _: test.tls)
        plain = [open_from("127.0.0.1", test) for _ in range(MOST_OF_ONE_SOURCE - left)]
        assert_not_measured(test.port)
        for one in plain:
            one.close()
    assert "closed the connection: it was stopped, has no room for more" in capsys.readouterr().err


def test_an_endpoint_that_is_stopped_in_a_test_is_no_other_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as running:
        test = running.enter_context(loopback_endpoint(tmp_path))
        monkeypatch.setattr(https_path_test, "build_tls", lambda _: test.tls)

        def send_and_stop(streams: Sequence[ssl.SSLSocket], seconds: float) -> object:
            running.close()
            return send_streams(streams, seconds)

        monkeypatch.setattr(https_throughput, "send_streams", send_and_stop)
        assert_not_measured(test.port)
    assert "closed the connection: it was stopped" in capsys.readouterr().err


def test_a_server_without_tls_is_named_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(listener: socket.socket) -> None:
        with closing(listener.accept()[0]) as opened:
            opened.recv(4_096)
            opened.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        assert_not_measured(listener.getsockname()[1])
        thread.join()
    assert "speaks no TLS that this probe takes (WRONG_VERSION_NUMBER)" in capsys.readouterr().err

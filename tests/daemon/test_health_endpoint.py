"""The health endpoint: GET /health and nothing else, bounded, without details, on the loopback address only."""

from __future__ import annotations

import errno
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from controller.daemon import health_endpoint
from controller.daemon.health_endpoint import HOST, MOST_CLIENTS, SECONDS, answer_request, serve_health
from controller.errors import DaemonRefused


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection((HOST, port), timeout=10) as client:
        client.sendall(request)
        answer = b""
        while more := client.recv(4096):
            answer += more
        return answer


def test_it_says_how_the_daemon_is_and_no_more() -> None:
    well = [True]
    with serve_health(0, lambda: well[0]) as port:
        answer = ask(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\nok\n")
        well[0] = False
        answer = ask(port, b"GET /health HTTP/1.0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.endswith(b"\r\n\r\nnot well; see the log\n")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"HEAD /health HTTP/1.1\r\n\r\n", 405),
        (b"POST /health HTTP/1.1\r\nContent-Length: 9\r\n\r\nstop=true", 405),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /health?x=../../etc/passwd HTTP/1.1\r\n\r\n", 404),
        (b"GET //evil.example/health HTTP/1.1\r\n\r\n", 404),
        (b"GET /health\r\n\r\n", 400),
        (b"GET  /health HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n", 400),
        (b"", 400),
        (b"GET /health HTTP/1.1\r\nX: " + b"a" * 100_000, 400),
    ],
)
def test_everything_else_is_refused_without_an_echo(request_: bytes, code: int) -> None:
    answer = answer_request(request_[:2048], lambda: True)
    assert answer.startswith(f"HTTP/1.1 {code} ".encode())
    assert answer.endswith(b"Content-Length: 0\r\nConnection: close\r\n\r\n")


def test_a_request_that_never_ends_is_cut() -> None:
    with serve_health(0, lambda: True) as port:
        with socket.create_connection((HOST, port), timeout=10) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nX: " + b"a" * 2048)
            assert client.recv(64).startswith(b"HTTP/1.1 400 ")
        began = time.monotonic()
        with socket.create_connection((HOST, port), timeout=10) as client:
            client.sendall(b"GET /hea")
            assert client.recv(64).startswith(b"HTTP/1.1 400 ")
        assert SECONDS - 0.5 < time.monotonic() - began < SECONDS + 3


def test_clients_that_say_nothing_are_bounded_and_end_nothing() -> None:
    with serve_health(0, lambda: True) as port:
        before = threading.active_count()
        idle = [socket.create_connection((HOST, port), timeout=10) for _ in range(MOST_CLIENTS * 3)]
        assert threading.active_count() - before <= MOST_CLIENTS + 1
        for one in idle:
            one.close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                if ask(port, b"GET /health HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200"):
                    break
            except ConnectionError:
                continue
        assert time.monotonic() < deadline


class Scarce(socket.socket):
    """A listening socket on a machine that has no descriptor left for the first clients."""

    left = 3

    def accept(self) -> tuple[socket.socket, Any]:
        if Scarce.left:
            Scarce.left -= 1
            raise OSError(errno.EMFILE, "too many open files")
        return super().accept()


def test_a_machine_without_descriptors_for_a_while_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_endpoint, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(Scarce, "left", 3)
    with monkeypatch.context() as scarce:
        scarce.setattr(socket, "socket", Scarce)
        serving = serve_health(0, lambda: True)
        port = serving.__enter__()
    try:
        assert ask(port, b"GET /health HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert not Scarce.left
    finally:
        serving.__exit__(None, None, None)


def test_clients_that_no_thread_can_answer_are_let_go_and_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[str] = []
    start = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        if thread.name != "health-client":
            return start(thread)
        failed.append(thread.name)
        message = "can't start new thread"
        raise RuntimeError(message)

    with serve_health(0, lambda: True) as port:
        with monkeypatch.context() as scarce:
            scarce.setattr(threading.Thread, "start", fail)
            for _ in range(MOST_CLIENTS + 1):  # so many are answered at once: none of them keeps its place
                with suppress(ConnectionError):
                    assert ask(port, b"GET /health HTTP/1.1\r\n\r\n") == b""
        assert len(failed) == MOST_CLIENTS + 1
        assert ask(port, b"GET /health HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_its_thread_ends_with_it() -> None:
    before = set(threading.enumerate())
    with serve_health(0, lambda: True):
        [thread] = set(threading.enumerate()) - before
    thread.join(5)
    assert not thread.is_alive()


def test_it_listens_on_the_loopback_address_and_a_taken_port_is_named() -> None:
    with serve_health(0, lambda: True) as port:
        with pytest.raises(DaemonRefused, match=rf"127\.0\.0\.1:{port}: the health endpoint cannot listen there"):
            serve_health(port, lambda: True).__enter__()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port), timeout=5)

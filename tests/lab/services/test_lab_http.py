"""The server and the client of the virtual city's HTTP, talking to each other over loopback."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from controller.lab.iap import certificate_authority
from controller.lab.services.applications import answer_by_address
from controller.lab.services.http_client import HttpConnection, send_request
from controller.lab.services.http_server import LONGEST_BODY, host_name, one_header, read_body, request_target
from controller.lab.state.layout import Listener
from tests.lab.requests import make_request

PROGRAM = """
    import socket, sys
    from pathlib import Path
    from starlette.responses import JSONResponse
    from controller.lab.iap.certificate_authority import CertificateAuthority, make_server_tls
    from controller.lab.services.http_server import local_address, read_body, request_target, serve_http

    async def answer(request):
        body = (await read_body(request)).decode()
        at, peer = local_address(request), request.client.host
        return JSONResponse({"at": at, "peer": peer, "target": request_target(request), "body": body})

    sockets = [socket.socket(fileno=int(number)) for number in sys.argv[2:]]
    tls = None
    if sys.argv[1]:
        tls = make_server_tls(CertificateAuthority(Path(sys.argv[1])), lambda: frozenset({"a.example"}))
    serve_http(answer, sockets, tls=tls)
"""


def loopback(address: str) -> socket.socket:
    made = socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.set_inheritable(True)
    return made


@contextmanager
def serving(folder: str, *sockets: socket.socket) -> Iterator[subprocess.Popen[str]]:
    numbers = [one.fileno() for one in sockets]
    words = [sys.executable, "-c", textwrap.dedent(PROGRAM), folder, *map(str, numbers)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, pass_fds=numbers) as started:
        try:
            assert started.stdout is not None
            assert int(started.stdout.readline()) == started.pid
            yield started
        finally:
            started.kill()


@pytest.fixture(scope="module")
def plain() -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    """A server at an IPv4 and at an IPv6 address."""
    with loopback("127.0.0.1") as first, loopback("::1") as second, serving("", first, second) as server:
        yield first.getsockname()[:2], second.getsockname()[:2]
        server.send_signal(signal.SIGTERM)
        assert server.wait(5) == -signal.SIGTERM


def test_an_answer_knows_where_it_was_asked_and_by_whom(plain: tuple[tuple[str, int], tuple[str, int]]) -> None:
    for address in plain:
        answer = send_request(address, "a.example", "POST", "/x%20y?q=1", body="ü".encode())
        assert answer.status == HTTPStatus.OK
        assert json.loads(answer.body) == {
            "at": list(address),
            "peer": address[0],
            "target": "/x%20y?q=1",
            "body": "ü",
        }
        assert "server" not in answer.headers


def test_nobody_may_name_another_peer(plain: tuple[tuple[str, int], tuple[str, int]]) -> None:
    forged = (("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9"))
    assert json.loads(send_request(plain[0], "a.example", "GET", "/", headers=forged).body)["peer"] == "127.0.0.1"


def test_a_body_that_is_too_long_is_refused(plain: tuple[tuple[str, int], tuple[str, int]]) -> None:
    assert send_request(plain[0], "a.example", "POST", "/", body=b"x" * LONGEST_BODY).status == HTTPStatus.OK
    refused = send_request(plain[0], "a.example", "POST", "/", body=b"x" * (LONGEST_BODY + 1))
    assert (refused.status, json.loads(refused.body)) == (400, {"refused": "the body is too long"})


def test_what_is_no_http_is_refused(plain: tuple[tuple[str, int], tuple[str, int]]) -> None:
    with socket.create_connection(plain[0], 5) as opened:
        opened.sendall(b"nonsense\r\n\r\n")
        assert opened.recv(64).startswith(b"HTTP/1.1 400 ")


def test_several_requests_go_over_one_connection(plain: tuple[tuple[str, int], tuple[str, int]]) -> None:
    with HttpConnection(socket.create_connection(plain[0], 5), "a.example") as connection:
        assert [json.loads(connection.send_request("GET", f"/{n}").body)["target"] for n in range(3)] == [
            "/0",
            "/1",
            "/2",
        ]


def test_only_a_known_name_has_a_certificate(tmp_path: Path) -> None:
    certificate_authority.create_authority(tmp_path)
    trusted = certificate_authority.make_client_tls(tmp_path)
    with loopback("127.0.0.1") as first, serving(str(tmp_path), first):
        address = first.getsockname()[:2]
        assert send_request(address, "a.example", "GET", "/", tls=trusted).status == HTTPStatus.OK
        with pytest.raises(ssl.SSLError):
            send_request(address, "b.example", "GET", "/", tls=trusted)


def test_a_header_that_comes_twice_counts_as_none() -> None:
    once = make_request("GET", "/", [("host", "A.example:8443"), ("x", "1")])
    assert (host_name(once), one_header(once, "x")) == ("a.example", "1")
    twice = make_request("GET", "/", [("host", "a"), ("host", "b"), ("x", "1"), ("x", "2")])
    assert (host_name(twice), one_header(twice, "x")) == ("", "")


def test_a_target_is_handed_on_as_it_was_sent() -> None:
    assert request_target(make_request("GET", "/a?b=c&d")) == "/a?b=c&d"
    assert request_target(make_request("GET", "/a")) == "/a"


def test_a_body_is_read_whole() -> None:
    assert asyncio.run(read_body(make_request("POST", "/", body=b"abc"))) == b"abc"


def test_an_application_answers_by_its_address_and_ends_the_connection() -> None:
    here = Listener(namespace="n", address="192.0.2.1", port=443, applications=("drills", "mail"))
    answer = answer_by_address([here])
    found = asyncio.run(answer(make_request("GET", "/", server=("192.0.2.1", 443))))
    assert json.loads(bytes(found.body)) == {"applications": ["drills", "mail"], "address": "192.0.2.1"}
    assert found.headers["connection"] == "close"
    for wrong in (make_request("GET", "/x"), make_request("POST", "/")):
        assert asyncio.run(answer(wrong)).status_code == HTTPStatus.NOT_FOUND

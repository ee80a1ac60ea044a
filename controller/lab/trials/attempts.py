"""One real connection from a host of the lab: does anybody answer, and is it who was asked for?"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

from controller.lab.iap import authority
from controller.lab.iap.files import Files
from controller.lab.iap.names import APPLICATION, SAYS
from controller.lab.state import paths
from controller.lab.trials.pairs import Pair, Target
from controller.platforms.transport import namespace

_LONGEST_ANSWER = 65536


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of it.

    `connected`: the handshake was completed. `answered`: and the right service spoke. `detail` says what went wrong.
    """

    connected: bool
    answered: bool
    detail: str


def attempt(pair: Pair, seconds: float) -> Attempt:
    """Connect from the pair's host to its target, and let it speak; so many seconds for each step.

    Raises:
        FileNotFoundError: the host's namespace is gone.
    """
    target = pair.target
    with namespace.open_stream_socket(pair.namespace, target.address) as opened:
        opened.settimeout(seconds)
        try:
            opened.connect((target.address, target.port))
        except OSError as error:
            return Attempt(connected=False, answered=False, detail=_reason(error))
        try:
            if target.host:
                wrong = _wrong_proxy(opened, target)
            else:
                wrong = _wrong_greeting(opened) if target.ssh else _wrong_answer(opened, target)
        except (OSError, HTTPException) as error:
            wrong = f"connected, then {_reason(error)}"
        return Attempt(connected=True, answered=not wrong, detail=wrong)


def _wrong_greeting(opened: socket.socket) -> str:
    said = opened.recv(4)
    return "" if said == b"SSH-" else f"no SSH server: it said {said!r}"


def _wrong_proxy(opened: socket.socket, target: Target) -> str:
    """Whoever has not signed in is refused there, which is the identity part's affair: it is the right proxy."""
    with authority.trusting(Files(paths.STATE).folder).wrap_socket(opened, server_hostname=target.host) as secured:
        secured.sendall(f"GET / HTTP/1.1\r\nHost: {target.host}\r\nConnection: close\r\n\r\n".encode())
        response = HTTPResponse(secured, method="GET")
        response.begin()
        says, named = response.headers.get(SAYS, ""), response.headers.get(APPLICATION, "")
    right = says.endswith(f"; {target.address}") and named == target.application
    return "" if right else f"another service answered: {response.status} {says!r} {named!r}"


def _wrong_answer(opened: socket.socket, target: Target) -> str:
    host = f"[{target.address}]" if ":" in target.address else target.address
    opened.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = b""
    while len(answer) < _LONGEST_ANSWER and (more := opened.recv(4096)):
        answer += more
    head, _, text = answer.partition(b"\r\n\r\n")
    try:
        body = json.loads(text)
        right = target.application in body["applications"] and body["address"] == target.address
    except (ValueError, KeyError, TypeError):
        right = False
    return "" if right and head.startswith(b"HTTP/1.1 200 ") else f"another service answered: {answer[:80]!r}"


def _reason(error: OSError | HTTPException) -> str:
    if isinstance(error, HTTPException):
        return f"no HTTP: {error}"
    return "no answer" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()

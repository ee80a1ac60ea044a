"""One real connection from a host of the lab: does anybody answer, and is it who was asked for?"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException

from controller.lab.iap import certificate_authority
from controller.lab.iap.access_decision import APPLICATION_HEADER, STAND_IN_HEADER
from controller.lab.iap.iap_files import IapFiles
from controller.lab.services.http_client import HttpConnection
from controller.lab.state import paths
from controller.lab.trials.matrix_pairs import MatrixPair, PairTarget
from controller.platforms.transport import namespace


@dataclass(frozen=True, slots=True)
class ConnectionAttempt:
    """What came of it.

    `connected`: the handshake was completed. `answered`: and the right service spoke. `detail` says what went wrong.
    """

    connected: bool
    answered: bool
    detail: str


def attempt_connection(pair: MatrixPair, seconds: float) -> ConnectionAttempt:
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
            return ConnectionAttempt(connected=False, answered=False, detail=_reason(error))
        try:
            if target.host:
                wrong = _wrong_proxy(opened, target)
            else:
                wrong = _wrong_greeting(opened) if target.ssh else _wrong_answer(opened, target)
        except (OSError, HTTPException) as error:
            wrong = f"connected, then {_reason(error)}"
        return ConnectionAttempt(connected=True, answered=not wrong, detail=wrong)


def _wrong_greeting(opened: socket.socket) -> str:
    said = opened.recv(4)
    return "" if said == b"SSH-" else f"no SSH server: it said {said!r}"


def _wrong_proxy(opened: socket.socket, target: PairTarget) -> str:
    """Whoever has not signed in is refused there, which is the identity part's affair: it is the right proxy."""
    with HttpConnection(opened, target.host) as connection:
        connection.secure(certificate_authority.make_client_tls(IapFiles(paths.STATE).folder))
        answer = connection.send_request("GET", "/")
    says, named = answer.headers.get(STAND_IN_HEADER, ""), answer.headers.get(APPLICATION_HEADER, "")
    right = says.endswith(f"; {target.address}") and named == target.application
    return "" if right else f"another service answered: {answer.status} {says!r} {named!r}"


def _wrong_answer(opened: socket.socket, target: PairTarget) -> str:
    host = f"[{target.address}]" if ":" in target.address else target.address
    with HttpConnection(opened, host) as connection:
        answer = connection.send_request("GET", "/")
    try:
        body = json.loads(answer.body)
        right = target.application in body["applications"] and body["address"] == target.address
    except (ValueError, KeyError, TypeError):
        right = False
    return "" if right and answer.status == HTTPStatus.OK else f"another service answered: {answer.body[:80]!r}"


def _reason(error: OSError | HTTPException) -> str:
    if isinstance(error, HTTPException):
        return f"no HTTP: {error}"
    return "no answer" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()

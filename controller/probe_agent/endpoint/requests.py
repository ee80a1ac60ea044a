"""A request to a measuring endpoint: HTTP/1.1's head, as much of it as is needed here."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.probe_agent.throughput_protocol.pages import (
    CHALLENGE_FIELD,
    MOST_SECONDS,
    PROOF_FIELD,
    SCHOOL_FIELD,
    SECONDS_FIELD,
)

_MOST_BYTES = 4_096
_LINE = re.compile(r"(GET|POST) (/[ -~]{0,200}) HTTP/1\.1")
_FIELD = re.compile(r"([A-Za-z-]{1,40}): ?([ -~]{0,300})")


class NoRequest(Exception):
    """What came is no request."""


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request; names of fields are in small letters."""

    verb: str
    path: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def school(self) -> str:
        """Whose probe it says to be."""
        return self.fields.get(SCHOOL_FIELD.lower(), "")

    @property
    def challenge(self) -> str:
        """What this endpoint gave it."""
        return self.fields.get(CHALLENGE_FIELD.lower(), "")

    @property
    def proof(self) -> str:
        """Its answer to that."""
        return self.fields.get(PROOF_FIELD.lower(), "")

    @property
    def seconds(self) -> float:
        """How long the test shall be, within this endpoint's bound."""
        asked = self.fields.get(SECONDS_FIELD.lower(), "")
        return float(min(MOST_SECONDS, int(asked))) if asked.isdigit() and len(asked) < 3 else 1.0  # noqa: PLR2004


def parse_request(head: bytes) -> Request:
    r"""The request in a head.

    >>> parse_request(b"GET /v1/throughput/report HTTP/1.1\r\nTsunagu-School: as-e04").school
    'as-e04'

    Raises:
        NoRequest: it is none.
    """
    first, *rest = head.decode("latin-1").split("\r\n")
    line = _LINE.fullmatch(first)
    fields = [_FIELD.fullmatch(one) for one in rest if one]
    if line is None or not all(fields):
        raise NoRequest
    return Request(line[1], line[2], {one[1].lower(): one[2] for one in fields if one})


def receive_request(opened: socket.socket, within: float) -> Request | None:
    """The next request of a connection; None where it is over.

    Raises:
        NoRequest: what came is none, or too much, or it came too slowly.
        OSError: the connection broke.
    """
    deadline, head = time.monotonic() + within, b""
    while b"\r\n\r\n" not in head:
        left = deadline - time.monotonic()
        if left <= 0 or len(head) >= _MOST_BYTES:
            raise NoRequest
        opened.settimeout(left)
        # One byte more than a head would be the beginning of a body, and is that of nobody: a body waits for its 100.
        more = opened.recv(_MOST_BYTES - len(head))
        if not more:
            if head:
                raise NoRequest
            return None
        head += more
    return parse_request(head.partition(b"\r\n\r\n")[0])

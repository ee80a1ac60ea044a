"""How long a name look-up over UDP takes over a path."""

from __future__ import annotations

import secrets
import socket
import struct
import time

from controller.probe_agent.configuration import ProbedPath
from controller.probe_agent.probing.bound_socket import open_bound_socket

_HEADER = struct.Struct("!HHHHHH")
_A, _AAAA, _INTERNET = 1, 28, 1
_RECURSION, _RESPONSE, _CODE = 0x0100, 0x8000, 0x000F
_MOST_BYTES = 4_096


def measure_lookup(path: ProbedPath, port: int, name: str, within: float) -> float | None:
    """Seconds until the name server at a path's target gave an address; None where it did not in time."""
    query = build_query(secrets.randbelow(1 << 16), name, _AAAA if path.family == "ipv6" else _A)
    try:
        with open_bound_socket(path, socket.SOCK_DGRAM) as opened:
            opened.connect((path.target, port))
            began = time.monotonic()
            opened.send(query)
            while (left := began + within - time.monotonic()) > 0:
                opened.settimeout(left)
                if answers_query(query, opened.recv(_MOST_BYTES)):
                    return time.monotonic() - began
    except OSError:
        return None
    return None


def build_query(number: int, name: str, kind: int) -> bytes:
    r"""A query of DNS (RFC 1035) for one name.

    >>> build_query(1, "www.example.jp", 1)[12:]
    b'\x03www\x07example\x02jp\x00\x00\x01\x00\x01'
    """
    labels = [one.encode("idna") for one in name.rstrip(".").split(".")]
    question = b"".join(bytes((len(one),)) + one for one in labels) + b"\0" + struct.pack("!HH", kind, _INTERNET)
    return _HEADER.pack(number, _RECURSION, 1, 0, 0, 0) + question


def answers_query(query: bytes, packet: bytes) -> bool:
    """Whether a packet is the answer to a query, and holds something."""
    if len(packet) < len(query) or packet[_HEADER.size : len(query)].lower() != query[_HEADER.size :].lower():
        return False
    number, flags, _, answers, _, _ = _HEADER.unpack_from(packet)
    return number == _HEADER.unpack_from(query)[0] and bool(flags & _RESPONSE) and not flags & _CODE and answers > 0

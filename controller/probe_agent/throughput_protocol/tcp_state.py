"""What Linux says of a TCP connection (TCP_INFO): bytes that arrived, what was sent again, round trip, window."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

_LAYOUT = struct.Struct("=8B24L4Q6L")
"""The beginning of `struct tcp_info` (linux/tcp.h); every kernel since 4.9 gives at least so much."""
_WORDS, _LONG_WORDS, _LAST_WORDS = 8, 32, 36
_MSS, _ROUND_TRIP, _WINDOW, _AGAIN = _WORDS + 2, _WORDS + 15, _WORDS + 18, _WORDS + 23
_ACKNOWLEDGED, _RECEIVED = _LONG_WORDS + 2, _LONG_WORDS + 3
_LEAST_ROUND_TRIP, _SEGMENTS = _LAST_WORDS + 3, _LAST_WORDS + 5
_NEVER = 0xFFFFFFFF
_LEAVE_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class TcpState:
    """A connection's counts since it began; times are in seconds.

    `window` is how many bytes may be on the way at once.
    """

    received: int
    acknowledged: int
    segments: int
    retransmitted: int
    window: int
    round_trip: float
    least_round_trip: float


def read_tcp_state(opened: socket.socket) -> TcpState:
    """What the kernel says of a connection.

    Raises:
        OSError: it is no TCP connection, or the kernel does not say so much.
    """
    return parse_tcp_state(opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAYOUT.size))


def parse_tcp_state(said: bytes) -> TcpState:
    """The counts in a TCP_INFO.

    Raises:
        OSError: it is too short: an older kernel's.
    """
    if len(said) < _LAYOUT.size:
        message = f"the kernel says only {len(said)} bytes of a connection, and not what arrived over it"
        raise OSError(message)
    found = _LAYOUT.unpack_from(said)
    least = found[_LEAST_ROUND_TRIP]
    return TcpState(
        received=found[_RECEIVED],
        acknowledged=found[_ACKNOWLEDGED],
        segments=found[_SEGMENTS],
        retransmitted=found[_AGAIN],
        window=found[_WINDOW] * found[_MSS],
        round_trip=found[_ROUND_TRIP] / 1e6,
        least_round_trip=(found[_ROUND_TRIP] if least == _NEVER else least) / 1e6,
    )


def close_at_once(opened: socket.socket) -> None:
    """Close by a reset: what waits to be sent would still fill the line when the test is over."""
    with suppress(OSError):  # it is gone already
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LEAVE_AT_ONCE)
    opened.close()

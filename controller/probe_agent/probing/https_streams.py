"""The streams of a test over HTTPS at the probe's end: all of them in one loop, so that a small board keeps up."""

from __future__ import annotations

import selectors
import ssl
import time
from collections.abc import Callable, Sequence

from controller.probe_agent.throughput_protocol.tcp_state import read_tcp_state

_BLOCK_BYTES = 128 * 1024
_SAMPLE_SECONDS = 0.02
_MOST_TURNS = 32
"""Records that one stream may give before the others have their turn."""
_LATER = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
Samples = list[tuple[float, int]]
Move = Callable[[ssl.SSLSocket], bool]
"""Moves some bytes over a stream, if there are any; False: it is over."""


def receive_streams(streams: Sequence[ssl.SSLSocket], seconds: float) -> list[Samples]:
    """Take what comes over all streams for so many seconds; what had arrived of each at each time.

    Raises:
        OSError: the kernel does not say what arrived.
    """
    block = bytearray(_BLOCK_BYTES)

    def receive_block(stream: ssl.SSLSocket) -> bool:
        return bool(stream.recv_into(block))

    return _run_streams(streams, seconds, selectors.EVENT_READ, receive_block)


def send_streams(streams: Sequence[ssl.SSLSocket], seconds: float) -> list[Samples]:
    """Send over all streams for so many seconds; what the far end had acknowledged is in the kernel's own counts.

    Raises:
        OSError: the kernel does not say what was sent.
    """
    block = memoryview(bytes(_BLOCK_BYTES))

    def send_block(stream: ssl.SSLSocket) -> bool:
        return bool(stream.send(block))

    return _run_streams(streams, seconds, selectors.EVENT_WRITE, send_block)


def _run_streams(streams: Sequence[ssl.SSLSocket], seconds: float, event: int, move: Move) -> list[Samples]:
    samples: list[Samples] = [[] for _ in streams]
    deadline, due = time.monotonic() + seconds, 0.0
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            stream.settimeout(0)
            selector.register(stream, event)
        unfinished: list[ssl.SSLSocket] = list(streams)  # TLS may hold what no selector sees
        while (now := time.monotonic()) < deadline and selector.get_map():
            if now >= due:
                _note(streams, samples, now)
                due = now + _SAMPLE_SECONDS
            wait = 0.0 if unfinished else min(due, deadline) - now
            ready = {key.fileobj for key, _ in selector.select(max(0.0, wait))}
            turn = [one for one in streams if one in ready or one in unfinished]
            unfinished = [one for one in turn if _move_some(one, move, selector)]
    _note(streams, samples, time.monotonic())
    return samples


def _move_some(stream: ssl.SSLSocket, move: Move, selector: selectors.BaseSelector) -> bool:
    """Let a stream have its turn; whether it has more to do at once."""
    try:
        for _ in range(_MOST_TURNS):
            if not move(stream):
                selector.unregister(stream)
                return False
    except _LATER:
        return False
    except OSError:
        selector.unregister(stream)  # what arrived until now counts; that it ended early is seen in the samples
        return False
    return True


def _note(streams: Sequence[ssl.SSLSocket], samples: Sequence[Samples], now: float) -> None:
    for stream, mine in zip(streams, samples, strict=True):
        mine.append((now, read_tcp_state(stream).received))

"""One stream of a test: bytes to a probe or from it for so many seconds, and what the kernel counts of them."""

from __future__ import annotations

import socket
import time
from contextlib import suppress

from controller.probe_agent.endpoint.admission import StreamReport
from controller.probe_agent.throughput_protocol.tcp_state import read_tcp_state

BLOCK_BYTES = 128 * 1024
SAMPLE_SECONDS = 0.02
_SPARE_SECONDS = 1.0
"""What was sent at the end of a test is on the way for a moment."""
_WAIT_SECONDS = 0.2


def send_bytes(opened: socket.socket, seconds: float, report: StreamReport) -> None:
    """Send until the probe has enough, for a little more than so many seconds: its clock began later than this one."""
    block = memoryview(bytes(BLOCK_BYTES))
    deadline, due = time.monotonic() + seconds + _SPARE_SECONDS, 0.0
    opened.settimeout(_WAIT_SECONDS)
    while (now := time.monotonic()) < deadline:
        if now >= due:
            note_sender(opened, report)
            due = now + SAMPLE_SECONDS
        try:
            opened.send(block)  # a part of it: who takes it slowly does not hold this test beyond its end
        except TimeoutError:
            continue
        except OSError:
            break  # the probe has enough, or the line is gone: it knows
    note_sender(opened, report)


def receive_bytes(opened: socket.socket, seconds: float, report: StreamReport) -> None:
    """Take what comes until the probe ends it, for a little more than so many seconds."""
    block = bytearray(BLOCK_BYTES)
    deadline, due = time.monotonic() + seconds + _SPARE_SECONDS, 0.0
    opened.settimeout(_WAIT_SECONDS)
    while (now := time.monotonic()) < deadline:
        if now >= due:
            note_arrived(opened, now, report)
            due = now + SAMPLE_SECONDS
        try:
            if not opened.recv_into(block):
                break
        except TimeoutError:
            continue
        except OSError:
            break  # it ends by a reset: what the probe had not sent yet is not wanted any more
    note_arrived(opened, time.monotonic(), report)


def note_arrived(opened: socket.socket, now: float, report: StreamReport) -> None:
    """Write down what the kernel has received; a connection that is gone leaves what it had."""
    with suppress(OSError):
        report.samples.append((now, read_tcp_state(opened).received))


def note_sender(opened: socket.socket, report: StreamReport) -> None:
    """Write down what this end had to send; a connection that is gone leaves what it had."""
    with suppress(OSError):
        state = read_tcp_state(opened)
        report.segments, report.retransmitted, report.window = state.segments, state.retransmitted, state.window

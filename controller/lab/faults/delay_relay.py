"""Carries Ethernet frames between two TAP interfaces, each one some milliseconds late; the kernel here has no netem.

Run as `python -m controller.lab.faults.delay_relay NEAR FAR MILLISECONDS` in a carrier's namespace. Prints its process
number when both interfaces are there; they go when it ends. A frame keeps its virtio header, so that the kernel hands
over whole segments (GSO) and one core carries more than a line; tests/benchmarks/delay_relay.py measures that.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0
_TAP, _NO_INFORMATION, _VIRTIO_HEADER = 0x0002, 0x1000, 0x4000
_CHECKSUM, _TCP4, _TCP6, _ECN = 0x01, 0x02, 0x04, 0x08
_FRAME = 70_000
"""More than the largest frame with its header."""
_MOST_BYTES = 64 * 1024 * 1024
"""Held back at most in each direction; what comes beyond it is lost, as in any queue."""
_AT_ONCE = 64
Held = deque[tuple[float, bytes]]


def make_tap(name: str) -> int:
    """A TAP interface as a file that never blocks, whose frames may be whole TCP segments.

    Raises:
        OSError: there is no TUN driver, or this program may not use it.
    """
    opened = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(opened, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP | _NO_INFORMATION | _VIRTIO_HEADER))
    fcntl.ioctl(opened, _TUNSETOFFLOAD, _CHECKSUM | _TCP4 | _TCP6 | _ECN)
    return opened


def relay_frames(near: int, far: int, seconds: float) -> None:
    """Carry frames both ways until the process is ended."""
    ways: tuple[tuple[int, int, Held], ...] = ((near, far, deque()), (far, near, deque()))
    sizes = [0, 0]
    while True:
        due = min((held[0][0] for _, _, held in ways if held), default=None)
        patience = None if due is None else max(0.0, due - time.monotonic())
        ready, _, _ = select.select((near, far), (), (), patience)
        for number, (source, target, held) in enumerate(ways):
            if source in ready:
                sizes[number] += _take(source, held, seconds, _MOST_BYTES - sizes[number])
            sizes[number] -= _give(target, held)


def _take(source: int, held: Held, seconds: float, room: int) -> int:
    """Take in what has come; returns its bytes."""
    taken = 0
    for _ in range(_AT_ONCE):
        try:
            frame = os.read(source, _FRAME)
        except BlockingIOError:
            break
        if taken + len(frame) <= room:
            held.append((time.monotonic() + seconds, frame))
            taken += len(frame)
    return taken


def _give(target: int, held: Held) -> int:
    """Hand on what is due; returns its bytes."""
    given = 0
    now = time.monotonic()
    while held and held[0][0] <= now:
        _, frame = held.popleft()
        given += len(frame)
        try:
            os.write(target, frame)
        except BlockingIOError:
            continue  # a full queue loses packets
        except OSError:
            continue  # an interface that is down takes none
    return given


def main(near: str, far: str, milliseconds: str) -> None:
    """Relay between two new interfaces."""
    ends = make_tap(near), make_tap(far)
    sys.stdout.write(f"{os.getpid()}\n")
    sys.stdout.close()
    relay_frames(*ends, float(milliseconds) / 1000)


if __name__ == "__main__":
    main(*sys.argv[1:])

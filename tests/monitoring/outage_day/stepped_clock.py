"""A clock that only a test moves, shared with the processes that run under it.

    python -m tests.monitoring.outage_day.stepped_clock CLOCK WORDS...   a monitor, with these words, under the clock

The wall's clock and the one that runs on are the test's. What waits inside the process (the event loop) goes on by the
machine's own, so the monitor answers while the day stands still.
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Callable
from mmap import ACCESS_READ, mmap
from pathlib import Path

_FORM = struct.Struct("<d")
_RUNNING_AT_START = 100_000.0
"""Seconds on the clock that runs on when the day begins."""


class SteppedClock:
    """The clock, as the test holds it: in a file that other processes look at."""

    def __init__(self, path: Path, begins: float) -> None:
        self.path, self.begins, self.now = path, begins, begins
        path.write_bytes(_FORM.pack(begins) + _FORM.pack(begins))
        self._file = path.open("r+b", buffering=0)
        self._shared = mmap(self._file.fileno(), 2 * _FORM.size)

    def move_to(self, now: float) -> None:
        """Let it be later."""
        self.now = now
        self._shared[: _FORM.size] = _FORM.pack(now)

    def close(self) -> None:
        """Let go of the file."""
        self._shared.close()
        self._file.close()


def follow_clock(path: Path) -> Callable[[], float]:
    """Make a test's clock this process' own; gives what reads it."""
    with path.open("rb") as file:
        shared = mmap(file.fileno(), 2 * _FORM.size, access=ACCESS_READ)
    begins: float = _FORM.unpack(shared[_FORM.size :])[0]
    machine = time.clock_gettime

    def read() -> float:
        now: float = _FORM.unpack(shared[: _FORM.size])[0]
        return now

    def read_running(which: int) -> float:
        return read() - begins + _RUNNING_AT_START if which == time.CLOCK_BOOTTIME else machine(which)

    time.time = read
    time.time_ns = lambda: int(read() * 1e9)
    time.clock_gettime = read_running
    return read


def main(words: list[str]) -> int:
    """Run a monitor under the clock."""
    follow_clock(Path(words[0]))
    from monitoring.__main__ import main as run_monitor  # noqa: PLC0415 the clock is put in its place first

    return run_monitor(words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

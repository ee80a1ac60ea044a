"""Signals that ask this process to end: Ctrl-C, a service that is stopped, a terminal that is closed (SIGHUP).

One that is ignored already stays ignored: `nohup` means that a closed terminal ends nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], object]


@contextmanager
def hear_signals(on_signal: Callable[[str], None]) -> Iterator[None]:
    """Call a function with the name of each of these signals, instead of ending."""

    def tell_signal(number: int, frame: FrameType | None) -> None:
        del frame
        on_signal(signal.Signals(number).name)

    with _handle_signals(tell_signal):
        yield


@contextmanager
def end_like_interrupt() -> Iterator[None]:
    """Raise KeyboardInterrupt at each of these signals."""

    def raise_interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    with _handle_signals(raise_interrupt):
        yield


@contextmanager
def ignore_ending_signals() -> Iterator[None]:
    """Let none of these signals in, while devices that have begun are brought to their ends."""
    with _handle_signals(signal.SIG_IGN):
        yield


@contextmanager
def _handle_signals(handler: _Handler | signal.Handlers) -> Iterator[None]:
    # What stood there is known before anything is changed: a signal that comes in the middle of this, and whose handler
    # raises, finds all of them put back.
    before = {number: signal.getsignal(number) for number in ENDING}
    chosen = [number for number, old in before.items() if old is not signal.SIG_IGN]
    try:
        for number in chosen:
            signal.signal(number, handler)
        yield
    finally:
        for number in reversed(chosen):
            signal.signal(number, before[number])
